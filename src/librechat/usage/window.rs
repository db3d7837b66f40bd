//! The windows that usage is shown for.

use crate::librechat::calendar::Calendar;
use crate::librechat::recent::{DAY, LONGEST, Span};
use crate::librechat::record::Moment;

/// A window that ends at the instant of an export, or did so a month before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UsageWindow {
    LastDay,
    LastWeek,
    LastThirtyDays,
    /// The calendar month so far.
    Month,
    LastMonth,
}

impl UsageWindow {
    pub const ALL: [Self; 5] =
        [Self::LastDay, Self::LastWeek, Self::LastThirtyDays, Self::Month, Self::LastMonth];

    /// The value of the label `window`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::LastDay => "24h",
            Self::LastWeek => "7d",
            Self::LastThirtyDays => "30d",
            Self::Month => "month",
            Self::LastMonth => "last_month",
        }
    }

    /// From its first to its last millisecond.
    pub fn span(self, at: Moment, calendar: &Calendar) -> Span {
        let sliding = |length| Span { from: at.before(length), until: at };
        match self {
            Self::LastDay => sliding(DAY),
            Self::LastWeek => sliding(7 * DAY),
            Self::LastThirtyDays => sliding(LONGEST),
            Self::Month => Span { from: calendar.month_start(at), until: at },
            Self::LastMonth => {
                Span { from: calendar.last_month_start(at), until: calendar.month_start(at).before(1) }
            }
        }
    }
}

/// Something of each window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PerWindow<T>([T; UsageWindow::ALL.len()]);

impl<T: Copy> PerWindow<T> {
    pub fn of(value: impl Fn(UsageWindow) -> T) -> Self {
        Self(UsageWindow::ALL.map(value))
    }

    pub fn map<U: Copy>(self, value: impl Fn(T) -> U) -> PerWindow<U> {
        PerWindow(self.0.map(value))
    }

    /// Adds another's, window by window.
    pub fn combine(&mut self, other: Self, add: impl Fn(&mut T, T)) {
        self.0.iter_mut().zip(other.0).for_each(|(value, more)| add(value, more));
    }

    pub fn iter(&self) -> impl Iterator<Item = (UsageWindow, &T)> {
        UsageWindow::ALL.into_iter().zip(&self.0)
    }

    /// Changes what belongs to the windows of which `is_in` is true.
    pub fn update(&mut self, is_in: PerWindow<bool>, change: impl Fn(&mut T)) {
        let values = self.0.iter_mut().zip(is_in.0);
        values.filter(|(_, is_in)| *is_in).for_each(|(value, _)| change(value));
    }
}
