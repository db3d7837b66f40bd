//! What exports may look up besides their own state: the instant, who belongs to an id, and what happened lately.

use std::collections::{BTreeSet, HashMap};
use std::ops::Deref;
use std::sync::Arc;

use super::numbered::{ByNumber, Number, Numbered};
use super::presence::Presence;
use super::pseudonym::Salt;
use super::recent::{DAY, LONGEST, Recent};
use super::record::id::{Id, Key};
use super::record::{Group, Moment, Record};
use super::table::{Combine, Table};

/// The label of users of whom no domain is known.
pub const UNKNOWN: &str = "unknown";

/// The agent that was read last.
impl Combine for Number {
    fn combine(&mut self, other: Self) {
        *self = other;
    }
}

/// What is made of the records, besides the records themselves.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// `None`: without the per-user families.
    pub per_user: Option<UserLabel>,
    /// Beyond this many values of a label the smallest go into `other`.
    pub max_label_values: usize,
    /// Beyond this many series in all the families with the most give way.
    pub max_series: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { per_user: None, max_label_values: 200, max_series: 50_000 }
    }
}

/// What the label `id` of a user is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserLabel {
    Id,
    Email,
    /// What stands for the id, under a salt that the operator keeps.
    Pseudonym(Salt),
}

/// Users' domains, agents' names, which agent a conversation is with, and who is in which group.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    users: HashMap<Id, Person>,
    domains: Numbered<Box<str>>,
    agents: HashMap<Box<str>, Option<Box<str>>>,
    /// By the number of an agent's id.
    conversations: Table<Key, Number>,
    agent_ids: Numbered<Box<str>>,
    groups: BTreeSet<Arc<str>>,
    /// The groups of each member, by whichever id they have the member.
    members: HashMap<Id, Vec<Arc<str>>>,
    keeps_emails: bool,
}

#[derive(Clone, Debug)]
struct Person {
    domain: Option<Number>,
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
                    let domain = user.email.as_deref().and_then(domain);
                    let domain = domain.and_then(|domain| self.domains.number(&*domain));
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
                if let (Some(id), Some(agent)) = (conversation.id, conversation.agent.as_deref())
                    && let Some(agent) = self.agent_ids.number(agent)
                {
                    self.conversations.add(id, agent);
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
        let domains = self.domains.take_in(&other.domains);
        self.users.extend(other.users.iter().map(|(id, person)| {
            let domain = person.domain.and_then(|domain| domains.number(domain));
            (id.clone(), Person { domain, ..person.clone() })
        }));
        self.agents.extend(other.agents.iter().map(|(id, name)| (id.clone(), name.clone())));
        let agents = self.agent_ids.take_in(&other.agent_ids);
        for (id, agent) in other.conversations.iter() {
            agents.number(agent).into_iter().for_each(|agent| self.conversations.add(*id, agent));
        }
        self.groups.extend(other.groups.iter().cloned());
        for (member, labels) in &other.members {
            labels.iter().for_each(|label| self.member(member, label));
        }
    }
}

/// Who and what belongs to an id.
#[derive(Clone, Copy, Debug)]
pub struct Names<'a> {
    pub directory: &'a Directory,
    pub options: Options,
}

/// What an export is given: `at`, the instant of all values, the names, and what happened lately.
#[derive(Debug)]
pub struct Scope<'a> {
    pub at: Moment,
    pub names: Names<'a>,
    pub recent: &'a Recent,
    pub presence: Presence,
}

impl<'a> Deref for Scope<'a> {
    type Target = Names<'a>;

    fn deref(&self) -> &Names<'a> {
        &self.names
    }
}

/// A time window that ends at the instant of an export, its first moment included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    Day,
    Week,
    Month,
}

impl Window {
    /// The first moment of the window that ends `at` an instant.
    pub const fn start(self, at: Moment) -> Moment {
        at.before(self.millis())
    }

    const fn millis(self) -> i64 {
        match self {
            Self::Day => DAY,
            Self::Week => 7 * DAY,
            Self::Month => LONGEST,
        }
    }
}

impl<'a> Scope<'a> {
    /// `domains` are those of the users of the recent past.
    pub fn new(at: Moment, names: Names<'a>, recent: &'a Recent, domains: &ByNumber<Option<Number>>) -> Self {
        Self { at, names, recent, presence: Presence::new(at, recent, domains) }
    }

    /// The first moment of a window.
    pub const fn start(&self, window: Window) -> Moment {
        window.start(self.at)
    }

    /// How many of these users of the last 30 days are of which domain; nobody is of `unknown`.
    pub fn by_domain(&self, users: impl Iterator<Item = Option<Number>>) -> Vec<(&'a str, usize)> {
        let (mut known, mut unknown) = (ByNumber::<usize>::default(), 0);
        for user in users {
            match user.and_then(|user| self.presence.domain(user)) {
                Some(domain) => known.update(domain, |number| *number += 1),
                None => unknown += 1,
            }
        }
        let known = known.iter().map(|(domain, number)| (self.domain_name(Some(domain)), *number));
        known.chain([(UNKNOWN, unknown)]).filter(|(_, number)| *number > 0).collect()
    }
}

impl<'a> Names<'a> {
    /// How a user is shown in the per-user families; nobody unless they are wanted. A user who is gone, or has no
    /// email address, is shown by id.
    pub fn user_label(&self, user: Option<&Id>) -> Option<String> {
        let (label, user) = (self.options.per_user?, user?);
        let id = user.to_string();
        Some(match label {
            UserLabel::Id => id,
            UserLabel::Email => {
                let email = self.directory.users.get(user).and_then(|person| person.email.as_deref());
                email.map_or(id, str::to_owned)
            }
            UserLabel::Pseudonym(salt) => salt.pseudonym(&id),
        })
    }

    /// The domain of a user, or `unknown`.
    pub fn domain(&self, user: Option<&Id>) -> &'a str {
        self.domain_name(user.and_then(|id| self.domain_number(id)))
    }

    /// The domains of users, where they are known.
    pub fn domains<'b>(&self, users: impl Iterator<Item = &'b Id>) -> ByNumber<Option<Number>> {
        users.map(|user| self.domain_number(user)).collect()
    }

    fn domain_number(&self, user: &Id) -> Option<Number> {
        self.directory.users.get(user)?.domain
    }

    /// A domain, or `unknown`.
    pub fn domain_name(&self, number: Option<Number>) -> &'a str {
        number.and_then(|number| self.directory.domains.value(number)).map_or(UNKNOWN, |domain| domain)
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
    pub fn conversation_agent(&self, conversation: Key) -> Option<Number> {
        self.directory.conversations.get(&conversation)
    }

    /// The id of an agent that a conversation is with.
    pub fn conversation_agent_id(&self, agent: Number) -> &'a str {
        self.directory.agent_ids.value(agent).map_or("", |id| id)
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
