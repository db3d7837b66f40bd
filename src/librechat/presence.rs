//! Who was there lately, as of the instant of an export: looked at once, for all figures that are about users.

use super::numbered::{ByNumber, Number};
use super::recent::{DAY, Recent};
use super::record::Moment;
use super::scope::Window;

/// Every user who wrote or received a message in the last 30 days.
#[derive(Debug)]
pub struct Presence(ByNumber<User>);

/// What a user did in these days.
#[derive(Clone, Copy, Debug)]
pub struct User {
    /// The latest message.
    pub last: Moment,
    pub messages: u32,
    /// On which days (UTC) of the last seven.
    pub week: Days,
    /// On which days of all.
    pub month: Days,
    domain: Option<Number>,
}

/// Days since a window began, a bit for each; the last bit is of all beyond two months, which are in the future.
#[derive(Clone, Copy, Debug, Default)]
pub struct Days(u64);

impl Days {
    fn add(&mut self, day: i64) {
        self.0 |= 1 << day.clamp(0, 63);
    }

    pub const fn count(self) -> u32 {
        self.0.count_ones()
    }
}

impl Default for User {
    fn default() -> Self {
        let (week, month) = (Days::default(), Days::default());
        Self { last: Moment(i64::MIN), messages: 0, week, month, domain: None }
    }
}

impl Presence {
    /// `domains` are those of the users of the recent past.
    pub fn new(at: Moment, recent: &Recent, domains: &ByNumber<Option<Number>>) -> Self {
        let day = |at: Moment| at.0.div_euclid(DAY);
        let (month, week) = (Window::Month.start(at), Window::Week.start(at));
        let first = day(month);
        let user = |domain: Option<Number>| User { domain, ..User::default() };
        let mut users: ByNumber<User> = domains.iter().map(|(_, domain)| user(*domain)).collect();
        recent.turns(month).for_each(|turn| {
            let Some(number) = turn.user else { return };
            let day = day(turn.at) - first;
            users.update(number, |user| {
                user.last = user.last.max(turn.at);
                user.messages += 1;
                user.month.add(day);
                if turn.at >= week {
                    user.week.add(day);
                }
            });
        });
        Self(users)
    }

    /// Those with a message since `from`, which is not before the last 30 days.
    pub fn since(&self, from: Moment) -> impl Iterator<Item = (Number, &User)> {
        self.0.iter().filter(move |(_, user)| user.messages > 0 && user.last >= from)
    }

    /// The domain of a user's email address, if it is known.
    pub fn domain(&self, user: Number) -> Option<Number> {
        self.0.get(user)?.domain
    }
}
