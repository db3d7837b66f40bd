//! What the server is asked to send of each document.
//!
//! An aggregation's projection, since that of `find` has no expressions before MongoDB 4.4 and in DocumentDB. Every
//! expression holds for values of any type: one that fails would fail the whole query.

use mongodb::bson::{Bson, Document, doc};

use super::capabilities::{Capabilities, Capability};
use crate::librechat::record::Collection;
use crate::librechat::record::collection::{ERROR_TYPES, Projected};

/// The projected fields of a collection, and `_id`. What a server cannot work out is left out: the field itself must not
/// leave the database.
pub fn projection(collection: Collection, capabilities: &Capabilities) -> Document {
    let is_possible = |projected: &&Projected| match projected {
        Projected::Field(_) => true,
        Projected::HasItems(_) | Projected::IsNotNull(_) => capabilities.has(Capability::Expressions),
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
    }
}

/// One of the known types, found in the text of an error; null where there is no error or none is named.
fn error_type(flag: &str, text: &str, parts: &str) -> Document {
    let (text, array) = (format!("${text}"), format!("${parts}"));
    let text_or_nothing =
        |value: &str| doc! { "$cond": [{ "$eq": [{ "$type": value }, "string"] }, value, ""] };
    let array = doc! { "$cond": [{ "$isArray": &array }, &array, []] };
    let is_error = doc! { "$or": [
        { "$eq": [format!("${flag}"), true] },
        { "$in": ["error", { "$map": { "input": &array, "in": "$$this.type" } }] },
    ] };
    let joined = doc! { "$reduce": {
        "input": array,
        "initialValue": text_or_nothing(&text),
        "in": { "$concat": ["$$value", text_or_nothing("$$this.error")] },
    } };
    let named = format!(r#""type"\s*:\s*"({})""#, ERROR_TYPES.join("|"));
    let find = doc! { "$regexFind": { "input": joined, "regex": named } };
    let capture = doc! { "$let": {
        "vars": { "found": find },
        "in": { "$arrayElemAt": ["$$found.captures", 0] },
    } };
    doc! { "$cond": [is_error, capture, Bson::Null] }
}
