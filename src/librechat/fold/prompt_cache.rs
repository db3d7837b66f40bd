//! How much of the prompts of the last 30 days came out of the providers' caches.

use super::{Fold, Mean};
use crate::exposition::family::{Description, Family};
use crate::exposition::samples::Samples;
use crate::librechat::numbered::ByNumber;
use crate::librechat::record::Record;
use crate::librechat::scope::{Scope, Window};

static HIT_RATIO: Family<1> = Family::gauge(
    "librechat_prompt_cache_hit_ratio",
    ["model"],
    "Prompt tokens read from the provider's cache by all prompt tokens of the last 30 days, 0 to 1, by model",
);

/// Has nothing of its own: the recent past tells it all.
#[derive(Clone, Debug, Default)]
pub struct PromptCache;

impl Fold for PromptCache {
    const FAMILIES: &'static [Description] = &[HIT_RATIO.describe()];

    fn absorb(&mut self, _record: &Record<'_>) {}

    fn merge(&mut self, _other: &Self) {}

    fn export(&self, scope: &Scope<'_>, samples: &mut Samples) {
        let mut models: ByNumber<Mean> = ByNumber::default();
        for prompt in scope.recent.prompts(scope.span(Window::Month)) {
            let (cached, tokens) = (f64::from(prompt.cached), f64::from(prompt.tokens));
            models.update(prompt.model, |ratio| ratio.merge(Mean { sum: cached, count: tokens }));
        }
        for (model, ratio) in models.iter() {
            samples.push_mean(&HIT_RATIO, [scope.recent.name(model)], ratio.sum, ratio.count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::librechat::fold::testing::lines;
    use crate::librechat::recent::DAY;
    use crate::librechat::record::{Moment, Transaction};

    #[test]
    fn rows_without_their_parts_count_as_not_cached_and_models_without_prompts_are_left_out() {
        let prompt = |model: &'static str, days: i64, raw: f64, parts: Option<[f64; 3]>| Transaction {
            model: Some(model.into()),
            token_type: Some("prompt".into()),
            created: Some(Moment(-days * DAY)),
            raw_amount: Some(raw),
            input_tokens: parts.map(|parts| parts[0]),
            write_tokens: parts.map(|parts| parts[1]),
            read_tokens: parts.map(|parts| parts[2]),
            ..Transaction::default()
        };
        let completion =
            |row: Transaction<'static>| Transaction { token_type: Some("completion".into()), ..row };
        let records = [
            prompt("a", 30, -100.0, Some([-10.0, -30.0, -60.0])),
            prompt("a", 0, -100.0, None),
            prompt("a", 31, -1e6, Some([0.0, 0.0, -1e6])),
            // Its parts are more than its amount, or there is none.
            prompt("b", 1, -1.0, Some([-1.0, 0.0, -3.0])),
            Transaction { raw_amount: None, ..prompt("c", 1, 0.0, Some([0.0, 0.0, -7.0])) },
            completion(prompt("a", 1, -500.0, None)),
            completion(prompt("d", 1, -500.0, None)),
            prompt("e", 1, 0.0, None),
            Transaction { model: None, ..prompt("f", 1, -5.0, None) },
            Transaction { created: None, ..prompt("g", 1, -5.0, None) },
        ];
        assert_eq!(
            lines::<PromptCache>(&records.map(Record::Transaction), &[], 0),
            [
                r#"librechat_prompt_cache_hit_ratio{model="a"} 0.3"#,
                r#"librechat_prompt_cache_hit_ratio{model="b"} 0.75"#,
                r#"librechat_prompt_cache_hit_ratio{model="c"} 1"#,
            ]
        );
    }
}
