//! YAML files of ours that hold one list under one key.

use serde_json::{Map, Value};

/// The items of the list. Their own mistakes are not looked at.
///
/// # Errors
/// What is wrong with the file, in a phrase that follows its name: no YAML, another key, no list, nothing in it or more than
/// `most`.
pub fn items(document: &[u8], key: &str, item: &str, most: usize) -> Result<Vec<Value>, String> {
    let text = str::from_utf8(document).map_err(|_| "is not UTF-8 text")?;
    let mut document: Map<String, Value> = serde_saphyr::from_str(text.trim_start_matches('\u{feff}'))
        .map_err(|error| {
            // Without the lines around it: a URL in them may hold a key.
            let line = error.location().map(|at| format!(" (line {})", at.line())).unwrap_or_default();
            format!("is not a mapping in YAML{line}: {}", error.without_snippet())
        })?;
    let items = document.remove(key);
    if let Some(other) = document.keys().next() {
        return Err(format!("has the unknown key {other:?}; its one key is {key}, a list"));
    }
    match items {
        Some(Value::Array(items)) if items.is_empty() => Err(format!("lists no {item}")),
        Some(Value::Array(items)) if items.len() > most => Err(format!("lists more than {most} {key}")),
        Some(Value::Array(items)) => Ok(items),
        _ => Err(format!("has no list under the key {key}")),
    }
}
