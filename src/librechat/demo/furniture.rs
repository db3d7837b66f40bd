//! The smaller collections of the demo: what is there from the start, and a file, a shared link and a directly invoked
//! tool now and then.

use std::collections::BTreeMap;

use super::people::{REGULARS, user_id};
use super::shelf::Shelf;
use super::world::{DAY, Dice, HOUR, Pace};
use crate::librechat::record::id::Id;
use crate::librechat::record::{
    Action, Banner, Collection, ConversationTag, File, Item, Moment, PromptGroup, Record, SharedLink,
    ToolCall, Typed,
};

/// How many documents there are at the start, and at most.
const NUMBERS: &[(Collection, u32, usize)] = &[
    (Collection::AclEntries, 12, 12),
    (Collection::Actions, 3, 3),
    (Collection::AgentApiKeys, 3, 3),
    (Collection::AgentTriggerDeliveries, 9, 9),
    (Collection::ArtifactApps, 2, 2),
    (Collection::Assistants, 2, 2),
    (Collection::AuditLogs, 7, 7),
    (Collection::Banners, 1, 1),
    (Collection::ChatProjects, 6, 6),
    (Collection::ConversationTags, 12, 12),
    (Collection::Files, 57, 200),
    (Collection::Keys, 4, 4),
    (Collection::Logs, 4, 4),
    (Collection::McpServers, 2, 2),
    (Collection::MemoryEntries, 25, 25),
    (Collection::Passkeys, 8, 8),
    (Collection::PluginAuths, 2, 2),
    (Collection::Presets, 9, 9),
    (Collection::PromptGroups, 6, 6),
    (Collection::Prompts, 11, 11),
    (Collection::Schedules, 5, 5),
    (Collection::SharedLinks, 5, 50),
    (Collection::Skills, 4, 4),
    (Collection::Tokens, 3, 3),
    (Collection::ToolCalls, 8, 100),
];

/// Those that become more.
const GROWING: &[Collection] = &[Collection::Files, Collection::SharedLinks, Collection::ToolCalls];

const FILE_TYPES: &[&str] = &["application/pdf", "image/png", "text/plain", "text/csv"];
const TAGS: &[&str] = &["work", "ideas", "study"];
const CATEGORIES: &[&str] = &["code", "write", "travel"];
const TOOLS: &[&str] = &["execute_code", "web_search"];

#[derive(Debug)]
pub struct Furniture {
    shelves: BTreeMap<Collection, Shelf<Record<'static>>>,
    /// The number of the last document that came.
    last: u32,
}

fn pick(from: &[&'static str], number: u32) -> Option<std::borrow::Cow<'static, str>> {
    from.iter().cycle().nth(usize::try_from(number).ok()?).map(|text| (*text).into())
}

impl Furniture {
    /// As it is `now`, brought in at a time before all that happens.
    pub fn new(past: Moment, now: Moment) -> Self {
        let shelf = |(collection, number, room): &(Collection, u32, usize)| {
            let mut shelf = Shelf::new(*room);
            // The oldest first.
            for index in (0..*number).rev() {
                let created = now.before(i64::from(index) * apart(*collection));
                shelf.push(past, record(*collection, created, index));
            }
            (*collection, shelf)
        };
        Self { shelves: NUMBERS.iter().map(shelf).collect(), last: 0 }
    }

    pub fn live(&mut self, now: Moment, pace: &Pace, dice: &mut Dice) {
        for collection in GROWING {
            if let Some(shelf) = self.shelves.get_mut(collection).filter(|_| pace.furniture.is_now(now, dice))
            {
                self.last = (self.last + 1) % 60;
                shelf.push(now, record(*collection, now, self.last));
            }
        }
    }

    pub fn shelf(&self, collection: Collection) -> Option<&Shelf<Record<'static>>> {
        self.shelves.get(&collection)
    }
}

/// How far the documents that are there from the start are apart.
const fn apart(collection: Collection) -> i64 {
    match collection {
        Collection::Files => 5 * HOUR,
        Collection::SharedLinks => 10 * HOUR,
        Collection::ToolCalls => HOUR,
        _ => DAY,
    }
}

/// A document of one of the newer collections.
fn item(collection: Collection, created: Moment, index: u32) -> Item<'static> {
    let (kinds, details): (&[&str], &[&str]) = match collection {
        Collection::AclEntries => (&["user", "user", "public", "group"], &["agent"]),
        Collection::AgentTriggerDeliveries => (&["succeeded", "succeeded", "pending", "dead"], &[""]),
        Collection::AuditLogs => (&["grant", "auth", "permission"], &["success", "success", "denied"]),
        Collection::Logs => (&["BANS", "BANS", "concurrent", "logins"], &[""]),
        _ => (&[""], &[""]),
    };
    Item {
        user: Some(user_id(index % REGULARS)),
        created: Some(created),
        kind: pick(kinds, index),
        detail: pick(details, index),
        resource: Some(user_id(index % 5)),
        is_on: !index.is_multiple_of(3),
        tokens: Some(f64::from(index + 4)),
        used: Some(created),
        ..Item::of(collection)
    }
}

fn record(collection: Collection, created: Moment, index: u32) -> Record<'static> {
    match collection {
        Collection::Files => Record::File(File {
            user: Some(user_id(index % REGULARS)),
            created: Some(created),
            bytes: Some(f64::from((index + 1) * (index + 7) * 1_003)),
            kind: pick(FILE_TYPES, index),
            source: pick(&["local", "s3", "vectordb"], index),
            context: pick(&["message_attachment", "agents", "image_generation"], index),
            status: pick(&["ready", "ready", "ready", "failed"], index),
            // Of a conversation that is gone.
            conversation: index.is_multiple_of(19).then(|| "demo-conversation-that-is-gone".into()),
        }),
        Collection::AclEntries
        | Collection::AgentApiKeys
        | Collection::AgentTriggerDeliveries
        | Collection::ArtifactApps
        | Collection::AuditLogs
        | Collection::ChatProjects
        | Collection::Logs
        | Collection::McpServers
        | Collection::MemoryEntries
        | Collection::Passkeys
        | Collection::Schedules
        | Collection::Skills => Record::Item(item(collection, created, index)),
        Collection::Banners => Record::Banner(Banner { from: Some(created), to: None }),
        Collection::ToolCalls => {
            let updated = Some(created.before(-700 - i64::from(index) * 90));
            Record::ToolCall(ToolCall { tool: pick(TOOLS, index), created: Some(created), updated })
        }
        Collection::ConversationTags => Record::ConversationTag(ConversationTag {
            tag: pick(TAGS, index),
            count: Some(f64::from(index % 5 + 1)),
        }),
        Collection::PromptGroups => Record::PromptGroup(PromptGroup {
            category: pick(CATEGORIES, index),
            generations: Some(f64::from(index * 3)),
        }),
        Collection::Prompts => Record::Prompt(Typed { kind: pick(&["text", "chat"], index) }),
        Collection::Actions => Record::Action(Action {
            id: Some(Id::from([u8::try_from(index).unwrap_or(u8::MAX); 12])),
            kind: pick(&["action_prototype"], index),
            domain: pick(&["weather.example.com", "tickets.example.com", "maps.example.com"], index),
        }),
        Collection::SharedLinks => Record::SharedLink(SharedLink { created: Some(created) }),
        other => Record::Document(other),
    }
}
