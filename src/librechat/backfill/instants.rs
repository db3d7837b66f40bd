//! The instants of a backfill: whole seconds, equally far apart.

use std::time::{Duration, SystemTime};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::exposition::history::MAX_INSTANTS;
use crate::librechat::collector::moment;
use crate::librechat::record::Moment;

/// From the first to the last, both included when the step fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instants {
    /// Seconds since 1970.
    first: i64,
    step: i64,
    count: i64,
}

impl Instants {
    /// # Errors
    /// What of `--from`, `--to` and `--step` cannot be, and what could.
    pub fn new(
        from: SystemTime,
        to: Option<SystemTime>,
        step: Duration,
        now: SystemTime,
    ) -> Result<Self, String> {
        let now = moment(now).0.div_euclid(1_000);
        let first = whole_second("--from", from)?;
        let last = to.map_or(Ok(now), |to| whole_second("--to", to))?;
        for (option, at) in [("--from", first), ("--to", last)] {
            if at > now {
                return Err(format!("{option} {} is in the future", shown(at)));
            }
        }
        if last < first {
            return Err(format!("--to {} is before --from {}", shown(last), shown(first)));
        }
        let seconds = i64::try_from(step.as_secs()).unwrap_or(i64::MAX);
        if seconds == 0 || step.subsec_nanos() > 0 {
            return Err("--step must be a number of whole seconds, like 1h or 1d, and not 0".into());
        }
        let count = (last - first) / seconds + 1;
        let max = i64::try_from(MAX_INSTANTS).unwrap_or(i64::MAX);
        if count > max {
            let least = (last - first) / max + 1;
            return Err(format!(
                "--step {} from {} to {} would give {count} points of each series, and {max} is as many as Prometheus \
                 answers with: take a shorter interval, or a step of at least {}",
                humantime::format_duration(step),
                shown(first),
                shown(last),
                humantime::format_duration(Duration::from_secs(least.unsigned_abs())),
            ));
        }
        Ok(Self { first, step: seconds, count })
    }

    pub fn iter(self) -> impl ExactSizeIterator<Item = Moment> {
        let instant = move |number: usize| {
            let number = i64::try_from(number).unwrap_or(i64::MAX);
            Moment((self.first + number * self.step) * 1_000)
        };
        (0..usize::try_from(self.count).unwrap_or_default()).map(instant)
    }

    pub const fn first(self) -> Moment {
        Moment(self.first * 1_000)
    }

    /// How many percent of the time lie behind at `at`.
    pub fn share(self, at: Moment) -> i64 {
        ((at.0 - self.first().0) / 10).checked_div(self.step * self.count).unwrap_or_default()
    }

    /// The first instant that is not before `at`; `None` after the last.
    pub fn reached(self, at: Moment) -> Option<Moment> {
        let step = self.step * 1_000;
        let since = at.0.saturating_sub(self.first().0).max(0);
        let number = since / step + i64::from(since % step > 0);
        (number < self.count).then(|| Moment(self.first().0 + number * step))
    }
}

fn whole_second(option: &str, at: SystemTime) -> Result<i64, String> {
    let Moment(millis) = moment(at);
    if millis < 0 {
        return Err(format!("{option} is before 1970"));
    }
    let is_whole = at.duration_since(SystemTime::UNIX_EPOCH).is_ok_and(|since| since.subsec_nanos() == 0);
    if !is_whole {
        return Err(format!("{option} must be a whole second"));
    }
    Ok(millis / 1_000)
}

/// As people write it.
pub fn shown(second: i64) -> String {
    let instant = OffsetDateTime::from_unix_timestamp(second).ok();
    instant.and_then(|instant| instant.format(&Rfc3339).ok()).unwrap_or_else(|| second.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400;

    fn at(second: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(second)
    }

    fn instants(from: u64, to: Option<u64>, step: u64, now: u64) -> Result<Vec<i64>, String> {
        let instants = Instants::new(at(from), to.map(at), Duration::from_secs(step), at(now))?;
        Ok(instants.iter().map(|instant| instant.0).collect())
    }

    #[test]
    fn both_ends_are_instants_when_the_step_fits_and_now_is_the_end() {
        assert_eq!(instants(100, Some(160), 30, 1_000).unwrap(), [100_000, 130_000, 160_000]);
        assert_eq!(instants(100, Some(159), 30, 1_000).unwrap(), [100_000, 130_000]);
        assert_eq!(instants(100, Some(100), 30, 1_000).unwrap(), [100_000]);
        assert_eq!(instants(100, None, 400, 1_000).unwrap(), [100_000, 500_000, 900_000]);
        assert_eq!(instants(100, None, u64::MAX, 1_000).unwrap(), [100_000]);
        let now = at(1_000) + Duration::from_millis(999);
        assert!(Instants::new(at(100), None, Duration::from_secs(400), now).is_ok());
    }

    #[test]
    fn what_cannot_be_is_named_with_its_option() {
        for (from, to, step, words) in [
            (200, Some(199), 1, &["--to 1970-01-01T00:03:19Z", "before --from 1970-01-01T00:03:20Z"][..]),
            (DAY + 1, None, 1, &["--from", "future"]),
            (1, Some(DAY + 1), 1, &["--to", "future"]),
            (1, None, 0, &["--step", "whole seconds"]),
            (0, Some(11_000), 1, &["--step 1s", "11001 points", "11000", "at least 2s"]),
        ] {
            let said = instants(from, to, step, DAY).unwrap_err();
            assert!(words.iter().all(|word| said.contains(word)), "{said}");
        }
        assert_eq!(instants(0, Some(10_999), 1, DAY).unwrap().len(), 11_000);
        let step = Duration::from_millis(1_500);
        assert!(Instants::new(at(0), None, step, at(9)).unwrap_err().contains("--step"));
        let half = at(5) + Duration::from_nanos(1);
        let second = Duration::from_secs(1);
        assert!(Instants::new(half, None, second, at(9)).unwrap_err().contains("--from"));
        assert!(Instants::new(at(1), Some(half), second, at(9)).unwrap_err().contains("--to"));
        let before = SystemTime::UNIX_EPOCH - Duration::from_millis(1);
        assert!(Instants::new(before, None, second, at(9)).unwrap_err().contains("before 1970"));
    }

    #[test]
    fn an_instant_is_reached_by_what_is_not_after_it() {
        let instants = Instants::new(at(100), Some(at(160)), Duration::from_secs(30), at(1_000)).unwrap();
        for (at, reached) in [
            (i64::MIN, Some(100_000)),
            (100_000, Some(100_000)),
            (100_001, Some(130_000)),
            (130_000, Some(130_000)),
            (130_001, Some(160_000)),
            (160_001, None),
            (i64::MAX, None),
        ] {
            assert_eq!(instants.reached(Moment(at)), reached.map(Moment), "{at}");
        }
    }
}
