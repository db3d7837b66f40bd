//! New conversations, users and logins.

use super::labelled::Counts;
use super::recall::Recall;
use super::{Sight, UNKNOWN};
use crate::exposition::family::{Description, Family};
use crate::exposition::samples::Samples;
use crate::librechat::recent::LONGEST;
use crate::librechat::record::{Collection, Moment, Record};
use crate::librechat::source::Identity;

static CONVERSATIONS: Family<1> = Family::counter(
    "librechat_conversations_started_total",
    ["endpoint"],
    "New conversations since the exporter started, without those of sub-agents",
);
static USERS: Family<1> =
    Family::counter("librechat_users_registered_total", ["provider"], "New users since the exporter started");
static LOGINS: Family<0> =
    Family::counter("librechat_logins_total", [], "New sessions since the exporter started");

pub const FAMILIES: &[Description] = &[CONVERSATIONS.describe(), USERS.describe(), LOGINS.describe()];

#[derive(Debug)]
pub struct Arrivals {
    known_conversations: Recall<()>,
    known_users: Recall<()>,
    known_sessions: Recall<()>,
    conversations: Counts<1>,
    users: Counts<1>,
    logins: Counts<0>,
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
            Record::Conversation(conversation) if !conversation.is_subagent => {
                let endpoint = conversation.endpoint.as_deref().unwrap_or(UNKNOWN);
                self.conversations.add([endpoint], sight.weight());
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

    pub fn forget(&mut self, at: Moment) {
        self.known_conversations.forget(at);
        self.known_sessions.forget(at);
    }

    pub fn export(&self, samples: &mut Samples) {
        self.conversations.export(samples);
        self.users.export(samples);
        self.logins.export(samples);
    }
}
