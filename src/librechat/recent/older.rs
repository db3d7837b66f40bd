//! Daily sums of what happened before the last 30 days, back to the beginning of the last calendar month.
//!
//! Bounded by users, the models and agents that each of them uses, and days; where rows name no agent, by conversations.

use super::{LONGEST, Numbers, Payer, Spending, Turn};
use crate::librechat::calendar::{Calendar, Day};
use crate::librechat::numbered::Number;
use crate::librechat::record::Moment;
use crate::librechat::table::Table;
use crate::librechat::usage::Usage;

/// The author of a message that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Author {
    /// A user who asks.
    User(Option<Number>),
    /// A model or an agent that answers.
    Model(Option<Number>),
}

#[derive(Clone, Debug)]
pub struct Older {
    /// The beginning of the last calendar month.
    from: Moment,
    calendar: Calendar,
    usage: Table<(Day, Payer), Usage>,
    messages: Table<(Day, Author), u32>,
}

impl Older {
    /// Keeps what was before `horizon`, 30 days before an export.
    pub fn before(horizon: Moment, calendar: Calendar) -> Self {
        let from = first_day(horizon, &calendar);
        Self { from, calendar, usage: Table::default(), messages: Table::default() }
    }

    pub fn contains(&self, at: Moment) -> bool {
        at >= self.from
    }

    pub fn is_empty(&self) -> bool {
        self.usage.is_empty() && self.messages.is_empty()
    }

    pub fn spend(&mut self, spending: &Spending) {
        if self.contains(spending.at) {
            self.usage.add((self.calendar.day(spending.at), spending.by), spending.usage());
        }
    }

    pub fn say(&mut self, turn: &Turn) {
        if let Some(author) = turn.author()
            && self.contains(turn.at)
        {
            self.messages.add((self.calendar.day(turn.at), author), 1);
        }
    }

    pub fn merge(&mut self, other: &Self, numbers: &Numbers) {
        let first = self.calendar.day(self.from);
        for ((day, by), usage) in other.usage.iter().filter(|((day, _), _)| *day >= first) {
            self.usage.add((*day, numbers.payer(*by)), usage);
        }
        for ((day, author), messages) in other.messages.iter().filter(|((day, _), _)| *day >= first) {
            self.messages.add((*day, numbers.author(*author)), messages);
        }
    }

    /// Drops what no month shows any more when exports are 30 days after `horizon`.
    pub fn forget(&mut self, horizon: Moment) {
        let from = first_day(horizon, &self.calendar);
        if from > self.from {
            self.from = from;
            let first = self.calendar.day(from);
            self.usage.retain(|(day, _)| *day >= first);
            self.messages.retain(|(day, _)| *day >= first);
        }
    }

    pub fn compact(&mut self) {
        self.usage.compact();
        self.messages.compact();
    }

    pub fn usage(&self) -> impl Iterator<Item = (Day, Payer, Usage)> {
        self.usage.iter().map(|((day, by), usage)| (*day, *by, usage))
    }

    pub fn messages(&self) -> impl Iterator<Item = (Day, Author, u32)> {
        self.messages.iter().map(|((day, author), messages)| (*day, *author, messages))
    }
}

/// The beginning of the month before the one of an export that is 30 days after `horizon`.
fn first_day(horizon: Moment, calendar: &Calendar) -> Moment {
    calendar.last_month_start(horizon.before(-LONGEST))
}
