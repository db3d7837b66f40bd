//! What exports may look up besides their own state: the instant, who belongs to an id, and what happened lately.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::ops::Deref;
use std::str::FromStr;
use std::sync::Arc;

use super::calendar::{Calendar, Clock};
use super::numbered::{ByNumber, Number, Numbered};
use super::presence::Presence;
use super::pseudonym::Salt;
use super::recent::{DAY, LONGEST, Recent, Span};
use super::record::id::{Id, Key};
use super::record::{Agent, Conversation, Group, Moment, Record, is_agent};
use super::table::{Combine, Table};

/// The label of users of whom no domain is known.
pub const UNKNOWN: &str = "unknown";

/// What a conversation is with, each by its number.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    endpoint: Option<Number>,
    model: Option<Number>,
    /// The id of an agent.
    agent: Option<Number>,
}

/// What was read last holds.
impl Combine for Place {
    fn combine(&mut self, other: Self) {
        self.endpoint = other.endpoint.or(self.endpoint);
        self.model = other.model.or(self.model);
        self.agent = other.agent.or(self.agent);
    }
}

/// What is known of somebody who wrote or received a message.
#[derive(Clone, Copy, Debug, Default)]
pub struct Member {
    pub domain: Option<Number>,
    pub is_registered: bool,
}

/// What is made of the records, besides the records themselves.
#[derive(Clone, Debug)]
pub struct Options {
    /// `None`: without the per-user families.
    pub per_user: Option<UserLabel>,
    /// When a day and a month begin.
    pub calendar: Calendar,
    /// Beyond this many values of a label the smallest go into `other`.
    pub max_label_values: usize,
    /// Beyond this many series in all the families with the most give way.
    pub max_series: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { per_user: None, calendar: Calendar::default(), max_label_values: 200, max_series: 50_000 }
    }
}

/// What of a user an operator may have shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShownUser {
    Id,
    Email,
    Name,
    Username,
}

impl FromStr for ShownUser {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.to_ascii_lowercase().as_str() {
            "id" => Ok(Self::Id),
            "email" => Ok(Self::Email),
            "name" => Ok(Self::Name),
            "username" => Ok(Self::Username),
            _ => Err("must be id, email, name or username"),
        }
    }
}

/// What the labels `id` and `user` are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserLabel {
    Shown(ShownUser),
    /// What stands for the id, under a salt that the operator keeps.
    Pseudonym(Salt),
}

/// Users' domains, agents' names and models, what a conversation is with, and who is in which group.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    users: HashMap<Id, Person>,
    domains: Numbered<Box<str>>,
    agents: HashMap<Box<str>, Profile>,
    conversations: Table<Key, Place>,
    /// Endpoints, models and ids of agents that conversations are with.
    names: Numbered<Box<str>>,
    groups: BTreeSet<Arc<str>>,
    /// The groups of each member, by whichever id they have the member.
    members: HashMap<Id, Vec<Arc<str>>>,
    /// What is kept of users to be shown.
    shown: Option<UserLabel>,
}

/// An agent.
#[derive(Clone, Debug, Default)]
struct Profile {
    name: Option<Box<str>>,
    provider: Option<Box<str>>,
    model: Option<Box<str>>,
}

#[derive(Clone, Debug)]
struct Person {
    domain: Option<Number>,
    /// The email address or the name, kept only when it is to be shown.
    label: Option<Box<str>>,
    source_id: Option<Id>,
}

impl Directory {
    pub fn new(options: &Options) -> Self {
        Self { shown: options.per_user, ..Self::default() }
    }

    pub fn absorb(&mut self, record: &Record<'_>) {
        match record {
            Record::User(user) => {
                if let Some(id) = &user.id {
                    let domain = user.email.as_deref().and_then(domain);
                    let domain = domain.and_then(|domain| self.domains.number(&*domain));
                    let label = match self.shown {
                        Some(UserLabel::Shown(ShownUser::Email)) => &user.email,
                        Some(UserLabel::Shown(ShownUser::Name)) => &user.name,
                        Some(UserLabel::Shown(ShownUser::Username)) => &user.username,
                        Some(UserLabel::Shown(ShownUser::Id) | UserLabel::Pseudonym(_)) | None => &None,
                    };
                    let label = label.as_deref().filter(|label| !label.is_empty()).map(Into::into);
                    self.users
                        .insert(id.clone(), Person { domain, label, source_id: user.source_id.clone() });
                }
            }
            Record::Agent(agent) => self.agent(agent),
            Record::Group(group) => self.group(group),
            Record::Conversation(conversation) => self.conversation(conversation),
            _ => {}
        }
    }

    fn agent(&mut self, agent: &Agent<'_>) {
        let known =
            |text: &Option<Cow<'_, str>>| text.as_deref().filter(|text| !text.is_empty()).map(Into::into);
        if let Some(id) = agent.id.as_deref() {
            let (name, provider, model) = (known(&agent.name), known(&agent.provider), known(&agent.model));
            self.agents.insert(id.into(), Profile { name, provider, model });
        }
    }

    fn conversation(&mut self, conversation: &Conversation<'_>) {
        let Some(id) = conversation.id else { return };
        let mut number = |text: Option<&str>| {
            text.filter(|text| !text.is_empty()).and_then(|text| self.names.number(text))
        };
        let place = Place {
            endpoint: number(conversation.endpoint.as_deref()),
            model: number(conversation.model.as_deref()),
            agent: number(conversation.agent.as_deref().filter(|id| is_agent(id))),
        };
        self.conversations.add(id, place);
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
        self.agents.extend(other.agents.iter().map(|(id, profile)| (id.clone(), profile.clone())));
        let names = self.names.take_in(&other.names);
        let number = |theirs: Option<Number>| theirs.and_then(|theirs| names.number(theirs));
        for (id, Place { endpoint, model, agent }) in other.conversations.iter() {
            let (endpoint, model, agent) = (number(endpoint), number(model), number(agent));
            self.conversations.add(*id, Place { endpoint, model, agent });
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
    pub options: &'a Options,
}

/// What an export is given: `at`, the instant of all values, the names, and what happened lately.
#[derive(Debug)]
pub struct Scope<'a> {
    pub at: Moment,
    pub names: Names<'a>,
    pub recent: &'a Recent,
    /// Tells days and hours of the last 30 days.
    pub clock: Clock,
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
    /// `members` are the users of the recent past.
    pub fn new(at: Moment, names: Names<'a>, recent: &'a Recent, members: &ByNumber<Member>) -> Self {
        let month = Span { from: Window::Month.start(at), until: at };
        let clock = names.options.calendar.clock(month);
        let presence = Presence::new(month, recent, members, &clock);
        Self { at, names, recent, clock, presence }
    }

    /// A window: what is dated later than the instant is in none.
    pub const fn span(&self, window: Window) -> Span {
        Span { from: window.start(self.at), until: self.at }
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
    /// email address or name, is shown by id.
    pub fn user_label(&self, user: Option<&Id>) -> Option<String> {
        let (label, user) = (self.options.per_user?, user?);
        let id = user.to_string();
        Some(match label {
            UserLabel::Shown(_) => {
                let label = self.directory.users.get(user).and_then(|person| person.label.as_deref());
                label.map_or(id, str::to_owned)
            }
            UserLabel::Pseudonym(salt) => salt.pseudonym(&id),
        })
    }

    /// The domain of a user, or `unknown`.
    pub fn domain(&self, user: Option<&Id>) -> &'a str {
        self.domain_name(user.and_then(|id| self.domain_number(id)))
    }

    /// What is known of users.
    pub fn members<'b>(&self, users: impl Iterator<Item = &'b Id>) -> ByNumber<Member> {
        let member = |user: &Id| {
            let person = self.directory.users.get(user);
            Member { domain: person.and_then(|person| person.domain), is_registered: person.is_some() }
        };
        users.map(member).collect()
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
        self.directory.agents.get(id).map(|agent| agent.name.as_deref().unwrap_or(id))
    }

    /// The label of an agent: its name, else its id.
    pub fn agent<'b>(&self, id: &'b str) -> &'b str
    where
        'a: 'b,
    {
        self.existing_agent(id).unwrap_or(id)
    }

    /// The model of an agent that still exists.
    pub fn agent_model(&self, id: &str) -> Option<&'a str> {
        self.directory.agents.get(id)?.model.as_deref()
    }

    /// Every agent: its id, its label, its endpoint and its model.
    pub fn agents(&self) -> impl Iterator<Item = [&'a str; 4]> {
        self.directory.agents.iter().map(|(id, agent)| {
            let known = |text: &'a Option<Box<str>>| text.as_deref().unwrap_or(UNKNOWN);
            [&**id, agent.name.as_deref().unwrap_or(id), known(&agent.provider), known(&agent.model)]
        })
    }

    /// Whether a conversation still exists.
    pub fn has_conversation(&self, conversation: Key) -> bool {
        self.directory.conversations.get(&conversation).is_some()
    }

    /// The id of the agent that a conversation is with.
    pub fn conversation_agent(&self, conversation: Key) -> Option<&'a str> {
        self.conversation_name(self.directory.conversations.get(&conversation)?.agent)
    }

    /// The endpoint that a conversation is with.
    pub fn conversation_endpoint(&self, conversation: Key) -> Option<&'a str> {
        self.conversation_name(self.directory.conversations.get(&conversation)?.endpoint)
    }

    /// The id of the agent that a conversation is with, else its model.
    pub fn conversation_model(&self, conversation: Key) -> Option<&'a str> {
        let place = self.directory.conversations.get(&conversation)?;
        self.conversation_name(place.agent.or(place.model))
    }

    fn conversation_name(&self, number: Option<Number>) -> Option<&'a str> {
        self.directory.names.value(number?).map(|name| &**name)
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
