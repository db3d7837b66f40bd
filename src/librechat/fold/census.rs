//! What else there is in a LibreChat of today: API keys, deliveries of triggers, schedules, MCP servers, projects, skills,
//! memories, passkeys, published artifacts and the audit log.
//!
//! A collection that has no document says nothing: a LibreChat without the feature is not one whose users have none.

use std::collections::{BTreeMap, BTreeSet};

use super::{Fold, count};
use crate::exposition::family::{Description, Family};
use crate::exposition::samples::Samples;
use crate::librechat::record::id::Id;
use crate::librechat::record::{Collection, Item, Moment, Record};
use crate::librechat::scope::{Names, Scope, UNKNOWN};

static API_KEYS: Family<0> = Family::gauge(
    "librechat_agent_api_keys",
    [],
    "Number of keys for the agents' API (only where there are any)",
);
static API_KEY_AGE: Family<0> = Family::gauge(
    "librechat_agent_api_key_last_used_age_seconds",
    [],
    "Seconds since a key for the agents' API was last used (only where one was)",
)
.momentary();
static DELIVERIES: Family<1> = Family::gauge(
    "librechat_trigger_deliveries",
    ["status"],
    "Number of deliveries of agents' triggers by status; dead ones are not tried again (only where there are any)",
).momentary();
static OLDEST_DELIVERY: Family<1> = Family::gauge(
    "librechat_oldest_trigger_delivery_seconds",
    ["status"],
    "Age of the delivery of an agent's trigger that waits longest, or is dead longest, by status",
)
.not_additive()
.momentary();
static SCHEDULES: Family<1> = Family::gauge(
    "librechat_schedules",
    ["state"],
    "Number of schedules that are on and off (only where there are any)",
)
.momentary();
static AUDIT: Family<2> = Family::gauge(
    "librechat_audit_log_entries",
    ["category", "outcome"],
    "Number of entries of the audit log by category and outcome (only where there are any)",
);
static MCP_SERVERS: Family<0> = Family::gauge(
    "librechat_mcp_servers",
    [],
    "Number of MCP servers that users have registered, without those of librechat.yaml (only where there are any)",
);
static PROJECTS: Family<0> =
    Family::gauge("librechat_chat_projects", [], "Number of projects (only where there are any)");
static SKILLS: Family<0> =
    Family::gauge("librechat_skills", [], "Number of skills (only where there are any)");
static PASSKEYS: Family<0> =
    Family::gauge("librechat_passkeys", [], "Number of passkeys (only where there are any)");
static PASSKEY_USERS: Family<0> = Family::gauge(
    "librechat_users_with_passkey",
    [],
    "Number of users who have a passkey (only where there are any)",
);
static ARTIFACTS: Family<0> = Family::gauge(
    "librechat_published_artifacts",
    [],
    "Number of artifacts that were published as apps (only where there are any)",
);
static MEMORIES: Family<0> =
    Family::gauge("librechat_memory_entries", [], "Number of memories (only where there are any)");
static MEMORY_TOKENS: Family<0> =
    Family::gauge("librechat_memory_tokens", [], "Tokens of all memories (only where there are any)");
static MEMORY_USERS: Family<0> = Family::gauge(
    "librechat_users_with_memories",
    [],
    "Number of users who have memories (only where there are any)",
);
static SHARED_AGENTS: Family<0> = Family::gauge(
    "librechat_shared_agents",
    [],
    "Number of agents that somebody besides their author may use (only where LibreChat stores rights)",
);

/// Collections of which only the number of documents counts.
const COUNTED: &[(Collection, &Family<0>)] = &[
    (Collection::AgentApiKeys, &API_KEYS),
    (Collection::ArtifactApps, &ARTIFACTS),
    (Collection::ChatProjects, &PROJECTS),
    (Collection::McpServers, &MCP_SERVERS),
    (Collection::MemoryEntries, &MEMORIES),
    (Collection::Passkeys, &PASSKEYS),
    (Collection::Skills, &SKILLS),
];

/// Statuses of deliveries that are done with: their age says nothing.
const DONE: &[&str] = &["succeeded"];

#[derive(Clone, Debug, Default)]
pub struct Census {
    documents: BTreeMap<Collection, usize>,
    deliveries: BTreeMap<String, Deliveries>,
    /// On and off.
    schedules: [usize; 2],
    audit: BTreeMap<[String; 2], usize>,
    key_used: Option<Moment>,
    memory_tokens: f64,
    memory_users: BTreeSet<Id>,
    passkey_users: BTreeSet<Id>,
    /// How many rights there are on each agent, and whether one is of more than a single user.
    rights: BTreeMap<Id, Rights>,
}

/// Deliveries of one status.
#[derive(Clone, Copy, Debug, Default)]
struct Deliveries {
    count: usize,
    oldest: Option<Moment>,
}

impl Deliveries {
    fn add(&mut self, other: Self) {
        self.count += other.count;
        self.oldest = self.oldest.into_iter().chain(other.oldest).min();
    }
}

/// Rights on an agent.
#[derive(Clone, Copy, Debug, Default)]
struct Rights {
    users: usize,
    others: usize,
}

impl Rights {
    /// Its author has a right like anybody else.
    const fn is_shared(self) -> bool {
        self.users > 1 || self.others > 0
    }
}

impl Census {
    fn item(&mut self, item: &Item<'_>) {
        *self.documents.entry(item.collection).or_default() += 1;
        let label = |text: Option<&str>| text.filter(|text| !text.is_empty()).unwrap_or(UNKNOWN).to_owned();
        let kind = item.kind.as_deref();
        match item.collection {
            Collection::AgentApiKeys => self.key_used = self.key_used.max(item.used),
            Collection::AgentTriggerDeliveries => {
                let delivery = Deliveries { count: 1, oldest: item.created };
                self.deliveries.entry(label(kind)).or_default().add(delivery);
            }
            Collection::AuditLogs => {
                *self.audit.entry([label(kind), label(item.detail.as_deref())]).or_default() += 1;
            }
            Collection::MemoryEntries => {
                self.memory_tokens += item.tokens.unwrap_or_default();
                self.memory_users.extend(item.user.clone());
            }
            Collection::Passkeys => self.passkey_users.extend(item.user.clone()),
            Collection::Schedules => {
                let [on, off] = &mut self.schedules;
                *(if item.is_on { on } else { off }) += 1;
            }
            Collection::AclEntries if item.detail.as_deref() == Some("agent") => {
                if let Some(agent) = &item.resource {
                    let rights = self.rights.entry(agent.clone()).or_default();
                    *(if kind == Some("user") { &mut rights.users } else { &mut rights.others }) += 1;
                }
            }
            _ => {}
        }
    }

    fn has(&self, collection: Collection) -> bool {
        self.documents.contains_key(&collection)
    }
}

impl Fold for Census {
    const FAMILIES: &'static [Description] = &[
        API_KEYS.describe(),
        API_KEY_AGE.describe(),
        DELIVERIES.describe(),
        OLDEST_DELIVERY.describe(),
        SCHEDULES.describe(),
        AUDIT.describe(),
        MCP_SERVERS.describe(),
        PROJECTS.describe(),
        SKILLS.describe(),
        PASSKEYS.describe(),
        PASSKEY_USERS.describe(),
        ARTIFACTS.describe(),
        MEMORIES.describe(),
        MEMORY_TOKENS.describe(),
        MEMORY_USERS.describe(),
        SHARED_AGENTS.describe(),
    ];

    fn absorb(&mut self, record: &Record<'_>) {
        if let Record::Item(item) = record {
            self.item(item);
        }
    }

    fn merge(&mut self, other: &Self) {
        for (collection, count) in &other.documents {
            *self.documents.entry(*collection).or_default() += count;
        }
        for (status, deliveries) in &other.deliveries {
            self.deliveries.entry(status.clone()).or_default().add(*deliveries);
        }
        self.schedules.iter_mut().zip(other.schedules).for_each(|(count, other)| *count += other);
        for (labels, count) in &other.audit {
            *self.audit.entry(labels.clone()).or_default() += count;
        }
        self.key_used = self.key_used.max(other.key_used);
        self.memory_tokens += other.memory_tokens;
        self.memory_users.extend(other.memory_users.iter().cloned());
        self.passkey_users.extend(other.passkey_users.iter().cloned());
        for (agent, more) in &other.rights {
            let rights = self.rights.entry(agent.clone()).or_default();
            rights.users += more.users;
            rights.others += more.others;
        }
    }

    fn export_totals(&self, _names: &Names<'_>, samples: &mut Samples) {
        for (collection, family) in COUNTED {
            let documents = self.documents.get(collection);
            documents.into_iter().for_each(|documents| samples.push(family, [], count(*documents)));
        }
        for (status, deliveries) in &self.deliveries {
            samples.push(&DELIVERIES, [status], count(deliveries.count));
        }
        for ([category, outcome], entries) in &self.audit {
            samples.push(&AUDIT, [category, outcome], count(*entries));
        }
        if self.has(Collection::Schedules) {
            for (state, schedules) in ["on", "off"].iter().zip(self.schedules) {
                samples.push(&SCHEDULES, [state], count(schedules));
            }
        }
        if self.has(Collection::MemoryEntries) {
            samples.push(&MEMORY_TOKENS, [], self.memory_tokens);
            samples.push(&MEMORY_USERS, [], count(self.memory_users.len()));
        }
        if !self.passkey_users.is_empty() {
            samples.push(&PASSKEY_USERS, [], count(self.passkey_users.len()));
        }
        if self.has(Collection::AclEntries) {
            let shared = self.rights.values().filter(|rights| rights.is_shared());
            samples.push(&SHARED_AGENTS, [], count(shared.count()));
        }
    }

    fn export(&self, scope: &Scope<'_>, samples: &mut Samples) {
        // A clock that is ahead of ours makes no negative age.
        let age = |at: Moment| scope.at.seconds_since(at).max(0.0);
        self.key_used.into_iter().for_each(|at| samples.push(&API_KEY_AGE, [], age(at)));
        for (status, deliveries) in &self.deliveries {
            if !DONE.contains(&&**status)
                && let Some(oldest) = deliveries.oldest
            {
                samples.push(&OLDEST_DELIVERY, [status], age(oldest));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::librechat::fold::testing::lines;

    fn item(collection: Collection, kind: &'static str, detail: &'static str) -> Item<'static> {
        Item { kind: Some(kind.into()), detail: Some(detail.into()), ..Item::of(collection) }
    }

    /// Sections I and J.
    #[test]
    fn todays_collections_are_counted_and_those_that_are_not_there_say_nothing() {
        let delivery = |status, created| Item {
            created: Some(Moment(created)),
            ..item(Collection::AgentTriggerDeliveries, status, "")
        };
        let right = |principal, agent: &str| Item {
            resource: Some(Id::from(agent)),
            ..item(Collection::AclEntries, principal, "agent")
        };
        let memory = |user: &str| Item {
            user: Some(Id::from(user)),
            tokens: Some(5.0),
            ..Item::of(Collection::MemoryEntries)
        };
        let records = [
            delivery("pending", 4_000),
            delivery("pending", 2_000),
            delivery("dead", 1_000),
            delivery("succeeded", 0),
            right("user", "a"),
            right("user", "b"),
            right("user", "b"),
            right("public", "c"),
            memory("u"),
            memory("u"),
            Item { is_on: true, ..Item::of(Collection::Schedules) },
            Item::of(Collection::Schedules),
            Item { used: Some(Moment(3_000)), ..Item::of(Collection::AgentApiKeys) },
            Item::of(Collection::AgentApiKeys),
            item(Collection::AuditLogs, "grant", "denied"),
            Item::of(Collection::Skills),
            Item { user: Some(Id::from("u")), ..Item::of(Collection::Passkeys) },
            Item { user: Some(Id::from("u")), ..Item::of(Collection::Passkeys) },
        ];
        assert_eq!(
            lines::<Census>(&records.map(Record::Item), &[], 10_000),
            [
                "librechat_agent_api_key_last_used_age_seconds 7",
                "librechat_agent_api_keys 2",
                r#"librechat_audit_log_entries{category="grant",outcome="denied"} 1"#,
                "librechat_memory_entries 2",
                "librechat_memory_tokens 10",
                r#"librechat_oldest_trigger_delivery_seconds{status="dead"} 9"#,
                r#"librechat_oldest_trigger_delivery_seconds{status="pending"} 8"#,
                "librechat_passkeys 2",
                r#"librechat_schedules{state="off"} 1"#,
                r#"librechat_schedules{state="on"} 1"#,
                "librechat_shared_agents 2",
                "librechat_skills 1",
                r#"librechat_trigger_deliveries{status="dead"} 1"#,
                r#"librechat_trigger_deliveries{status="pending"} 2"#,
                r#"librechat_trigger_deliveries{status="succeeded"} 1"#,
                "librechat_users_with_memories 1",
                "librechat_users_with_passkey 1",
            ]
        );
        assert!(lines::<Census>(&[], &[], 0).is_empty());
    }
}
