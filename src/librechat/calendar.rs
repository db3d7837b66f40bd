//! Days, hours and months in the time zone of an installation.
//!
//! Invariant: a day is at least 20 and at most 28 hours long, whatever daylight saving does; a month begins when its
//! first day does. Dates beyond the year 9999 are those of its end.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::recent::{DAY, MINUTE, Span};
use super::record::Moment;
use crate::vars::names::likest;

const HOUR: i64 = 60 * MINUTE;
/// How alike a name must be to be the one that was meant.
const CLOSE: f64 = 0.8;

/// A time zone of the IANA database, which is built in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calendar(TimeZone);

impl Default for Calendar {
    fn default() -> Self {
        Self(TimeZone::UTC)
    }
}

impl FromStr for Calendar {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        TimeZone::get(name).map(Self).map_err(|_| {
            let known = jiff::tz::db().available().map(|zone| zone.to_string());
            let hint =
                likest(name, known, CLOSE).map_or_else(String::new, |zone| format!("; did you mean {zone}?"));
            format!("must be the name of an IANA time zone, such as Europe/Berlin{hint}")
        })
    }
}

impl Calendar {
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// When the month began that `at` is in.
    pub fn month_start(&self, at: Moment) -> Moment {
        let start = timestamp(at).to_zoned_datetime(self.0.clone()).first_of_month();
        start
            .and_then(|first| first.start_of_day())
            .map_or(at, |start| Moment(start.timestamp().as_millisecond()))
    }

    /// When the month before that began.
    pub fn last_month_start(&self, at: Moment) -> Moment {
        self.month_start(self.month_start(at).before(1))
    }

    /// When the day began that `at` is in.
    pub fn day_start(&self, at: Moment) -> Moment {
        let start = timestamp(at).to_zoned_datetime(self.0.clone()).start_of_day();
        start.map_or(at, |start| Moment(start.timestamp().as_millisecond()))
    }

    /// The instant that a text means: one like `2026-10-01T12:00:00Z`, or a date, which is its first instant here.
    ///
    /// # Errors
    /// A text that is neither.
    pub fn instant(&self, text: &str) -> Result<Moment, String> {
        let instant = text.parse::<Timestamp>().ok();
        let day = || {
            text.parse::<Date>().ok()?.to_zoned_datetime(self.0.clone()).ok().map(|start| start.timestamp())
        };
        let instant = instant.or_else(day).map(|instant| Moment(instant.as_millisecond()));
        instant.ok_or_else(|| {
            format!("{text:?} is neither a date like 2026-10-01 nor an instant like 2026-10-01T12:00:00Z")
        })
    }

    /// The date of a moment that begins a day, else the moment with its offset.
    pub fn written(&self, at: Moment) -> String {
        let local = timestamp(at).to_zoned_datetime(self.0.clone());
        if self.day_start(at) == at {
            local.date().to_string()
        } else {
            local.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
        }
    }

    /// The day that a single moment is in.
    pub fn day(&self, at: Moment) -> Day {
        let offset = i64::from(self.0.to_offset(timestamp(at)).seconds()) * 1_000;
        Day::of_local(at.0.saturating_add(offset))
    }

    /// The date and the hour of moments in a span, looked up once for all of them.
    pub fn clock(&self, span: Span) -> Clock {
        let offset = |at: Timestamp| i64::from(self.0.to_offset(at).seconds()) * 1_000;
        let (from, until) = (timestamp(span.from), timestamp(span.until));
        let changes = self.0.following(from).take_while(|change| change.timestamp() <= until);
        let changes = changes.map(|change| change.timestamp());
        let of = |at: Timestamp| (Moment(at.as_millisecond()), offset(at));
        Clock(std::iter::once(from).chain(changes).map(of).collect())
    }
}

fn timestamp(at: Moment) -> Timestamp {
    let end = if at.0 < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_millisecond(at.0).unwrap_or(end)
}

/// A day, counted from 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(i32);

impl fmt::Display for Day {
    /// As ISO 8601 has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date = Timestamp::from_second(i64::from(self.0).saturating_mul(DAY / 1_000));
        match date {
            Ok(date) => write!(f, "{}", TimeZone::UTC.to_datetime(date).date()),
            Err(_) => write!(f, "day {}", self.0),
        }
    }
}

impl Day {
    fn of_local(millis: i64) -> Self {
        let days = millis.div_euclid(DAY);
        Self(i32::try_from(days).unwrap_or(if days < 0 { i32::MIN } else { i32::MAX }))
    }

    /// Monday is 1 and Sunday 7.
    pub fn weekday(self) -> i32 {
        // 1970 began on a Thursday.
        (self.0.rem_euclid(7) + 3) % 7 + 1
    }

    /// Days from `earlier` to `self`.
    pub const fn since(self, earlier: Self) -> i32 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Offsets from UTC in milliseconds, and from when on each holds.
#[derive(Debug)]
pub struct Clock(Vec<(Moment, i64)>);

impl Clock {
    fn local(&self, at: Moment) -> i64 {
        let offset = self.0.iter().rev().find(|(from, _)| *from <= at).or(self.0.first());
        at.0.saturating_add(offset.map_or(0, |(_, offset)| *offset))
    }

    pub fn day(&self, at: Moment) -> Day {
        Day::of_local(self.local(at))
    }

    /// 0 to 23.
    pub fn hour(&self, at: Moment) -> i64 {
        self.local(at).rem_euclid(DAY) / HOUR
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Moment {
        Moment(text.parse::<Timestamp>().unwrap().as_millisecond())
    }

    fn berlin() -> Calendar {
        "Europe/Berlin".parse().unwrap()
    }

    #[test]
    fn days_and_months_begin_at_local_midnight_also_when_clocks_change() {
        let cases = [
            // The month, the one before, and the day that a moment is in begin.
            ("2026-03-29T22:30:00Z", "2026-02-28T23:00:00Z", "2026-01-31T23:00:00Z", "2026-03-29T22:00:00Z"),
            ("2026-03-29T12:00:00Z", "2026-02-28T23:00:00Z", "2026-01-31T23:00:00Z", "2026-03-28T23:00:00Z"),
            ("2026-10-31T22:59:59Z", "2026-09-30T22:00:00Z", "2026-08-31T22:00:00Z", "2026-10-30T23:00:00Z"),
            ("2026-10-31T23:00:00Z", "2026-10-31T23:00:00Z", "2026-09-30T22:00:00Z", "2026-10-31T23:00:00Z"),
            ("2026-01-01T00:00:00Z", "2025-12-31T23:00:00Z", "2025-11-30T23:00:00Z", "2025-12-31T23:00:00Z"),
        ];
        for (moment, month, last_month, day) in cases {
            let calendar = berlin();
            assert_eq!(calendar.month_start(at(moment)), at(month), "{moment}");
            assert_eq!(calendar.last_month_start(at(moment)), at(last_month), "{moment}");
            assert_eq!(calendar.day_start(at(moment)), at(day), "{moment}");
        }
        // In Beirut a day of 2024 began at one o'clock: there was no midnight.
        let beirut: Calendar = "Asia/Beirut".parse().unwrap();
        assert_eq!(beirut.day_start(at("2024-03-31T12:00:00Z")), at("2024-03-30T22:00:00Z"));
    }

    #[test]
    fn a_clock_tells_the_local_hour_and_day_on_both_sides_of_a_change() {
        let clock =
            berlin().clock(Span { from: at("2026-10-01T00:00:00Z"), until: at("2026-11-01T00:00:00Z") });
        let cases = [
            ("2026-10-24T21:59:59Z", 23, 6),
            ("2026-10-24T22:00:00Z", 0, 7),
            ("2026-10-25T00:59:59Z", 2, 7),
            // The hour from two to three comes twice.
            ("2026-10-25T01:00:00Z", 2, 7),
            ("2026-10-25T02:00:00Z", 3, 7),
            ("2026-10-25T22:59:59Z", 23, 7),
            ("2026-10-25T23:00:00Z", 0, 1),
        ];
        for (moment, hour, weekday) in cases {
            let moment = at(moment);
            assert_eq!((clock.hour(moment), clock.day(moment).weekday()), (hour, weekday), "{moment:?}");
        }
    }

    #[test]
    fn a_date_is_its_first_instant_and_is_written_so() {
        let calendar = berlin();
        assert_eq!(calendar.instant("2026-10-01"), Ok(at("2026-09-30T22:00:00Z")));
        assert_eq!(calendar.instant("2026-10-01T12:00:00+02:00"), Ok(at("2026-10-01T10:00:00Z")));
        assert!(calendar.instant("October").unwrap_err().starts_with(r#""October" is neither a date"#));
        assert_eq!(calendar.written(at("2026-09-30T22:00:00Z")), "2026-10-01");
        assert_eq!(calendar.written(at("2026-09-30T23:00:00Z")), "2026-10-01T01:00:00+02:00");
        let clock =
            calendar.clock(Span { from: at("2026-10-01T00:00:00Z"), until: at("2026-10-02T00:00:00Z") });
        assert_eq!(clock.day(at("2026-10-01T22:30:00Z")).to_string(), "2026-10-02");
    }

    #[test]
    fn dates_of_no_calendar_are_those_at_its_end() {
        for calendar in [Calendar::default(), berlin()] {
            for moment in [Moment(i64::MIN), Moment(i64::MAX)] {
                let start = calendar.last_month_start(moment);
                calendar.clock(Span { from: start, until: moment }).day(moment).weekday();
            }
        }
    }

    #[test]
    fn an_unknown_zone_is_refused_with_the_one_that_is_meant() {
        let error = "Europe/Berln".parse::<Calendar>().unwrap_err();
        assert!(error.ends_with("did you mean Europe/Berlin?"), "{error}");
        assert!(!"CET tomorrow".parse::<Calendar>().unwrap_err().contains("did you mean"));
        assert_eq!("europe/berlin".parse::<Calendar>().unwrap().name(), "Europe/Berlin");
    }
}
