//! How many different users were active lately. Active is whoever wrote or received a message.

use std::collections::BTreeMap;

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
static NOW_BY_GROUP: Family<1> = Family::gauge(
    "librechat_active_users_by_group",
    ["group"],
    "Number of a group's members active in the last 5 minutes; who is in several groups counts in each",
)
.not_additive();
static DAY: Family<0> =
    Family::gauge("librechat_unique_users_count_1d", [], "Number of users active in the last 24 hours");
static DAY_BY_DOMAIN: Family<1> = Family::gauge(
    "librechat_unique_users_count_1d_by_email_domain",
    ["email_domain"],
    "Number of users active in the last 24 hours, by email domain",
);
static DAY_BY_GROUP: Family<1> = Family::gauge(
    "librechat_active_users_by_group_1d",
    ["group"],
    "Number of a group's members active in the last 24 hours; who is in several groups counts in each",
)
.not_additive();
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
static MONTH_BY_GROUP: Family<1> = Family::gauge(
    "librechat_active_users_by_group_30d",
    ["group"],
    "Number of a group's members active in the last 30 days; who is in several groups counts in each",
)
.not_additive();
static SHARE: Family<1> = Family::gauge(
    "librechat_user_percent_by_email_domain_30d",
    ["email_domain"],
    "Percentage of the users active in the last 30 days, by email domain",
);

/// Has nothing of its own: the recent past tells it all.
#[derive(Clone, Debug, Default)]
pub struct UniqueUsers;

/// Active users by domain.
fn by_domain<'a>(scope: &Scope<'a>, from: Moment) -> Vec<(&'a str, usize)> {
    scope.by_domain(scope.presence.since(from).map(|(user, _)| Some(user)))
}

/// Active users by group, also of groups of whom nobody was active.
fn by_group<'a>(scope: &'a Scope<'_>, from: Moment) -> BTreeMap<&'a str, usize> {
    let mut groups: BTreeMap<_, _> = scope.groups().map(|group| (group, 0)).collect();
    if groups.is_empty() {
        return groups;
    }
    let users = scope.presence.since(from).map(|(user, _)| scope.recent.user(Some(user)));
    for group in users.flat_map(|user| scope.groups_of(user)) {
        *groups.entry(group).or_default() += 1;
    }
    groups
}

impl Fold for UniqueUsers {
    const FAMILIES: &'static [Description] = &[
        NOW.describe(),
        NOW_BY_DOMAIN.describe(),
        NOW_BY_GROUP.describe(),
        DAY.describe(),
        DAY_BY_DOMAIN.describe(),
        DAY_BY_GROUP.describe(),
        WEEK.describe(),
        WEEK_BY_DOMAIN.describe(),
        MONTH.describe(),
        MONTH_BY_DOMAIN.describe(),
        MONTH_BY_GROUP.describe(),
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
            samples.push(all, [], count(domains.iter().map(|(_, users)| users).sum()));
            for (domain, users) in domains {
                samples.push(family, [domain], count(users));
            }
        }
        let windows = [
            (scope.at.before(5 * MINUTE), &NOW_BY_GROUP),
            (scope.start(Window::Day), &DAY_BY_GROUP),
            (scope.start(Window::Month), &MONTH_BY_GROUP),
        ];
        for (from, family) in windows {
            for (group, users) in by_group(scope, from) {
                samples.push(family, [group], count(users));
            }
        }
        let domains = by_domain(scope, scope.start(Window::Month));
        let all = count(domains.iter().map(|(_, users)| users).sum());
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
    use crate::librechat::record::{Group, Message, User};

    #[test]
    fn a_user_counts_once_in_each_of_its_groups() {
        let message = |user: &str, minutes: i64| {
            let (user, created) = (Some(Id::from(user)), Some(Moment(-minutes * MINUTE)));
            Record::Message(Message { user, created, ..Message::default() })
        };
        let group = |name: &'static str, members: &[&str]| {
            let members = members.iter().map(|member| Id::from(*member)).collect();
            Record::Group(Group { name: Some(name.into()), members, ..Group::default() })
        };
        let (id, source_id) = (Some(Id::from("u")), Some(Id::from("entra-u")));
        let user = Record::User(User { id, source_id, ..User::default() });
        let others = [group("A", &["u", "entra-u"]), group("A", &["u", "v"]), group("B", &["entra-u"]), user];
        let records = [message("u", 1), message("u", 2), message("v", 6), message("w", 1)];
        let lines = lines::<UniqueUsers>(&records, &others, 0);
        let by_group: Vec<_> = lines.iter().filter(|line| line.contains("by_group")).cloned().collect();
        assert_eq!(
            by_group,
            [
                r#"librechat_active_users_by_group{group="A"} 1"#,
                r#"librechat_active_users_by_group{group="B"} 1"#,
                r#"librechat_active_users_by_group_1d{group="A"} 2"#,
                r#"librechat_active_users_by_group_1d{group="B"} 1"#,
                r#"librechat_active_users_by_group_30d{group="A"} 2"#,
                r#"librechat_active_users_by_group_30d{group="B"} 1"#,
            ]
        );
    }

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
