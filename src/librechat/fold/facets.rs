//! What newer versions of LibreChat tell of agents, users, files, conversations and answers. A figure of a field that no
//! document has is absent: an older LibreChat does not know, which is not none.

use std::collections::{BTreeMap, BTreeSet};

use super::{Fold, count};
use crate::exposition::family::{Description, Family};
use crate::exposition::samples::Samples;
use crate::librechat::record::id::{Id, Key};
use crate::librechat::record::{Agent, Conversation, File, Group, Record, User};
use crate::librechat::scope::{Names, UNKNOWN};

static AGENTS_BY_CATEGORY: Family<1> =
    Family::gauge("librechat_agents_by_category", ["category"], "Number of agents by category");
static AGENTS_BY_PROVIDER: Family<1> = Family::gauge(
    "librechat_agents_by_provider",
    ["provider"],
    "Number of agents by the endpoint of their model",
);
static AGENTS_BY_SERVER: Family<1> = Family::gauge(
    "librechat_agents_by_mcp_server",
    ["server"],
    "Number of agents that have tools of an MCP server; who has tools of several counts for each",
)
.not_additive();
static PROMOTED: Family<0> = Family::gauge(
    "librechat_promoted_agents",
    [],
    "Number of agents that are promoted (only where LibreChat tells)",
)
.momentary();
static TWO_FACTOR: Family<0> = Family::gauge(
    "librechat_users_with_two_factor",
    [],
    "Number of registered users with two-factor authentication (only where LibreChat tells)",
)
.momentary();
static TERMS: Family<0> = Family::gauge(
    "librechat_users_accepted_terms",
    [],
    "Number of registered users who have accepted the terms (only where LibreChat tells)",
)
.momentary();
static MEMBERS: Family<1> = Family::gauge(
    "librechat_group_members",
    ["group"],
    "Number of a group's members, registered or not; who is in several groups counts in each",
)
.not_additive();
static ARCHIVED: Family<0> = Family::gauge(
    "librechat_archived_conversation_ratio",
    [],
    "Share of the conversations that are archived, of those that say; 0 to 1 (only where LibreChat tells)",
)
.momentary();
static TEMPORARY: Family<0> = Family::gauge(
    "librechat_temporary_conversation_ratio",
    [],
    "Share of the conversations that are temporary, of those that say; 0 to 1 (only where LibreChat tells)",
)
.momentary();
static FILES_BY_SOURCE: Family<1> =
    Family::gauge("librechat_files_by_source", ["source"], "Number of files by where they are stored");
static FILES_BY_CONTEXT: Family<1> =
    Family::gauge("librechat_files_by_context", ["context"], "Number of files by what they are for");
static PREVIEWS: Family<1> = Family::gauge(
    "librechat_file_previews",
    ["status"],
    "Number of files with a preview by its status, also failed ones (only where LibreChat tells)",
)
.momentary();
static ORPHANS: Family<0> = Family::gauge(
    "librechat_orphan_files",
    [],
    "Number of files of conversations that are gone (only where files name a conversation)",
)
.momentary();
static FINISH_REASONS: Family<1> = Family::gauge(
    "librechat_answers_by_finish_reason",
    ["finish_reason"],
    "Number of answers by why the model stopped, copies left out (only where LibreChat tells)",
);

/// How many say yes, of those that say anything.
#[derive(Clone, Copy, Debug, Default)]
struct Answered {
    yes: usize,
    all: usize,
}

impl Answered {
    fn add(&mut self, answer: Option<bool>) {
        self.all += usize::from(answer.is_some());
        self.yes += usize::from(answer == Some(true));
    }

    const fn merge(&mut self, other: Self) {
        self.all += other.all;
        self.yes += other.yes;
    }

    fn export(self, family: &'static Family<0>, samples: &mut Samples) {
        if self.all > 0 {
            samples.push(family, [], count(self.yes));
        }
    }
}

type Counts = BTreeMap<String, usize>;

#[derive(Clone, Debug, Default)]
pub struct Facets {
    categories: Counts,
    providers: Counts,
    servers: Counts,
    promoted: Answered,
    two_factor: Answered,
    terms: Answered,
    members: BTreeMap<String, BTreeSet<Id>>,
    archived: Answered,
    temporary: Answered,
    sources: Counts,
    contexts: Counts,
    previews: Counts,
    files: BTreeMap<Key, usize>,
    finish_reasons: Counts,
}

fn add(counts: &mut Counts, label: Option<&str>) {
    let label = label.filter(|label| !label.is_empty()).unwrap_or(UNKNOWN);
    match counts.get_mut(label) {
        Some(count) => *count += 1,
        None => {
            counts.insert(label.to_owned(), 1);
        }
    }
}

fn merge(into: &mut Counts, from: &Counts) {
    for (label, count) in from {
        *into.entry(label.clone()).or_default() += count;
    }
}

impl Facets {
    fn agent(&mut self, agent: &Agent<'_>) {
        add(&mut self.categories, agent.category.as_deref());
        add(&mut self.providers, agent.provider.as_deref());
        self.promoted.add(agent.is_promoted);
        let servers: BTreeSet<&str> = agent.mcp_servers.iter().map(|server| &**server).collect();
        servers.into_iter().for_each(|server| add(&mut self.servers, Some(server)));
    }

    fn user(&mut self, user: &User<'_>) {
        self.two_factor.add(user.has_two_factor);
        self.terms.add(user.has_accepted_terms);
    }

    fn group(&mut self, group: &Group<'_>) {
        let id = || group.id.as_ref().map(Id::to_string);
        let label = group.name.as_deref().map(str::to_owned).or_else(id);
        let members = self.members.entry(label.unwrap_or_else(|| UNKNOWN.to_owned())).or_default();
        members.extend(group.members.iter().cloned());
    }

    fn conversation(&mut self, conversation: &Conversation<'_>) {
        self.archived.add(conversation.is_archived);
        self.temporary.add(conversation.is_temporary);
    }

    fn file(&mut self, file: &File<'_>) {
        add(&mut self.sources, file.source.as_deref());
        add(&mut self.contexts, file.context.as_deref());
        if let Some(status) = file.status.as_deref() {
            add(&mut self.previews, Some(status));
        }
        if let Some(conversation) = file.conversation {
            *self.files.entry(conversation).or_default() += 1;
        }
    }
}

impl Fold for Facets {
    const FAMILIES: &'static [Description] = &[
        AGENTS_BY_CATEGORY.describe(),
        AGENTS_BY_PROVIDER.describe(),
        AGENTS_BY_SERVER.describe(),
        PROMOTED.describe(),
        TWO_FACTOR.describe(),
        TERMS.describe(),
        MEMBERS.describe(),
        ARCHIVED.describe(),
        TEMPORARY.describe(),
        FILES_BY_SOURCE.describe(),
        FILES_BY_CONTEXT.describe(),
        PREVIEWS.describe(),
        ORPHANS.describe(),
        FINISH_REASONS.describe(),
    ];

    fn absorb(&mut self, record: &Record<'_>) {
        match record {
            Record::Agent(agent) => self.agent(agent),
            Record::User(user) => self.user(user),
            Record::Group(group) => self.group(group),
            Record::Conversation(conversation) => self.conversation(conversation),
            Record::File(file) => self.file(file),
            Record::Message(message) if !message.is_copy => {
                if let Some(reason) = message.finish_reason.as_deref() {
                    add(&mut self.finish_reasons, Some(reason));
                }
            }
            _ => {}
        }
    }

    fn merge(&mut self, other: &Self) {
        for (into, from) in [
            (&mut self.categories, &other.categories),
            (&mut self.providers, &other.providers),
            (&mut self.servers, &other.servers),
            (&mut self.sources, &other.sources),
            (&mut self.contexts, &other.contexts),
            (&mut self.previews, &other.previews),
            (&mut self.finish_reasons, &other.finish_reasons),
        ] {
            merge(into, from);
        }
        self.promoted.merge(other.promoted);
        self.two_factor.merge(other.two_factor);
        self.terms.merge(other.terms);
        self.archived.merge(other.archived);
        self.temporary.merge(other.temporary);
        for (group, members) in &other.members {
            self.members.entry(group.clone()).or_default().extend(members.iter().cloned());
        }
        for (conversation, files) in &other.files {
            *self.files.entry(*conversation).or_default() += files;
        }
    }

    fn export_totals(&self, names: &Names<'_>, samples: &mut Samples) {
        for (family, counts) in [
            (&AGENTS_BY_CATEGORY, &self.categories),
            (&AGENTS_BY_PROVIDER, &self.providers),
            (&AGENTS_BY_SERVER, &self.servers),
            (&FILES_BY_SOURCE, &self.sources),
            (&FILES_BY_CONTEXT, &self.contexts),
            (&PREVIEWS, &self.previews),
            (&FINISH_REASONS, &self.finish_reasons),
        ] {
            counts.iter().for_each(|(label, number)| samples.push(family, [label], count(*number)));
        }
        for (group, members) in &self.members {
            samples.push(&MEMBERS, [group], count(members.len()));
        }
        self.promoted.export(&PROMOTED, samples);
        self.two_factor.export(&TWO_FACTOR, samples);
        self.terms.export(&TERMS, samples);
        for (family, answered) in [(&ARCHIVED, self.archived), (&TEMPORARY, self.temporary)] {
            samples.push_mean(family, [], count(answered.yes), count(answered.all));
        }
        if !self.files.is_empty() {
            let gone = self.files.iter().filter(|(conversation, _)| !names.has_conversation(**conversation));
            samples.push(&ORPHANS, [], count(gone.map(|(_, files)| files).sum()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::librechat::fold::testing::lines;
    use crate::librechat::record::Message;

    /// Section I, row D63.
    #[test]
    fn d63_fields_that_no_document_has_say_nothing_and_files_of_chats_that_are_gone_are_orphans() {
        let file = |conversation: &'static str, status: Option<&'static str>| {
            Record::File(File {
                conversation: Some(conversation.into()),
                status: status.map(Into::into),
                source: Some("local".into()),
                ..File::default()
            })
        };
        let conversation = |id: &'static str, is_archived: Option<bool>| {
            Record::Conversation(Conversation { id: Some(id.into()), is_archived, ..Conversation::default() })
        };
        let agent = Agent {
            category: Some("general".into()),
            mcp_servers: vec!["wiki".into(), "wiki".into(), "issues".into()],
            ..Agent::default()
        };
        let user = |has_two_factor| Record::User(User { has_two_factor, ..User::default() });
        let answer = |is_copy| {
            let finish_reason = Some("stop".into());
            Record::Message(Message { finish_reason, is_copy, ..Message::default() })
        };
        let records = [
            conversation("here", Some(true)),
            conversation("there", Some(false)),
            conversation("of an old version", None),
            file("here", Some("failed")),
            file("gone", None),
            Record::Agent(agent),
            user(Some(true)),
            user(Some(false)),
            user(None),
            answer(false),
            answer(true),
        ];
        assert_eq!(
            lines::<Facets>(&records, &[], 0),
            [
                r#"librechat_agents_by_category{category="general"} 1"#,
                r#"librechat_agents_by_mcp_server{server="issues"} 1"#,
                r#"librechat_agents_by_mcp_server{server="wiki"} 1"#,
                r#"librechat_agents_by_provider{provider="unknown"} 1"#,
                r#"librechat_answers_by_finish_reason{finish_reason="stop"} 1"#,
                "librechat_archived_conversation_ratio 0.5",
                r#"librechat_file_previews{status="failed"} 1"#,
                r#"librechat_files_by_context{context="unknown"} 2"#,
                r#"librechat_files_by_source{source="local"} 2"#,
                "librechat_orphan_files 1",
                "librechat_users_with_two_factor 1",
            ]
        );
        assert!(lines::<Facets>(&[user(None)], &[], 0).is_empty());
    }
}
