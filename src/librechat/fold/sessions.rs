//! Login sessions: how many there are, and how long they are valid.

use super::{Fold, Mean, count};
use crate::exposition::family::{Description, Family};
use crate::exposition::samples::Samples;
use crate::librechat::record::{Moment, Record};
use crate::librechat::scope::{Scope, Window};

static DURATION: Family<0> = Family::gauge(
    "librechat_session_avg_duration",
    [],
    "Mean seconds from the start of a login session to its expiration",
)
.momentary();
static ACTIVE: Family<0> =
    Family::gauge("librechat_session_active_count", [], "Number of login sessions that have not expired")
        .momentary();
static EXPIRED: Family<0> = Family::gauge(
    "librechat_session_expired_count_24h",
    [],
    "Number of login sessions that expired in the last 24 hours",
)
.momentary();

#[derive(Clone, Debug, Default)]
pub struct Sessions {
    duration: Mean,
    expirations: Vec<Moment>,
}

impl Fold for Sessions {
    const FAMILIES: &'static [Description] = &[DURATION.describe(), ACTIVE.describe(), EXPIRED.describe()];

    fn absorb(&mut self, record: &Record<'_>) {
        let Record::Session(session) = record else { return };
        self.expirations.extend(session.expiration);
        if let (Some(start), Some(expiration)) = (session.start, session.expiration) {
            self.duration.add(expiration.seconds_since(start));
        }
    }

    fn merge(&mut self, other: &Self) {
        self.duration.merge(other.duration);
        self.expirations.extend(&other.expirations);
    }

    fn export(&self, scope: &Scope<'_>, samples: &mut Samples) {
        let day = scope.start(Window::Day);
        let number =
            |is: &dyn Fn(Moment) -> bool| count(self.expirations.iter().filter(|at| is(**at)).count());
        samples.push_mean(&DURATION, [], self.duration.sum, self.duration.count);
        samples.push(&ACTIVE, [], number(&|expiration| expiration > scope.at));
        samples.push(&EXPIRED, [], number(&|expiration| expiration <= scope.at && expiration >= day));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::librechat::fold::testing::lines;
    use crate::librechat::recent::DAY;
    use crate::librechat::record::Session;

    #[test]
    fn a_session_without_an_expiration_is_neither_active_nor_expired() {
        let session = |start: Option<i64>, expiration: Option<i64>| {
            let [start, expiration] = [start, expiration].map(|at| at.map(Moment));
            Record::Session(Session { start, expiration })
        };
        let records = [
            session(Some(0), Some(3 * DAY)),
            session(Some(0), Some(DAY)),
            session(None, Some(2 * DAY)),
            session(Some(0), Some(DAY - 1)),
            session(Some(0), Some(DAY + 1)),
            session(Some(0), None),
        ];
        let lines = lines::<Sessions>(&records, &[], 2 * DAY);
        assert_eq!(lines[0], "librechat_session_active_count 1");
        assert_eq!(lines[1], "librechat_session_avg_duration 129600");
        assert_eq!(lines[2], "librechat_session_expired_count_24h 3");
    }
}
