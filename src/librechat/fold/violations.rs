//! Bans, and what leads to them, that LibreChat keeps in its collection `logs`: without Redis the bans, in some set-ups the
//! counts of violations as well.

use std::collections::BTreeMap;

use super::{Fold, count};
use crate::exposition::family::{Description, Family};
use crate::exposition::samples::Samples;
use crate::librechat::record::Collection;
use crate::librechat::record::collection::BANS;
use crate::librechat::record::{Moment, Record};
use crate::librechat::scope::Scope;

static VIOLATIONS: Family<1> = Family::gauge(
    "librechat_violations",
    ["type"],
    "Number of entries that hold in LibreChat's store of bans and violations, by type: ban is a user or an address that is \
     banned (only where MongoDB has that store)",
).momentary();

/// When the entries of a type end; the end of time for those that stay.
#[derive(Clone, Debug, Default)]
pub struct Violations(BTreeMap<Box<str>, Vec<Moment>>);

impl Fold for Violations {
    const FAMILIES: &'static [Description] = &[VIOLATIONS.describe()];

    fn absorb(&mut self, record: &Record<'_>) {
        if let Record::Item(item) = record
            && item.collection == Collection::Logs
            && let Some(kind) = item.kind.as_deref()
        {
            let kind = if kind == BANS { "ban" } else { kind };
            self.0.entry(kind.into()).or_default().push(item.expires.unwrap_or(Moment(i64::MAX)));
        }
    }

    fn merge(&mut self, other: &Self) {
        for (kind, ends) in &other.0 {
            self.0.entry(kind.clone()).or_default().extend_from_slice(ends);
        }
    }

    fn export(&self, scope: &Scope<'_>, samples: &mut Samples) {
        for (kind, ends) in &self.0 {
            let holding = ends.iter().filter(|end| **end > scope.at).count();
            samples.push(&VIOLATIONS, [kind], count(holding));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::librechat::fold::testing::lines;
    use crate::librechat::record::Item;

    #[test]
    fn what_has_expired_does_not_hold_any_more() {
        let entry = |kind: &'static str, expires: Option<i64>| {
            let (kind, expires) = (Some(kind.into()), expires.map(Moment));
            Record::Item(Item { kind, expires, ..Item::of(Collection::Logs) })
        };
        let other = Record::Item(Item { kind: None, ..Item::of(Collection::Logs) });
        let records = [
            entry(BANS, Some(20_000)),
            entry(BANS, Some(5_000)),
            entry(BANS, None),
            entry("concurrent", Some(9_000)),
            other,
        ];
        assert_eq!(
            lines::<Violations>(&records, &[], 10_000),
            [r#"librechat_violations{type="ban"} 2"#, r#"librechat_violations{type="concurrent"} 0"#]
        );
        assert!(lines::<Violations>(&[], &[], 0).is_empty());
    }
}
