//! What the server is asked to send of each document.
//!
//! An aggregation's projection, since that of `find` has no expressions before MongoDB 4.4 and in DocumentDB. Every
//! expression holds for values of any type: one that fails would fail the whole query.

use mongodb::bson::{Bson, Document, doc};

use super::capabilities::{Capabilities, Capability};
use crate::librechat::record::collection::{NAMESPACES, Projected};
use crate::librechat::record::{Collection, errors};

/// The projected fields of a collection, and `_id`. What a server cannot work out is left out: the field itself must not
/// leave the database.
pub fn projection(collection: Collection, capabilities: &Capabilities) -> Document {
    let is_possible = |projected: &&Projected| match projected {
        Projected::Field(_) => true,
        Projected::HasItems(_)
        | Projected::IsNotNull(_)
        | Projected::FailedTools { .. }
        | Projected::Namespace { .. } => capabilities.has(Capability::Expressions),
        Projected::ErrorType { .. } => {
            capabilities.has(Capability::Expressions) && capabilities.has(Capability::RegexFind)
        }
    };
    let fields = collection.projection().iter().filter(is_possible);
    let fields = fields.map(|projected| (projected.name().to_owned(), value(*projected)));
    [("_id".to_owned(), Bson::Int32(1))].into_iter().chain(fields).collect()
}

fn value(projected: Projected) -> Bson {
    match projected {
        Projected::Field(_) => Bson::Int32(1),
        Projected::HasItems(name) => {
            let value = format!("${name}");
            let there = doc! { "$ne": [{ "$type": &value }, "missing"] };
            let items = doc! { "$gt": [{ "$size": &value }, 0] };
            doc! { "$cond": [{ "$isArray": &value }, items, there] }.into()
        }
        // In BSON's order both missing and null come before, or are, null.
        Projected::IsNotNull(name) => doc! { "$gt": [format!("${name}"), Bson::Null] }.into(),
        Projected::ErrorType { flag, text, parts, .. } => error_type(flag, text, parts).into(),
        Projected::FailedTools { parts, .. } => failed_tools(parts).into(),
        Projected::Namespace { key, .. } => namespace(key).into(),
    }
}

/// What the pattern of errors finds in the text of one; null where there is no error, or nothing is found.
fn error_type(flag: &str, text: &str, parts: &str) -> Document {
    let is_flagged = doc! { "$eq": [format!("${flag}"), true] };
    let parts = array(parts);
    let is_error_part = doc! { "$eq": ["$$this.type", "error"] };
    let has_error_part =
        doc! { "$in": ["error", { "$map": { "input": parts.clone(), "in": "$$this.type" } }] };
    // The text of a message that is no error itself is what was answered before the error.
    let joined = doc! { "$reduce": {
        "input": parts,
        "initialValue": { "$cond": [is_flagged.clone(), string(&format!("${text}")), ""] },
        "in": { "$cond": [
            is_error_part,
            { "$concat": ["$$value", string("$$this.error"), string("$$this.text")] },
            "$$value",
        ] },
    } };
    let find = doc! { "$regexFind": { "input": joined, "regex": errors::pattern() } };
    let groups = (0..errors::GROUPS).map(|group| Bson::from(i64::try_from(group).unwrap_or(0)));
    let captures = groups.map(|group| doc! { "$arrayElemAt": ["$$found.captures", group] });
    let first = captures.rev().reduce(|later, group| doc! { "$ifNull": [group, later] });
    let captured = doc! { "$let": { "vars": { "found": find }, "in": first.unwrap_or_default() } };
    doc! { "$cond": [{ "$or": [is_flagged, has_error_part] }, captured, Bson::Null] }
}

/// Of each part that calls a tool, in their order, whether its output is a text with which LibreChat tells of an error.
fn failed_tools(parts: &str) -> Document {
    /// As many characters as are looked at: the address of an API may be long.
    const LOOKED_AT: i32 = 1_000;
    const BEGINNINGS: [&str; 2] = ["Error: ", "Error processing tool: "];
    const CALL: &str = "API call to ";
    let begins_with = |beginning: &str| {
        let length = i32::try_from(beginning.len()).unwrap_or(i32::MAX);
        doc! { "$eq": [{ "$substrCP": ["$$output", 0, length] }, beginning] }
    };
    let [error, processing] = BEGINNINGS.map(begins_with);
    let start = doc! { "$substrCP": ["$$output", 0, LOOKED_AT] };
    let call = doc! { "$and": [begins_with(CALL), { "$gte": [{ "$indexOfCP": [start, " failed"] }, 0] }] };
    let is_call = doc! { "$eq": ["$$this.type", "tool_call"] };
    doc! { "$map": {
        "input": { "$filter": { "input": array(parts), "as": "this", "cond": is_call } },
        "in": { "$let": {
            "vars": { "output": string("$$this.tool_call.output") },
            "in": { "$or": [error, processing, call] },
        } },
    } }
}

/// What stands before the first colon, where it is one of the known namespaces: an address may have a colon, too. Made of
/// what the projection of messages takes as well, which is what a server is asked whether it can.
fn namespace(key: &str) -> Document {
    let key = string(&format!("${key}"));
    let length = doc! { "$indexOfCP": [key.clone(), ":"] };
    let first = doc! { "$cond": [
        { "$gte": [length.clone(), 0] },
        { "$substrCP": [key, 0, length] },
        "",
    ] };
    let known = doc! { "$in": ["$$first", NAMESPACES] };
    doc! { "$let": { "vars": { "first": first }, "in": { "$cond": [known, "$$first", Bson::Null] } } }
}

/// The value, or an empty array where it is none.
fn array(field: &str) -> Document {
    let field = format!("${field}");
    doc! { "$cond": [{ "$isArray": &field }, &field, []] }
}

/// The value, or an empty text where it is none.
fn string(value: &str) -> Document {
    doc! { "$cond": [{ "$eq": [{ "$type": value }, "string"] }, value, ""] }
}
