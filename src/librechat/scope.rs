//! What exports may look up besides their own state: the instant, and who belongs to an id.

use std::collections::HashMap;

use super::record::id::Id;
use super::record::{Moment, Record};

/// The label of users of whom no domain is known.
pub const UNKNOWN: &str = "unknown";

/// Users' domains, agents' names, and which agent a conversation is with.
#[derive(Debug, Default)]
pub struct Directory {
    domains: HashMap<Id, Box<str>>,
    agents: HashMap<Box<str>, Option<Box<str>>>,
    conversations: HashMap<Box<str>, Box<str>>,
}

impl Directory {
    pub fn absorb(&mut self, record: &Record<'_>) {
        match record {
            Record::User(user) => {
                if let (Some(id), Some(domain)) = (&user.id, user.email.as_deref().and_then(domain)) {
                    self.domains.insert(id.clone(), domain.into());
                }
            }
            Record::Agent(agent) => {
                if let Some(id) = agent.id.as_deref() {
                    let name = agent.name.as_deref().filter(|name| !name.is_empty());
                    self.agents.insert(id.into(), name.map(Into::into));
                }
            }
            Record::Conversation(conversation) => {
                if let (Some(id), Some(agent)) = (conversation.id.as_deref(), conversation.agent.as_deref()) {
                    self.conversations.insert(id.into(), agent.into());
                }
            }
            Record::Message(_) | Record::Transaction(_) | Record::Document(_) => {}
        }
    }

    pub fn merge(&mut self, other: Self) {
        self.domains.extend(other.domains);
        self.agents.extend(other.agents);
        self.conversations.extend(other.conversations);
    }
}

/// What an export is given: `at`, the instant of all values, and the directory.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    pub at: Moment,
    pub directory: &'a Directory,
}

impl<'a> Scope<'a> {
    /// The domain of a user, or `unknown`.
    pub fn domain(&self, user: Option<&Id>) -> &'a str {
        user.and_then(|id| self.directory.domains.get(id)).map_or(UNKNOWN, |domain| domain)
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
    pub fn conversation_agent(&self, conversation: &str) -> Option<&'a str> {
        self.directory.conversations.get(conversation).map(|agent| &**agent)
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
