//! `http_server_config`.

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value};

use super::Reader;

/// The headers that may be set, and their values where there are only some.
const HEADERS: &[(&str, &[&str])] = &[
    ("Content-Security-Policy", &[]),
    ("X-Frame-Options", &["deny", "sameorigin"]),
    ("X-Content-Type-Options", &["nosniff"]),
    ("X-XSS-Protection", &[]),
    ("Strict-Transport-Security", &[]),
];

pub(super) fn read(reader: &mut Reader<'_>, section: &Map<String, Value>) -> HeaderMap {
    let mut found = HeaderMap::new();
    for (key, value) in section {
        match (key.as_str(), value) {
            ("http2", Value::Bool(false)) | ("headers", Value::Null) => {}
            ("http2", Value::Bool(true)) => {
                reader.caution(
                    "http_server_config.http2",
                    "has no effect: HTTP/1.1 is spoken, which every scraper does",
                );
            }
            ("headers", Value::Object(headers)) => {
                for (name, value) in headers {
                    add(reader, &mut found, name, value);
                }
            }
            ("http2" | "headers", _) => {
                reader
                    .fault(&format!("http_server_config.{key}"), "has a value of another type than it takes");
            }
            _ => {
                reader
                    .fault(&format!("http_server_config.{key}"), "is not a key of a web configuration file");
            }
        }
    }
    found
}

/// A blank value is no header.
fn add(reader: &mut Reader<'_>, found: &mut HeaderMap, name: &str, value: &Value) {
    let key = format!("http_server_config.headers.{name}");
    let Some((_, values)) = HEADERS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) else {
        return reader.fault(&key, "cannot be configured");
    };
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Null => return,
        _ => return reader.fault(&key, "has a value of another type than it takes"),
    };
    if text.is_empty() {
        return;
    }
    if !values.is_empty() && !values.contains(&text.to_ascii_lowercase().as_str()) {
        return reader.fault(&key, &format!("has an invalid value: {} can be had", values.join(" and ")));
    }
    match (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(&text)) {
        (Ok(name), Ok(value)) => {
            found.insert(name, value);
        }
        _ => reader.fault(&key, "has a value that no header can carry"),
    }
}
