//! New conversations, users and logins.
//!
//! A fork or duplicate looks like any new conversation but for its messages, which are copies and may be read after it: a
//! conversation counts when a message of it is seen, or when it had the time of one refresh to show that it is copied.

use std::collections::HashMap;

use super::labelled::Counts;
use super::messages::News;
use super::recall::Recall;
use super::{Sight, UNKNOWN};
use crate::exposition::family::{Description, Family};
use crate::exposition::samples::Samples;
use crate::librechat::recent::{DAY, LONGEST, MINUTE};
use crate::librechat::record::id::Key;
use crate::librechat::record::{Collection, Message, Moment, Record};
use crate::librechat::source::Identity;

static CONVERSATIONS: Family<1> = Family::counter(
    "librechat_conversations_started_total",
    ["endpoint"],
    "New conversations since the exporter started, without those of sub-agents, forks, duplicates and imports",
);
static USERS: Family<1> =
    Family::counter("librechat_users_registered_total", ["provider"], "New users since the exporter started");
static LOGINS: Family<0> =
    Family::counter("librechat_logins_total", [], "New sessions since the exporter started").momentary();

pub const FAMILIES: &[Description] = &[CONVERSATIONS.describe(), USERS.describe(), LOGINS.describe()];

/// How long it is remembered that a conversation has a new message.
const SPOKEN: i64 = 10 * MINUTE;

#[derive(Debug)]
pub struct Arrivals {
    known_conversations: Recall<()>,
    known_users: Recall<()>,
    known_sessions: Recall<()>,
    conversations: Counts<1>,
    users: Counts<1>,
    logins: Counts<0>,
    /// New conversations that may still turn out to be copies.
    waiting: Vec<Waiting>,
    /// Conversations that messages were copied into, and when that was seen.
    copied: HashMap<Key, Moment>,
    /// Conversations that new messages were written in, and when that was seen: LibreChat saves the first one before its
    /// conversation, which a change stream may tell of later.
    spoken: HashMap<Key, Moment>,
}

#[derive(Debug)]
struct Waiting {
    id: Option<Key>,
    endpoint: Box<str>,
    weight: f64,
    since: Moment,
}

impl Arrivals {
    pub fn new(max: usize) -> Self {
        let mut logins = Counts::new(&LOGINS, max);
        logins.add([], 0.0);
        Self {
            known_conversations: Recall::new(Some(LONGEST)),
            known_users: Recall::new(None),
            // LibreChat keeps a session for a week unless it is told otherwise.
            known_sessions: Recall::new(Some(LONGEST)),
            conversations: Counts::new(&CONVERSATIONS, max),
            users: Counts::new(&USERS, max),
            logins,
            waiting: Vec::new(),
            copied: HashMap::new(),
            spoken: HashMap::new(),
        }
    }

    pub fn see(&mut self, identity: Identity, record: &Record<'_>, sight: Sight) {
        let known = match record.collection() {
            Collection::Conversations => &mut self.known_conversations,
            Collection::Users => &mut self.known_users,
            Collection::Sessions => &mut self.known_sessions,
            _ => return,
        };
        if !known.recall(identity, sight).is_some_and(|(_, is_new)| is_new) {
            return;
        }
        match record {
            Record::Conversation(conversation) if !conversation.is_subagent && !conversation.is_copy => {
                let endpoint = conversation.endpoint.as_deref().unwrap_or(UNKNOWN);
                if sight.is_history {
                    return self.begin(endpoint);
                }
                self.waiting.push(Waiting {
                    id: conversation.id,
                    endpoint: endpoint.into(),
                    weight: sight.weight(),
                    since: sight.at,
                });
            }
            Record::User(user) => {
                self.users.add([user.provider.as_deref().unwrap_or(UNKNOWN)], sight.weight());
            }
            Record::Session(_) => self.logins.add([], sight.weight()),
            _ => {}
        }
    }

    /// A session is a login, whatever is in it.
    pub fn see_login(&mut self, identity: Identity, sight: Sight) {
        if self.known_sessions.recall(identity, sight).is_some_and(|(_, is_new)| is_new) {
            self.logins.add([], sight.weight());
        }
    }

    /// Makes the series of an endpoint begin at 0.
    pub fn begin(&mut self, endpoint: &str) {
        self.conversations.add([endpoint], 0.0);
    }

    /// A message, which tells whether its conversation is a copy.
    pub fn hear(&mut self, message: &Message<'_>, news: News, sight: Sight) {
        match message.conversation {
            Some(id) if message.is_copy => {
                self.copied.insert(id, sight.at);
            }
            Some(id) if news.is_new => {
                self.spoken.insert(id, sight.at);
            }
            _ => {}
        }
    }

    /// Everything that the refresh which began `at` should read was read.
    pub fn finish(&mut self, at: Moment) {
        let Self { waiting, copied, spoken, conversations, .. } = self;
        waiting.retain(|Waiting { id, endpoint, weight, since }| {
            let is_in = |ids: &dyn Fn(&Key) -> bool| id.as_ref().is_some_and(ids);
            if is_in(&|id| copied.contains_key(id)) {
                return false;
            }
            let is_ripe = *since < at || id.is_none() || is_in(&|id| spoken.contains_key(id));
            if is_ripe {
                conversations.add([endpoint], *weight);
            }
            !is_ripe
        });
        spoken.retain(|_, seen| *seen >= at.before(SPOKEN));
        copied.retain(|_, seen| *seen >= at.before(DAY));
        self.known_conversations.forget(at);
        self.known_sessions.forget(at);
    }

    pub fn export(&self, samples: &mut Samples) {
        self.conversations.export(samples);
        self.users.export(samples);
        self.logins.export(samples);
    }
}
