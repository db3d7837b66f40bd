//! How many different users were active lately. Active is whoever wrote or received a message.

use std::collections::{BTreeMap, BTreeSet};

use super::{Fold, count};
use crate::exposition::family::{Description, Family};
use crate::exposition::samples::Samples;
use crate::librechat::recent::MINUTE;
use crate::librechat::record::{Moment, Record};
use crate::librechat::scope::{Scope, Window};

static NOW: Family<0> =
    Family::gauge("librechat_active_users", [], "Number of users active in the last 5 minutes");
static NOW_BY_DOMAIN: Family<1> = Family::gauge(
    "librechat_active_users_by_email_domain",
    ["email_domain"],
    "Number of users active in the last 5 minutes, by email domain",
);
static DAY: Family<0> =
    Family::gauge("librechat_unique_users_count_1d", [], "Number of users active in the last 24 hours");
static DAY_BY_DOMAIN: Family<1> = Family::gauge(
    "librechat_unique_users_count_1d_by_email_domain",
    ["email_domain"],
    "Number of users active in the last 24 hours, by email domain",
);
static WEEK: Family<0> =
    Family::gauge("librechat_unique_users_count_7d", [], "Number of users active in the last 7 days");
static WEEK_BY_DOMAIN: Family<1> = Family::gauge(
    "librechat_unique_users_count_7d_by_email_domain",
    ["email_domain"],
    "Number of users active in the last 7 days, by email domain",
);
static MONTH: Family<0> =
    Family::gauge("librechat_unique_users_count_30d", [], "Number of users active in the last 30 days");
static MONTH_BY_DOMAIN: Family<1> = Family::gauge(
    "librechat_unique_users_count_30d_by_email_domain",
    ["email_domain"],
    "Number of users active in the last 30 days, by email domain",
);
static SHARE: Family<1> = Family::gauge(
    "librechat_user_percent_by_email_domain_30d",
    ["email_domain"],
    "Percentage of the users active in the last 30 days, by email domain",
);

/// Has nothing of its own: the recent past tells it all.
#[derive(Clone, Debug, Default)]
pub struct UniqueUsers;

/// Active users by domain.
fn by_domain<'a>(scope: &'a Scope<'_>, from: Moment) -> BTreeMap<&'a str, usize> {
    let users: BTreeSet<_> = scope.recent.turns(from).filter_map(|turn| turn.user).collect();
    let mut domains = BTreeMap::new();
    for user in users {
        *domains.entry(scope.domain(scope.recent.user(Some(user)))).or_default() += 1;
    }
    domains
}

impl Fold for UniqueUsers {
    const FAMILIES: &'static [Description] = &[
        NOW.describe(),
        NOW_BY_DOMAIN.describe(),
        DAY.describe(),
        DAY_BY_DOMAIN.describe(),
        WEEK.describe(),
        WEEK_BY_DOMAIN.describe(),
        MONTH.describe(),
        MONTH_BY_DOMAIN.describe(),
        SHARE.describe(),
    ];

    fn absorb(&mut self, _record: &Record<'_>) {}

    fn merge(&mut self, _other: &Self) {}

    fn export(&self, scope: &Scope<'_>, samples: &mut Samples) {
        let windows = [
            (scope.at.before(5 * MINUTE), &NOW, &NOW_BY_DOMAIN),
            (scope.start(Window::Day), &DAY, &DAY_BY_DOMAIN),
            (scope.start(Window::Week), &WEEK, &WEEK_BY_DOMAIN),
            (scope.start(Window::Month), &MONTH, &MONTH_BY_DOMAIN),
        ];
        for (from, all, family) in windows {
            let domains = by_domain(scope, from);
            samples.push(all, [], count(domains.values().sum()));
            for (domain, users) in domains {
                samples.push(family, [domain], count(users));
            }
        }
        let domains = by_domain(scope, scope.start(Window::Month));
        let all = count(domains.values().sum());
        for (domain, users) in domains {
            samples.push(&SHARE, [domain], count(users) / all * 100.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::librechat::fold::testing::lines;
    use crate::librechat::record::id::Id;
    use crate::librechat::record::{Message, User};

    #[test]
    fn a_user_counts_once_in_each_window() {
        let message = |user: Option<&str>, minutes: i64| {
            let created = Some(Moment(-minutes * MINUTE));
            Record::Message(Message { user: user.map(Id::from), created, ..Message::default() })
        };
        let email = Some("a@b.example".into());
        let user = Record::User(User { id: Some(Id::from("u")), email, ..User::default() });
        let records = [
            message(Some("u"), 5),
            message(Some("u"), 1),
            message(Some("v"), 6),
            message(Some("w"), 3 * 24 * 60),
            message(None, 0),
        ];
        let lines = lines::<UniqueUsers>(&records, &[user], 0);
        for line in [
            "librechat_active_users 1",
            r#"librechat_active_users_by_email_domain{email_domain="b.example"} 1"#,
            "librechat_unique_users_count_1d 2",
            "librechat_unique_users_count_7d 3",
            r#"librechat_unique_users_count_7d_by_email_domain{email_domain="unknown"} 2"#,
            r#"librechat_user_percent_by_email_domain_30d{email_domain="b.example"} 33.33333333333333"#,
        ] {
            assert!(lines.iter().any(|other| other == line), "{line} is not in {lines:#?}");
        }
    }
}
