//! How many messages there were lately, when, and how many failed.

use super::{Fold, percent};
use crate::exposition::family::{Description, Family};
use crate::exposition::samples::Samples;
use crate::librechat::numbered::ByNumber;
use crate::librechat::record::Record;
use crate::librechat::scope::{Scope, Window};

static LAST_DAY: Family<0> =
    Family::gauge("librechat_messages_total_24h", [], "Number of messages in the last 24 hours");
static LAST_WEEK: Family<0> =
    Family::gauge("librechat_messages_total_7d", [], "Number of messages in the last 7 days");
static LAST_MONTH: Family<0> =
    Family::gauge("librechat_messages_total_30d", [], "Number of messages in the last 30 days");
static BY_HOUR: Family<1> = Family::gauge(
    "librechat_messages_by_hour_of_day",
    ["hour"],
    "Number of messages in the last 30 days by hour of the day in TIMEZONE",
);
static BY_WEEKDAY: Family<1> = Family::gauge(
    "librechat_messages_by_weekday",
    ["weekday"],
    "Number of messages in the last 30 days by day of the week in TIMEZONE (1 is Sunday and 7 is Saturday)",
);
static ERRORS: Family<0> = Family::gauge(
    "librechat_message_error_rate_30d",
    [],
    "Percentage of the messages of the last 30 days that are marked as errors, as the Node exporter has it: a provider's \
     failure is not (see librechat_failed_answer_ratio_30d)",
);
static ERRORS_BY_MODEL: Family<1> = Family::gauge(
    "librechat_message_error_rate_by_model",
    ["model"],
    "Percentage of a model's messages of the last 30 days that are marked as errors, as the Node exporter has it: a \
     provider's failure is not (see librechat_failed_answer_ratio_30d)",
);

/// Has nothing of its own: the recent past tells it all.
#[derive(Clone, Debug, Default)]
pub struct Traffic;

impl Fold for Traffic {
    const FAMILIES: &'static [Description] = &[
        LAST_DAY.describe(),
        LAST_WEEK.describe(),
        LAST_MONTH.describe(),
        BY_HOUR.describe(),
        BY_WEEKDAY.describe(),
        ERRORS.describe(),
        ERRORS_BY_MODEL.describe(),
    ];

    fn absorb(&mut self, _record: &Record<'_>) {}

    fn merge(&mut self, _other: &Self) {}

    fn export(&self, scope: &Scope<'_>, samples: &mut Samples) {
        let [day, week] = [Window::Day, Window::Week].map(|window| scope.start(window));
        let (mut of_day, mut of_week) = (0.0, 0.0);
        let (mut by_hour, mut by_weekday) = ([0.0; 24], [0.0; 7]);
        let (mut all, mut errors) = (0.0, 0.0);
        let mut by_model: ByNumber<(f64, f64)> = ByNumber::default();
        scope.recent.turns(scope.span(Window::Month)).for_each(|turn| {
            add_one(&mut by_hour, scope.clock.hour(turn.at));
            // The Node exporter's week begins on a Sunday.
            add_one(&mut by_weekday, i64::from(scope.clock.day(turn.at).weekday() % 7));
            let error = f64::from(u8::from(turn.is_error));
            of_day += f64::from(u8::from(turn.at >= day));
            of_week += f64::from(u8::from(turn.at >= week));
            all += 1.0;
            errors += error;
            if let Some(model) = turn.model {
                by_model.update(model, |(all, errors)| {
                    *all += 1.0;
                    *errors += error;
                });
            }
        });
        for (family, number) in [(&LAST_DAY, of_day), (&LAST_WEEK, of_week), (&LAST_MONTH, all)] {
            samples.push(family, [], number);
        }
        for (hour, number) in (0..).zip(by_hour) {
            samples.push(&BY_HOUR, [&i32::to_string(&hour)], number);
        }
        for (day, number) in (1..).zip(by_weekday) {
            samples.push(&BY_WEEKDAY, [&i32::to_string(&day)], number);
        }
        samples.push(&ERRORS, [], percent(errors, all));
        for (model, (all, errors)) in by_model.iter() {
            samples.push_mean(&ERRORS_BY_MODEL, [scope.recent.name(model)], errors * 100.0, *all);
        }
    }
}

fn add_one(numbers: &mut [f64], index: i64) {
    let number = usize::try_from(index).ok().and_then(|index| numbers.get_mut(index));
    number.into_iter().for_each(|number| *number += 1.0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::librechat::fold::testing::lines;
    use crate::librechat::recent::DAY;
    use crate::librechat::record::{Message, Moment};

    #[test]
    fn windows_include_their_first_moment_and_every_hour_and_day_is_there() {
        let message = |at: i64, error: bool| {
            let model = Some("m".into());
            Record::Message(Message { created: Some(Moment(at)), error, model, ..Message::default() })
        };
        // 2026-11-21 was a Saturday.
        let at = 1_795_219_200_000;
        let records = [
            message(at, true),
            message(at - DAY, false),
            message(at - DAY - 1, false),
            message(at - 30 * DAY - 1, true),
        ];
        let lines = lines::<Traffic>(&records, &[], at);
        for line in [
            "librechat_messages_total_24h 2",
            "librechat_messages_total_30d 3",
            r#"librechat_messages_by_hour_of_day{hour="0"} 2"#,
            r#"librechat_messages_by_hour_of_day{hour="23"} 1"#,
            r#"librechat_messages_by_hour_of_day{hour="9"} 0"#,
            r#"librechat_messages_by_weekday{weekday="5"} 1"#,
            r#"librechat_messages_by_weekday{weekday="7"} 1"#,
            r#"librechat_message_error_rate_by_model{model="m"} 33.333333333333339"#,
        ] {
            assert!(lines.iter().any(|other| other == line), "{line} is not in {lines:#?}");
        }
        assert_eq!(lines.len(), 24 + 7 + 5);
    }
}
