//! Where and by whom an answer is given, as labels: the conversation tells what a refused message leaves out, the agent
//! which model answers for it, and the action which API its tools call.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Sight, UNKNOWN};
use crate::librechat::fold::cost::priced_model;
use crate::librechat::recent::{LONGEST, MINUTE};
use crate::librechat::record::id::{Id, Key};
use crate::librechat::record::{Action, Agent, Conversation, Message, Moment, Record, is_agent};

/// Conversations that are kept: a refused message in one beyond them has no endpoint.
const MAX_CONVERSATIONS: usize = 100_000;
/// How long the model of a transaction's message is kept: its rows and its answer are written within one run.
const RUN: i64 = 60 * MINUTE;
/// LibreChat's name of an API in that of a tool is as many letters of its domain in Base64.
const STUB: usize = 10;
/// What stands for a dot in the name of an API that is short enough to be kept.
const DOT: &str = "---";

#[derive(Debug, Default)]
pub struct Places {
    conversations: HashMap<Key, Place>,
    agents: HashMap<Box<str>, Profile>,
    /// The real models of messages that transactions name, and when they were seen.
    billed: HashMap<Key, (Box<str>, Moment)>,
    /// The domain of each action's API.
    domains: HashMap<Id, Box<str>>,
    /// The only domain of a name; `None` where several have it.
    stubs: HashMap<Box<str>, Option<Box<str>>>,
}

#[derive(Debug)]
struct Place {
    endpoint: Option<Box<str>>,
    /// A model, or the id of an agent.
    model: Option<Box<str>>,
    seen: Moment,
}

#[derive(Debug)]
struct Profile {
    name: Option<Box<str>>,
    model: Option<Box<str>>,
}

/// The labels of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Labels<'a> {
    pub endpoint: &'a str,
    /// Never the id of an agent.
    pub model: &'a str,
    /// The agent's name, else its id; empty where no agent answers.
    pub agent: &'a str,
}

impl Places {
    pub fn see(&mut self, record: &Record<'_>, sight: Sight) {
        match record {
            Record::Conversation(conversation) => self.conversation(conversation, sight),
            Record::Agent(Agent { id: Some(id), name, model, .. }) => {
                let known = |text: &Option<std::borrow::Cow<'_, str>>| {
                    text.as_deref().filter(|text| !text.is_empty()).map(Into::into)
                };
                self.agents.insert((&**id).into(), Profile { name: known(name), model: known(model) });
            }
            Record::Transaction(row) if !sight.is_history && row.context.as_deref() == Some("message") => {
                if let (Some(message), Some(model)) = (row.message, priced_model(row)) {
                    self.billed.entry(message).or_insert_with(|| (model.into(), sight.at));
                }
            }
            Record::Action(Action { id: Some(id), domain: Some(domain), .. }) => self.action(id, domain),
            _ => {}
        }
    }

    fn conversation(&mut self, conversation: &Conversation<'_>, sight: Sight) {
        let is_old = conversation.created < Some(sight.at.before(LONGEST));
        let Some(id) = conversation.id else { return };
        let is_full = self.conversations.len() >= MAX_CONVERSATIONS && !self.conversations.contains_key(&id);
        if is_full || (is_old && sight.is_history) {
            return;
        }
        let agent = conversation.agent.as_deref().filter(|id| is_agent(id));
        let model = agent.or(conversation.model.as_deref()).filter(|model| !model.is_empty());
        let endpoint = conversation.endpoint.as_deref().filter(|endpoint| !endpoint.is_empty());
        let (endpoint, model) = (endpoint.map(Into::into), model.map(Into::into));
        self.conversations.insert(id, Place { endpoint, model, seen: sight.at });
    }

    fn action(&mut self, id: &Id, domain: &str) {
        if self.domains.get(id).is_some_and(|known| **known == *domain) {
            return;
        }
        self.domains.insert(id.clone(), domain.into());
        self.stubs.clear();
        for domain in self.domains.values() {
            let shown: Box<str> = host(domain).into();
            // Older versions keep the scheme, and then all APIs of a scheme have one name.
            for named in [&**domain, host(domain)] {
                let encoded: String = STANDARD.encode(named).chars().take(STUB).collect();
                let stub = self.stubs.entry(encoded.into()).or_insert_with(|| Some(shown.clone()));
                if stub.as_deref() != Some(&*shown) {
                    *stub = None;
                }
            }
        }
    }

    /// The API of an action, by LibreChat's name of it.
    pub fn api(&self, named: &str) -> String {
        match self.stubs.get(named) {
            Some(Some(domain)) => domain.to_string(),
            _ => named.replace(DOT, "."),
        }
    }

    /// The model that answers for what a document has as its model.
    pub fn model<'a>(&'a self, model: Option<&'a str>) -> &'a str {
        match model.filter(|model| !model.is_empty()) {
            Some(id) if is_agent(id) => {
                self.agents.get(id).and_then(|agent| agent.model.as_deref()).unwrap_or(UNKNOWN)
            }
            model => model.unwrap_or(UNKNOWN),
        }
    }

    /// The model that the usage ledger says has given an answer.
    pub fn billed_model(&self, message: Key) -> Option<&str> {
        self.billed.get(&message).map(|(model, _)| &**model)
    }

    /// The labels of a message, as an answer.
    pub fn of_message<'a>(&'a self, message: &'a Message<'_>) -> Labels<'a> {
        let place = message.conversation.and_then(|id| self.conversations.get(&id));
        let endpoint = message.endpoint.as_deref().filter(|endpoint| !endpoint.is_empty());
        let model = message.model.as_deref().filter(|model| !model.is_empty());
        let labels = self.labels(
            endpoint.or_else(|| place?.endpoint.as_deref()),
            model.or_else(|| place?.model.as_deref()),
        );
        match message.id.and_then(|id| self.billed_model(id)) {
            Some(model) if !labels.agent.is_empty() => Labels { model, ..labels },
            _ => labels,
        }
    }

    /// The labels that answers may have now that a document is there.
    pub fn made_possible<'a>(&'a self, record: &'a Record<'_>) -> Option<Labels<'a>> {
        match record {
            Record::Message(message) if message.is_from_user != Some(true) => Some(self.of_message(message)),
            Record::Conversation(conversation) => {
                let agent = conversation.agent.as_deref().filter(|id| is_agent(id));
                let model = agent.or(conversation.model.as_deref());
                Some(self.labels(conversation.endpoint.as_deref(), model))
            }
            Record::Agent(agent) => Some(self.labels(Some("agents"), agent.id.as_deref())),
            _ => None,
        }
    }

    fn labels<'a>(&'a self, endpoint: Option<&'a str>, model: Option<&'a str>) -> Labels<'a> {
        let agent = model.filter(|model| is_agent(model));
        let name = agent.map(|id| self.agents.get(id).and_then(|agent| agent.name.as_deref()).unwrap_or(id));
        Labels {
            endpoint: endpoint.unwrap_or(UNKNOWN),
            model: self.model(model),
            agent: name.unwrap_or_default(),
        }
    }

    pub fn forget(&mut self, at: Moment) {
        self.conversations.retain(|_, place| place.seen >= at.before(LONGEST));
        self.billed.retain(|_, (_, seen)| *seen >= at.before(RUN));
    }
}

/// A domain without its scheme, and without what follows it.
fn host(domain: &str) -> &str {
    let rest = domain.split_once("://").map_or(domain, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGHT: Sight = Sight { at: Moment(0), since: Moment(0), is_history: false };

    fn action(number: u8, domain: &'static str) -> Record<'static> {
        Record::Action(Action { id: Some(Id::from([number; 12])), domain: Some(domain.into()), kind: None })
    }

    #[test]
    fn the_api_of_an_action_has_its_domain_unless_several_share_the_name() {
        let mut places = Places::default();
        places.see(&action(1, "http://127.0.0.1:28082"), SIGHT);
        for named in ["MTI3LjAuMC", "aHR0cDovLz"] {
            assert_eq!(places.api(named), "127.0.0.1:28082");
        }
        assert_eq!(places.api("api---example---com"), "api.example.com");
        places.see(&action(2, "http://10.0.0.1/v1"), SIGHT);
        assert_eq!(places.api("MTI3LjAuMC"), "127.0.0.1:28082");
        assert_eq!(places.api("aHR0cDovLz"), "aHR0cDovLz", "both begin with http://");
        // An action that moves on leaves the name to the other one.
        places.see(&action(1, "https://127.0.0.1:28082"), SIGHT);
        assert_eq!(places.api("aHR0cDovLz"), "10.0.0.1");
    }
}
