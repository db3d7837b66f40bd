//! The smaller collections of the demo: the same at every look, but for what depends on the time.

use crate::librechat::recent::DAY;
use crate::librechat::record::{
    Banner, Collection, ConversationTag, File, Moment, PromptGroup, Record, Session, SharedLink, ToolCall,
    Typed,
};

use super::world::{USERS, user_id};

const HOUR: i64 = DAY / 24;

/// Collections of which the demo has a fixed number of documents.
const NUMBERS: &[(Collection, u32)] = &[
    (Collection::Actions, 3),
    (Collection::Assistants, 2),
    (Collection::Balances, USERS),
    (Collection::Banners, 1),
    (Collection::ConversationTags, 12),
    (Collection::Files, 57),
    (Collection::Keys, 4),
    (Collection::PluginAuths, 2),
    (Collection::Presets, 9),
    (Collection::PromptGroups, 6),
    (Collection::Prompts, 11),
    (Collection::Sessions, 31),
    (Collection::SharedLinks, 5),
    (Collection::Tokens, 3),
    (Collection::ToolCalls, 8),
];

const FILE_TYPES: &[&str] = &["application/pdf", "image/png", "text/plain", "text/csv"];
const TAGS: &[&str] = &["work", "ideas", "study"];
const CATEGORIES: &[&str] = &["code", "write", "travel"];
const TOOLS: &[&str] = &["execute_code", "web_search"];

fn pick(from: &'static [&'static str], number: u32) -> Option<std::borrow::Cow<'static, str>> {
    from.iter().cycle().nth(usize::try_from(number).ok()?).map(|text| (*text).into())
}

/// Lends every record of `collection` as it is at `now`.
pub fn records(collection: Collection, now: Moment, mut visit: impl FnMut(Record<'_>)) {
    let number = NUMBERS.iter().find(|(known, _)| *known == collection).map_or(0, |(_, number)| *number);
    (0..number).for_each(|index| visit(record(collection, now, index)));
}

fn record(collection: Collection, now: Moment, index: u32) -> Record<'static> {
    let ago = |step: i64| Some(now.before(i64::from(index) * step));
    match collection {
        Collection::Files => Record::File(File {
            user: Some(user_id(index % USERS)),
            created: ago(5 * HOUR),
            bytes: Some(f64::from((index + 1) * (index + 7) * 1_003)),
            kind: pick(FILE_TYPES, index),
        }),
        Collection::Sessions => {
            let start = now.before(i64::from(index) * 6 * HOUR);
            Record::Session(Session { start: Some(start), expiration: Some(start.before(-7 * DAY)) })
        }
        Collection::Banners => Record::Banner(Banner { from: ago(DAY), to: None }),
        Collection::ToolCalls => {
            let created = now.before(i64::from(index) * HOUR);
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
        Collection::Actions => Record::Action(Typed { kind: pick(&["action_prototype"], index) }),
        Collection::SharedLinks => Record::SharedLink(SharedLink { created: ago(10 * HOUR) }),
        other => Record::Document(other),
    }
}
