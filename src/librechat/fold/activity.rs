//! How much the registered users use it, and how often.

use super::{Fold, count, percent};
use crate::exposition::family::{Description, Family};
use crate::exposition::samples::Samples;
use crate::librechat::presence::User;
use crate::librechat::record::Record;
use crate::librechat::scope::{Scope, Window};

static ADOPTION_WEEK: Family<0> = Family::gauge(
    "librechat_adoption_rate_7d",
    [],
    "Registered users active in the last 7 days in percent of all registered ones",
);
static ADOPTION_MONTH: Family<0> = Family::gauge(
    "librechat_adoption_rate_30d",
    [],
    "Registered users active in the last 30 days in percent of all registered ones",
);
static DAILY: Family<0> = Family::gauge(
    "librechat_periodicity_daily",
    [],
    "Registered users active in the last 24 hours in percent of all registered ones",
);
static WEEKLY: Family<0> = Family::gauge(
    "librechat_periodicity_weekly",
    [],
    "Registered users active on at least 3 days (of TIMEZONE) of the last 7 in percent of all registered ones",
);
static MONTHLY: Family<0> = Family::gauge(
    "librechat_periodicity_monthly",
    [],
    "Registered users active on at least 5 days (of TIMEZONE) of the last 30 in percent of all registered ones",
);
static PER_USER: Family<0> = Family::gauge(
    "librechat_avg_messages_per_user_30d",
    [],
    "Messages of the last 30 days per user active in them",
);
static TIERS: Family<1> = Family::gauge(
    "librechat_power_users_count_30d",
    ["tier"],
    "Number of users with 1 to 9 (light), 10 to 49 (medium) and more (heavy) messages in the last 30 days",
);

/// Registered users; the recent past tells the rest.
#[derive(Clone, Debug, Default)]
pub struct Activity {
    registered: usize,
}

impl Fold for Activity {
    const FAMILIES: &'static [Description] = &[
        ADOPTION_WEEK.describe(),
        ADOPTION_MONTH.describe(),
        DAILY.describe(),
        WEEKLY.describe(),
        MONTHLY.describe(),
        PER_USER.describe(),
        TIERS.describe(),
    ];

    fn absorb(&mut self, record: &Record<'_>) {
        self.registered += usize::from(matches!(record, Record::User(_)));
    }

    fn merge(&mut self, other: &Self) {
        self.registered += other.registered;
    }

    fn export(&self, scope: &Scope<'_>, samples: &mut Samples) {
        let share = |users: usize| percent(count(users), count(self.registered));
        let users: Vec<_> = scope.presence.since(scope.start(Window::Month)).map(|(_, user)| user).collect();
        let number = |is_one: &dyn Fn(&User) -> bool| users.iter().filter(|user| is_one(user)).count();
        // Messages outlive their users: percentages are of registered ones in both parts.
        let registered =
            |is_one: &dyn Fn(&User) -> bool| number(&|user| user.is_registered() && is_one(user));
        let since = |window| {
            let from = scope.start(window);
            registered(&|user| user.last >= from)
        };
        samples.push(&DAILY, [], share(since(Window::Day)));
        samples.push(&ADOPTION_WEEK, [], share(since(Window::Week)));
        samples.push(&ADOPTION_MONTH, [], share(since(Window::Month)));
        samples.push(&WEEKLY, [], share(registered(&|user| user.week.count() >= 3)));
        samples.push(&MONTHLY, [], share(registered(&|user| user.month.count() >= 5)));
        let messages = scope.recent.turns(scope.span(Window::Month)).count();
        let per_user = if users.is_empty() { 0.0 } else { count(messages) / count(users.len()) };
        samples.push(&PER_USER, [], per_user);
        for (tier, range) in [("light", 1..10), ("medium", 10..50), ("heavy", 50..u32::MAX)] {
            samples.push(&TIERS, [tier], count(number(&|user| range.contains(&user.messages))));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::librechat::fold::testing::lines;
    use crate::librechat::recent::DAY;
    use crate::librechat::record::id::Id;
    use crate::librechat::record::{Message, Moment, User};

    #[test]
    fn shares_are_of_the_registered_users() {
        let mut records: Vec<_> = ["a", "b", "c", "silent"]
            .map(|id| Record::User(User { id: Some(Id::from(id)), ..User::default() }))
            .into();
        let mut write = |user: &str, day: i64, times: usize| {
            let created = Some(Moment(-day * DAY));
            let message = Message { user: Some(Id::from(user)), created, ..Message::default() };
            records.extend((0..times).map(|_| Record::Message(message.clone())));
        };
        (0..3).for_each(|day| write("a", day, 4));
        (8..13).for_each(|day| write("b", day, 10));
        write("c", 1, 9);
        // Row D69: what is dated later has not happened yet.
        write("silent", -3, 9);
        // Row D59: messages outlive their users.
        ["gone", "left", "away"].into_iter().for_each(|user| write(user, 0, 1));
        assert_eq!(
            lines::<Activity>(&records, &[], 0),
            [
                "librechat_adoption_rate_30d 75",
                "librechat_adoption_rate_7d 50",
                "librechat_avg_messages_per_user_30d 12.333333333333334",
                "librechat_periodicity_daily 50",
                "librechat_periodicity_monthly 25",
                "librechat_periodicity_weekly 25",
                r#"librechat_power_users_count_30d{tier="heavy"} 1"#,
                r#"librechat_power_users_count_30d{tier="light"} 4"#,
                r#"librechat_power_users_count_30d{tier="medium"} 1"#,
            ]
        );
    }
}
