//! What exports may look up besides their own state: the instant, who belongs to an id, and what happened lately.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::recent::{DAY, LONGEST, Recent};
use super::record::id::{Id, Key};
use super::record::{Group, Moment, Record};

/// The label of users of whom no domain is known.
pub const UNKNOWN: &str = "unknown";

/// What is made of the records, besides the records themselves.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// `None`: without the per-user families.
    pub per_user: Option<UserLabel>,
    /// Beyond this many values of a label the smallest go into `other`.
    pub max_label_values: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { per_user: None, max_label_values: 200 }
    }
}

/// What the label `id` of a user is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserLabel {
    Id,
    Email,
}

/// Users' domains, agents' names, which agent a conversation is with, and who is in which group.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    users: HashMap<Id, Person>,
    agents: HashMap<Box<str>, Option<Box<str>>>,
    conversations: HashMap<Key, Box<str>>,
    groups: BTreeSet<Arc<str>>,
    /// The groups of each member, by whichever id they have the member.
    members: HashMap<Id, Vec<Arc<str>>>,
    keeps_emails: bool,
}

#[derive(Clone, Debug)]
struct Person {
    domain: Option<Box<str>>,
    /// Kept only when it is to be shown.
    email: Option<Box<str>>,
    source_id: Option<Id>,
}

impl Directory {
    pub fn new(options: &Options) -> Self {
        let keeps_emails = options.per_user == Some(UserLabel::Email);
        Self { keeps_emails, ..Self::default() }
    }

    pub fn absorb(&mut self, record: &Record<'_>) {
        match record {
            Record::User(user) => {
                if let Some(id) = &user.id {
                    let domain = user.email.as_deref().and_then(domain).map(Into::into);
                    let email = user.email.as_deref().filter(|email| self.keeps_emails && !email.is_empty());
                    let (email, source_id) = (email.map(Into::into), user.source_id.clone());
                    self.users.insert(id.clone(), Person { domain, email, source_id });
                }
            }
            Record::Agent(agent) => {
                if let Some(id) = agent.id.as_deref() {
                    let name = agent.name.as_deref().filter(|name| !name.is_empty());
                    self.agents.insert(id.into(), name.map(Into::into));
                }
            }
            Record::Group(group) => self.group(group),
            Record::Conversation(conversation) => {
                if let (Some(id), Some(agent)) = (conversation.id, conversation.agent.as_deref()) {
                    self.conversations.insert(id, agent.into());
                }
            }
            _ => {}
        }
    }

    /// A group without a name is shown by its id.
    fn group(&mut self, group: &Group<'_>) {
        let id = || group.id.as_ref().map(Id::to_string);
        let label = group.name.as_deref().map(str::to_owned).or_else(id);
        let label: Arc<str> = label.as_deref().unwrap_or(UNKNOWN).into();
        for member in &group.members {
            self.member(member, &label);
        }
        self.groups.insert(label);
    }

    fn member(&mut self, member: &Id, label: &Arc<str>) {
        let labels = self.members.entry(member.clone()).or_default();
        if !labels.contains(label) {
            labels.push(Arc::clone(label));
        }
    }

    pub fn merge(&mut self, other: &Self) {
        self.users.extend(other.users.iter().map(|(id, person)| (id.clone(), person.clone())));
        self.agents.extend(other.agents.iter().map(|(id, name)| (id.clone(), name.clone())));
        self.conversations.extend(other.conversations.iter().map(|(id, agent)| (*id, agent.clone())));
        self.groups.extend(other.groups.iter().cloned());
        for (member, labels) in &other.members {
            labels.iter().for_each(|label| self.member(member, label));
        }
    }
}

/// What an export is given: `at`, the instant of all values, the directory, and what happened lately.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    pub at: Moment,
    pub directory: &'a Directory,
    pub recent: &'a Recent,
    pub options: Options,
}

/// A time window that ends at the instant of an export, its first moment included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    Day,
    Week,
    Month,
}

impl Window {
    const fn millis(self) -> i64 {
        match self {
            Self::Day => DAY,
            Self::Week => 7 * DAY,
            Self::Month => LONGEST,
        }
    }
}

impl<'a> Scope<'a> {
    /// The first moment of a window.
    pub const fn start(&self, window: Window) -> Moment {
        self.at.before(window.millis())
    }

    /// How a user is shown in the per-user families; nobody unless they are wanted. A user who is gone, or has no
    /// email address, is shown by id.
    pub fn user_label(&self, user: Option<&Id>) -> Option<String> {
        let (label, user) = (self.options.per_user?, user?);
        let email = || self.directory.users.get(user)?.email.as_deref();
        let shown = email().filter(|_| label == UserLabel::Email);
        Some(shown.map_or_else(|| user.to_string(), str::to_owned))
    }

    /// The domain of a user, or `unknown`.
    pub fn domain(&self, user: Option<&Id>) -> &'a str {
        user.and_then(|id| self.directory.users.get(id)?.domain.as_deref()).unwrap_or(UNKNOWN)
    }

    /// The labels of all groups.
    pub fn groups(&self) -> impl Iterator<Item = &'a str> {
        self.directory.groups.iter().map(|label| &**label)
    }

    /// The labels of the groups that a user is in, each once: groups of one name are one.
    pub fn groups_of(&self, user: Option<&Id>) -> BTreeSet<&'a str> {
        let source_id = user.and_then(|id| self.directory.users.get(id)?.source_id.as_ref());
        let ids = [user, source_id].into_iter().flatten();
        ids.filter_map(|id| self.directory.members.get(id)).flatten().map(|label| &**label).collect()
    }

    /// The label of an agent that still exists.
    pub fn existing_agent<'b>(&self, id: &'b str) -> Option<&'b str>
    where
        'a: 'b,
    {
        self.directory.agents.get(id).map(|name| name.as_deref().unwrap_or(id))
    }

    /// The label of an agent: its name, else its id.
    pub fn agent<'b>(&self, id: &'b str) -> &'b str
    where
        'a: 'b,
    {
        self.existing_agent(id).unwrap_or(id)
    }

    /// The agent that a conversation is with.
    pub fn conversation_agent(&self, conversation: Key) -> Option<&'a str> {
        self.directory.conversations.get(&conversation).map(|agent| &**agent)
    }
}

/// What follows the first `@`, in lower case, when there is something on both sides of it.
pub fn domain(email: &str) -> Option<String> {
    let (local, domain) = email.split_once('@')?;
    (!local.is_empty() && !domain.is_empty()).then(|| domain.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_what_follows_the_first_at_sign() {
        let cases = [
            ("User.0@Example.COM", Some("example.com")),
            ("a@b@Example.org", Some("b@example.org")),
            ("x@M\u{dc}LLER.example", Some("m\u{fc}ller.example")),
            ("x@example.org ", Some("example.org ")),
            ("@example.org", None),
            ("x@", None),
            ("x", None),
            ("", None),
        ];
        for (email, expected) in cases {
            assert_eq!(domain(email).as_deref(), expected, "{email:?}");
        }
    }
}
