//! Registered users, and users who ever wrote or received a message.

use std::collections::BTreeMap;

use super::{Fold, percent};
use crate::exposition::family::{Description, Family};
use crate::exposition::samples::Samples;
use crate::librechat::record::id::Id;
use crate::librechat::record::{Moment, Record};
use crate::librechat::scope::{Names, Scope, UNKNOWN, domain};
use crate::librechat::table::{Combine, Table};

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
)
.momentary();
static UNIQUE: Family<0> =
    Family::gauge("librechat_unique_users_count", [], "Number of different users found in messages");

static LAST_SEEN: Family<1> = Family::gauge(
    "librechat_user_last_seen_timestamp_seconds",
    ["user"],
    "When the newest message of a user was written, in seconds since 1970, without copies; of several users who are shown by \
     one name the latest",
)
.not_additive();

/// The newest date of several.
#[derive(Clone, Copy, Debug)]
struct Latest(Moment);

impl Combine for Latest {
    fn combine(&mut self, other: Self) {
        self.0 = self.0.max(other.0);
    }
}

#[derive(Clone, Debug, Default)]
pub struct Users {
    count: f64,
    verified: f64,
    domains: BTreeMap<String, f64>,
    providers: BTreeMap<String, f64>,
    roles: BTreeMap<String, f64>,
    /// Who ever had a message, and when the newest was written.
    seen: Table<Id, Latest>,
}

/// Earlier than any date of a message.
const NEVER: Moment = Moment(i64::MIN);

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
        LAST_SEEN.describe(),
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
                    let written = message.created.filter(|_| !message.is_copy);
                    self.seen.add(user.clone(), Latest(written.unwrap_or(NEVER)));
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

    fn export(&self, scope: &Scope<'_>, samples: &mut Samples) {
        let mut latest: BTreeMap<String, Moment> = BTreeMap::new();
        for (user, Latest(written)) in self.seen.iter() {
            if let Some(label) = scope.user_label(Some(user))
                && written != NEVER
            {
                // A clock that is ahead of ours has seen nobody in the future.
                let written = written.min(scope.at);
                latest.entry(label).and_modify(|known| *known = written.max(*known)).or_insert(written);
            }
        }
        for (label, written) in latest {
            samples.push(&LAST_SEEN, [&label], written.seconds_since(Moment(0)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::librechat::fold::testing::{lines, lines_with};
    use crate::librechat::record::{Message, User};
    use crate::librechat::scope::{Options, ShownUser, UserLabel};

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

    #[test]
    fn somebody_was_last_seen_with_their_newest_message() {
        let message = |user: &str, created: i64, is_copy: bool| {
            let (user, created) = (Some(Id::from(user)), Some(Moment(created)));
            Record::Message(Message { user, created, is_copy, ..Message::default() })
        };
        let records = [
            message("a", 3_000, false),
            message("a", 1_000, false),
            message("a", 4_000, true),
            message("b", 90_000, false),
            message("c", 1_000, true),
        ];
        let options = Options { per_user: Some(UserLabel::Shown(ShownUser::Id)), ..Options::default() };
        let lines = lines_with::<Users>(&options, &records, &[], 5_000);
        let shown: Vec<_> = lines.iter().filter(|line| line.contains("last_seen")).collect();
        assert_eq!(
            shown,
            [
                r#"librechat_user_last_seen_timestamp_seconds{user="a"} 3"#,
                r#"librechat_user_last_seen_timestamp_seconds{user="b"} 5"#,
            ]
        );
    }
}
