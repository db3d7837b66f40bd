//! Claims that must have given values (`METRICS_OAUTH2_REQUIRED_CLAIMS`), besides scopes and never by way of them.

use std::str::FromStr;

use serde_json::{Map, Value};

use super::claim_path::{ClaimPath, Reader};
use crate::auth::excerpt::Excerpt;

/// Pairs like `sub=system:serviceaccount:monitoring:prometheus`, all of which must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequiredClaims(Vec<RequiredClaim>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct RequiredClaim {
    path: ClaimPath,
    /// Any of them will do. Never empty.
    values: Vec<String>,
}

impl RequiredClaims {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// # Errors
    /// The first claim that is not as required, in words.
    pub(super) fn check(&self, claims: &Map<String, Value>) -> Result<(), String> {
        for RequiredClaim { path, values } in &self.0 {
            let value = path.find(claims);
            if !value.is_some_and(|value| values.iter().any(|required| says(value, required))) {
                let found = value.map_or_else(|| "absent".into(), |value| format!("\"{}\"", shown(value)));
                return Err(format!("its claim {path} is {found}, not \"{}\"", values.join("\" or \"")));
            }
        }
        Ok(())
    }
}

impl FromStr for RequiredClaims {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut reader = Reader::new(text);
        let mut pairs = Vec::new();
        while reader.next_item() {
            let path = reader.path()?;
            if !reader.takes('=') {
                return Err(format!(
                    "has {:?} without =value; a value that holds a blank or a comma is quoted",
                    path.to_string()
                ));
            }
            let mut values = Vec::new();
            loop {
                let (value, quoted) = reader.word(&['|'])?;
                if value.is_empty() && !quoted {
                    return Err(format!("names no value for {:?}", path.to_string()));
                }
                values.push(value);
                if !reader.takes('|') {
                    break;
                }
            }
            pairs.push(RequiredClaim { path, values });
        }
        if pairs.is_empty() { Err("is set but requires nothing".into()) } else { Ok(Self(pairs)) }
    }
}

/// Whether a claim, or one of several values of it, reads like `required`.
fn says(value: &Value, required: &str) -> bool {
    match value {
        Value::Array(items) => items.iter().any(|item| reads(item, required)),
        single => reads(single, required),
    }
}

fn reads(value: &Value, required: &str) -> bool {
    match value {
        Value::String(text) => text == required,
        Value::Number(number) => {
            let text = number.to_string();
            text == required
        }
        Value::Bool(flag) => required == if *flag { "true" } else { "false" },
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

/// A claim for a log line.
pub(super) fn shown(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Excerpt(&text).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn hold(text: &str, claims: &Value) -> bool {
        text.parse::<RequiredClaims>().unwrap().check(claims.as_object().unwrap()).is_ok()
    }

    #[test]
    fn f5_all_pairs_must_hold_and_scope_is_no_way_round() {
        let claims = json!({
            "sub": "system:serviceaccount:monitoring:prometheus",
            "kubernetes.io": { "namespace": "monitoring" },
            "groups": ["a", 5, true, ["nested"]], "tid": 7, "email_verified": true, "dn": "CN=x, O=y",
            "scope": "admin sub=other", "scp": ["admin"], "roles": { "admin": true }, "none": null,
        });
        let good = [
            "sub=system:serviceaccount:monitoring:prometheus",
            r#""kubernetes.io".namespace=monitoring"#,
            r#"'kubernetes.io'.namespace="monitoring""#,
            "groups=a",
            "groups=5",
            "groups=true",
            "groups=x|a",
            "groups=a,groups=5",
            "tid=7 email_verified=true",
            r#"dn="CN=x, O=y""#,
            "dn='CN=x, O=y' , tid=6|7",
        ];
        for text in good {
            assert!(hold(text, &claims), "{text}");
        }
        let bad = [
            "sub=system:serviceaccount:monitoring:prometheu",
            "sub=other",
            "sub=admin",
            "azp=admin",
            "groups=nested",
            "groups=A",
            "tid=7.0",
            "tid=07",
            "email_verified=false",
            "none=null",
            "none=",
            "roles=admin",
            "kubernetes.io.namespace=monitoring",
            "tid=7 sub=other",
        ];
        for text in bad {
            assert!(text.ends_with('=') || !hold(text, &claims), "{text}");
        }
    }

    #[test]
    fn what_is_no_pair_is_refused_with_the_reason() {
        let cases = [
            ("sub", "without =value"),
            ("sub=a b", "\"b\" without =value"),
            ("sub=", "no value"),
            ("sub=a|", "no value"),
            ("=a", "empty name"),
            ("a..b=c", "empty name"),
            ("sub=\"a", "not closed"),
            ("sub=\"a\"b", "closing quote"),
            (" , ", "requires nothing"),
        ];
        for (text, phrase) in cases {
            let error = text.parse::<RequiredClaims>().unwrap_err();
            assert!(error.contains(phrase), "{text}: {error}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_both_values_escaped_and_cut() {
        let required: RequiredClaims = "sub=a|b".parse().unwrap();
        let check = |claims: Value| required.check(claims.as_object().unwrap()).unwrap_err();
        assert_eq!(check(json!({})), "its claim sub is absent, not \"a\" or \"b\"");
        let odd = check(json!({ "sub": format!("x\n{}", "y".repeat(500)) }));
        assert!(odd.contains("x\\ny") && odd.len() < 150, "{odd}");
    }
}
