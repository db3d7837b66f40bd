//! What users may still spend, where LibreChat keeps balances.
//!
//! A user may have several records by mistake: LibreChat uses the oldest, and so do we. Users without a record are not
//! users at 0: where balances are off nobody needs one.

use std::collections::BTreeMap;

use super::{Fold, count};
use crate::exposition::family::{Description, Family};
use crate::exposition::samples::Samples;
use crate::librechat::record::id::Id;
use crate::librechat::record::{Balance, Record};
use crate::librechat::scope::Names;

static CREDITS: Family<0> = Family::gauge(
    "librechat_balance_credits",
    [],
    "Credits that users may still spend, of which 1,000,000 are 1 USD (only where there are balance records)",
)
.momentary();
static EMPTY: Family<0> = Family::gauge(
    "librechat_users_without_balance",
    [],
    "Number of users whose balance record is at or below 0 (only where there are balance records)",
)
.momentary();

static RESERVED: Family<0> = Family::gauge(
    "librechat_balance_reserved_credits",
    [],
    "Credits set aside for answers that are being given, of which 1,000,000 are 1 USD (only where LibreChat sets any aside)",
).momentary();
static BY_DOMAIN: Family<1> = Family::gauge(
    "librechat_balance_credits_by_email_domain",
    ["email_domain"],
    "Credits that users may still spend by their email domain (only where there are balance records)",
)
.momentary();
static BY_USER: Family<1> = Family::gauge(
    "librechat_balance_credits_by_user",
    ["id"],
    "Credits that a user may still spend (only where there are balance records)",
)
.momentary();

static OF_USER: Family<1> = Family::gauge(
    "librechat_user_balance_credits",
    ["user"],
    "Credits that a user may still spend, as librechat_balance_credits_by_user has it, beside the other figures by user",
)
.momentary();

/// The oldest record of each user.
#[derive(Clone, Debug, Default)]
pub struct Balances(BTreeMap<Id, Oldest>);

#[derive(Clone, Debug)]
struct Oldest {
    /// `None` is an `_id` of an odd type, which tells no age.
    id: Option<Id>,
    credits: Option<f64>,
    reserved: Option<f64>,
}

impl Oldest {
    fn is_older(&self, other: &Self) -> bool {
        // Of two without an age the poorer, so that it does not matter in which order they come.
        (self.id.is_none(), &self.id, self.credits) < (other.id.is_none(), &other.id, other.credits)
    }
}

impl Balances {
    fn take(&mut self, user: &Id, balance: Oldest) {
        match self.0.get_mut(user) {
            Some(known) if balance.is_older(known) => *known = balance,
            Some(_) => {}
            None => {
                self.0.insert(user.clone(), balance);
            }
        }
    }
}

impl Fold for Balances {
    const FAMILIES: &'static [Description] = &[
        CREDITS.describe(),
        EMPTY.describe(),
        RESERVED.describe(),
        BY_DOMAIN.describe(),
        BY_USER.describe(),
        OF_USER.describe(),
    ];

    fn absorb(&mut self, record: &Record<'_>) {
        if let Record::Balance(Balance { id, user: Some(user), credits, reserved }) = record {
            self.take(user, Oldest { id: id.clone(), credits: *credits, reserved: *reserved });
        }
    }

    fn merge(&mut self, other: &Self) {
        other.0.iter().for_each(|(user, balance)| self.take(user, balance.clone()));
    }

    fn export_totals(&self, names: &Names<'_>, samples: &mut Samples) {
        let credits: Vec<f64> = self.0.values().filter_map(|balance| balance.credits).collect();
        if !credits.is_empty() {
            samples.push(&CREDITS, [], credits.iter().sum());
            samples.push(&EMPTY, [], count(credits.iter().filter(|credits| **credits <= 0.0).count()));
        }
        for (user, balance) in &self.0 {
            balance.reserved.into_iter().for_each(|reserved| samples.push(&RESERVED, [], reserved));
            let Some(credits) = balance.credits else { continue };
            samples.push(&BY_DOMAIN, [names.domain(Some(user))], credits);
            if let Some(user) = names.user_label(Some(user)) {
                samples.push(&BY_USER, [&user], credits);
                samples.push(&OF_USER, [&user], credits);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::librechat::fold::testing::lines;

    fn balance(id: Option<u8>, user: Option<&str>, credits: Option<f64>) -> Record<'static> {
        let id = id.map(|id| Id::from([id; 12]));
        Record::Balance(Balance { id, user: user.map(Id::from), credits, reserved: None })
    }

    #[test]
    fn only_the_oldest_record_of_a_user_counts() {
        let records = [
            balance(Some(2), Some("a"), Some(0.0)),
            balance(Some(1), Some("a"), Some(10.0)),
            balance(None, Some("a"), Some(500.0)),
            balance(Some(3), Some("b"), Some(-2.5)),
            balance(Some(4), Some("b"), Some(700.0)),
            balance(Some(5), Some("c"), Some(0.0)),
            // What the oldest one holds cannot be read.
            balance(Some(6), Some("d"), None),
            balance(Some(7), Some("d"), Some(900.0)),
            balance(Some(8), None, Some(1_000.0)),
        ];
        assert_eq!(
            lines::<Balances>(&records, &[], 0),
            [
                "librechat_balance_credits 7.5",
                r#"librechat_balance_credits_by_email_domain{email_domain="unknown"} 7.5"#,
                "librechat_users_without_balance 2"
            ]
        );
        let reversed: Vec<_> = records.iter().rev().cloned().collect();
        assert_eq!(lines::<Balances>(&reversed, &[], 0), lines::<Balances>(&records, &[], 0));
    }

    #[test]
    fn without_records_nothing_is_claimed() {
        assert!(lines::<Balances>(&[balance(Some(1), None, Some(5.0))], &[], 0).is_empty());
    }
}
