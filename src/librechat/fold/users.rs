//! Registered users, and users who ever wrote or received a message.

use std::collections::BTreeMap;

use super::{Fold, percent};
use crate::exposition::family::{Description, Family};
use crate::exposition::samples::Samples;
use crate::librechat::record::Record;
use crate::librechat::record::id::Id;
use crate::librechat::scope::{Names, UNKNOWN, domain};
use crate::librechat::table::Table;

static BY_DOMAIN: Family<1> = Family::gauge(
    "librechat_user_count_by_email_domain",
    ["email_domain"],
    "Number of registered users by email domain",
);
static BY_PROVIDER: Family<1> = Family::gauge(
    "librechat_user_provider_count",
    ["provider"],
    "Number of registered users by the provider of their login",
);
static BY_ROLE: Family<1> =
    Family::gauge("librechat_user_count_by_role", ["role"], "Number of registered users by role");
static VERIFIED: Family<0> = Family::gauge(
    "librechat_user_email_verified_percent",
    [],
    "Percentage of registered users whose email address is verified",
);
static UNIQUE: Family<0> =
    Family::gauge("librechat_unique_users_count", [], "Number of different users found in messages");

#[derive(Clone, Debug, Default)]
pub struct Users {
    count: f64,
    verified: f64,
    domains: BTreeMap<String, f64>,
    providers: BTreeMap<String, f64>,
    roles: BTreeMap<String, f64>,
    seen: Table<Id, ()>,
}

pub(super) fn merge(into: &mut BTreeMap<String, f64>, from: &BTreeMap<String, f64>) {
    for (key, count) in from {
        *into.entry(key.clone()).or_default() += count;
    }
}

impl Fold for Users {
    const FAMILIES: &'static [Description] = &[
        BY_DOMAIN.describe(),
        BY_PROVIDER.describe(),
        BY_ROLE.describe(),
        VERIFIED.describe(),
        UNIQUE.describe(),
    ];

    fn absorb(&mut self, record: &Record<'_>) {
        match record {
            Record::User(user) => {
                let known =
                    |text: Option<&str>| text.filter(|text| !text.is_empty()).unwrap_or(UNKNOWN).to_owned();
                self.count += 1.0;
                self.verified += f64::from(u8::from(user.email_verified));
                *self.providers.entry(known(user.provider.as_deref())).or_default() += 1.0;
                *self.roles.entry(known(user.role.as_deref())).or_default() += 1.0;
                if let Some(domain) = user.email.as_deref().and_then(domain) {
                    *self.domains.entry(domain).or_default() += 1.0;
                }
            }
            Record::Message(message) => {
                if let Some(user) = &message.user {
                    self.seen.add(user.clone(), ());
                }
            }
            _ => {}
        }
    }

    fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.verified += other.verified;
        merge(&mut self.domains, &other.domains);
        merge(&mut self.providers, &other.providers);
        merge(&mut self.roles, &other.roles);
        self.seen.merge(&other.seen);
    }

    fn compact(&mut self) {
        self.seen.compact();
    }

    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
    fn export_totals(&self, _names: &Names<'_>, samples: &mut Samples) {
        for (family, counts) in
            [(&BY_DOMAIN, &self.domains), (&BY_PROVIDER, &self.providers), (&BY_ROLE, &self.roles)]
        {
            counts.iter().for_each(|(label, count)| samples.push(family, [label], *count));
        }
        samples.push(&VERIFIED, [], percent(self.verified, self.count));
        samples.push(&UNIQUE, [], self.seen.iter().count() as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::librechat::fold::testing::lines;
    use crate::librechat::record::{Message, User};

    #[test]
    fn users_without_a_domain_are_left_out_of_domains_and_nothing_else() {
        let user = |email: Option<&'static str>, provider: Option<&'static str>| {
            Record::User(User {
                email: email.map(Into::into),
                provider: provider.map(Into::into),
                email_verified: email.is_some(),
                ..User::default()
            })
        };
        let message =
            |user: &str| Record::Message(Message { user: Some(Id::from(user)), ..Message::default() });
        let records = [
            user(Some("a@B.example"), Some("google")),
            user(None, None),
            message("x"),
            message("x"),
            Record::Message(Message::default()),
        ];
        assert_eq!(
            lines::<Users>(&records, &[], 0),
            [
                "librechat_unique_users_count 1",
                r#"librechat_user_count_by_email_domain{email_domain="b.example"} 1"#,
                r#"librechat_user_count_by_role{role="unknown"} 2"#,
                "librechat_user_email_verified_percent 50",
                r#"librechat_user_provider_count{provider="google"} 1"#,
                r#"librechat_user_provider_count{provider="unknown"} 1"#,
            ]
        );
    }
}
