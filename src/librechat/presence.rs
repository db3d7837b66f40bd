//! Who was there lately, as of the instant of an export: looked at once, for all figures that are about users.

use super::calendar::Clock;
use super::numbered::{ByNumber, Number};
use super::recent::{Recent, Span};
use super::record::Moment;
use super::scope::{Member, Window};

/// Every user who wrote or received a message in the last 30 days.
#[derive(Debug)]
pub struct Presence(ByNumber<User>);

/// Somebody, and what they did in these days.
#[derive(Clone, Copy, Debug)]
pub struct User {
    /// The latest message.
    pub last: Moment,
    pub messages: u32,
    /// On which days of the last seven.
    pub week: Days,
    /// On which days of all.
    pub month: Days,
    member: Member,
}

impl User {
    /// Whether there is a user document: messages outlive their users.
    pub const fn is_registered(&self) -> bool {
        self.member.is_registered
    }
}

/// Days since a window began, a bit for each.
#[derive(Clone, Copy, Debug, Default)]
pub struct Days(u64);

impl Days {
    fn add(&mut self, day: i32) {
        self.0 |= 1 << day.clamp(0, 63);
    }

    pub const fn count(self) -> u32 {
        self.0.count_ones()
    }
}

impl Default for User {
    fn default() -> Self {
        let (week, month) = (Days::default(), Days::default());
        Self { last: Moment(i64::MIN), messages: 0, week, month, member: Member::default() }
    }
}

impl Presence {
    /// Those of a `month` of 30 days; `members` are the users of the recent past.
    pub fn new(month: Span, recent: &Recent, members: &ByNumber<Member>, clock: &Clock) -> Self {
        let week = Window::Week.start(month.until);
        let first = clock.day(month.from);
        let user = |member: Member| User { member, ..User::default() };
        let mut users: ByNumber<User> = members.iter().map(|(_, member)| user(*member)).collect();
        recent.turns(month).for_each(|turn| {
            let Some(number) = turn.user else { return };
            let day = clock.day(turn.at).since(first);
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
        self.0.get(user)?.member.domain
    }
}
