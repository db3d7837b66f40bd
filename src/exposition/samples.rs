//! The samples of one snapshot, and their rendering as OpenMetrics text.

use std::collections::BTreeMap;
use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode_registry;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeLabel as _, EncodeLabelSet, LabelSetEncoder, MetricEncoder, NoLabelSet,
};
use prometheus_client::registry::Registry;

use super::buckets::Buckets;
use super::family::{Description, Family, Kind};
use super::label::printable;
use super::protobuf::Natives;

/// Samples by family. Families and samples come out in a fixed order, so that equal collections render equally.
#[derive(Clone, Debug, Default)]
pub struct Samples(BTreeMap<&'static str, Rows>);

#[derive(Clone, Debug)]
pub(super) struct Rows {
    pub(super) description: Description,
    pub(super) rows: BTreeMap<Vec<String>, Value>,
}

/// A value that others of the same labels can be added to.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Sum(f64),
    /// `sum` divided by `weight`.
    Mean {
        sum: f64,
        weight: f64,
    },
    Histogram(Buckets),
}

impl Value {
    fn add(&mut self, other: Self) {
        match (self, other) {
            (Self::Sum(sum), Self::Sum(other)) => *sum += other,
            (Self::Mean { sum, weight }, Self::Mean { sum: other, weight: other_weight }) => {
                *sum += other;
                *weight += other_weight;
            }
            (Self::Histogram(buckets), Self::Histogram(other)) => buckets.merge(&other),
            // The catalogue's test sees to it that a family has values of one kind.
            (known, other) => *known = other,
        }
    }

    /// How many series it is.
    pub(super) fn series(&self) -> usize {
        match self {
            Self::Sum(_) | Self::Mean { .. } => 1,
            Self::Histogram(buckets) => buckets.series(),
        }
    }

    /// How much it matters, next to others of its family.
    #[expect(clippy::cast_precision_loss, reason = "only for sorting")]
    pub(super) fn size(&self) -> f64 {
        match self {
            Self::Sum(sum) => sum.abs(),
            Self::Mean { weight, .. } => weight.abs(),
            Self::Histogram(buckets) => buckets.count() as f64,
        }
    }
}

impl Rows {
    pub(super) fn add(&mut self, labels: Vec<String>, value: Value) {
        match self.rows.get_mut(&labels) {
            Some(known) if self.description.is_info() => *known = value,
            Some(known) => known.add(value),
            None => {
                self.rows.insert(labels, value);
            }
        }
    }
}

impl Rows {
    pub(super) fn series(&self) -> usize {
        self.rows.values().map(Value::series).sum()
    }
}

impl Samples {
    /// Declares a family, so that its HELP and TYPE are there even while it has no sample.
    pub fn declare(&mut self, family: Description) {
        self.rows(family);
    }

    /// Adds one sample. Samples that come to the same labels, as they are shown, are added up. A value that is not finite
    /// is an absent figure and is left out.
    pub fn push<const L: usize>(&mut self, family: &'static Family<L>, labels: [&str; L], value: f64) {
        let rows = self.rows(family.describe());
        if value.is_finite() {
            rows.add(shown(labels), Value::Sum(value));
        }
    }

    /// Adds `sum` divided by `weight`: a mean or a percentage. Samples that come to the same labels are pooled. Without
    /// weight there is nothing to tell, and no sample.
    pub fn push_mean<const L: usize>(
        &mut self,
        family: &'static Family<L>,
        labels: [&str; L],
        sum: f64,
        weight: f64,
    ) {
        let rows = self.rows(family.describe());
        if (sum / weight).is_finite() {
            rows.add(shown(labels), Value::Mean { sum, weight });
        }
    }

    /// Adds a histogram. Those that come to the same labels are added up.
    pub fn push_buckets<const L: usize>(
        &mut self,
        family: &'static Family<L>,
        labels: [&str; L],
        buckets: &Buckets,
    ) {
        self.rows(family.describe()).add(shown(labels), Value::Histogram(buckets.clone()));
    }

    /// Takes in the samples of another.
    pub fn extend(&mut self, other: Self) {
        for Rows { description, rows } in other.0.into_values() {
            let known = self.rows(description);
            rows.into_iter().for_each(|(labels, value)| known.add(labels, value));
        }
    }

    /// Takes out the samples of families by their names; the families stay declared.
    pub fn clear(&mut self, is_cleared: impl Fn(&str) -> bool) {
        for (name, rows) in &mut self.0 {
            if is_cleared(name) {
                rows.rows.clear();
            }
        }
    }

    pub(super) fn families(&mut self) -> impl Iterator<Item = &mut Rows> {
        self.0.values_mut()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Rows> {
        self.0.values()
    }

    fn rows(&mut self, description: Description) -> &mut Rows {
        let rows =
            self.0.entry(description.name).or_insert_with(|| Rows { description, rows: BTreeMap::new() });
        debug_assert_eq!(rows.description, description, "two families of one name");
        rows
    }

    /// The native buckets of all histograms, which text does not show.
    pub fn natives(&self) -> Natives {
        let histograms = self.0.iter().filter(|(_, rows)| rows.description.kind == Kind::Histogram);
        let natives = histograms.map(|(name, Rows { rows, .. })| {
            let rows = rows.iter().filter_map(|(labels, value)| match value {
                Value::Histogram(buckets) => Some((labels.clone(), buckets.native().clone())),
                _ => None,
            });
            (*name, rows.collect())
        });
        natives.collect()
    }

    /// OpenMetrics text without its end marker, since more may follow.
    pub fn render(self) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self));
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode_registry(&mut text, &registry);
        text
    }
}

impl Collector for Samples {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for Rows { description, rows } in self.0.values() {
            let name = description.name.strip_suffix("_total").filter(|_| description.kind == Kind::Counter);
            let name = name.unwrap_or(description.name);
            // The library ends the help of registered metrics with a full stop; so do we.
            let help = format!("{}.", description.help);
            let mut metric = encoder.encode_descriptor(name, &help, None, description.kind.metric_type())?;
            for (values, value) in rows {
                if values.is_empty() {
                    write(&mut metric, description.kind, value)?;
                } else {
                    let labels = Labels { names: description.labels, values };
                    write(&mut metric.encode_family(&labels)?, description.kind, value)?;
                }
            }
        }
        Ok(())
    }
}

fn write(metric: &mut MetricEncoder<'_>, kind: Kind, value: &Value) -> fmt::Result {
    match value {
        Value::Sum(sum) => write_number(metric, kind, *sum),
        Value::Mean { sum, weight } => write_number(metric, kind, sum / weight),
        Value::Histogram(buckets) => {
            let (sum, count) = (buckets.sum(), buckets.count());
            metric.encode_histogram::<NoLabelSet>(sum, count, &buckets.rows(), None)
        }
    }
}

/// Whole numbers are written without a fraction, as people and most exporters write them.
fn write_number(metric: &mut MetricEncoder<'_>, kind: Kind, value: f64) -> fmt::Result {
    const EXACT: f64 = 9_007_199_254_740_992.0; // 2^53: below it every whole number is exact
    #[expect(clippy::cast_possible_truncation)]
    let whole = (value.fract() == 0.0 && value.abs() < EXACT).then_some(value as i64);
    match (kind, whole, whole.and_then(|whole| u64::try_from(whole).ok())) {
        (Kind::Counter, _, Some(whole)) => metric.encode_counter::<NoLabelSet, _, f64>(&whole, None),
        (Kind::Counter, _, None) => metric.encode_counter::<NoLabelSet, _, f64>(&value, None),
        (_, Some(whole), _) => metric.encode_gauge(&whole),
        (_, None, _) => metric.encode_gauge(&value),
    }
}

/// The values of labels as readers can bear them.
fn shown<const L: usize>(labels: [&str; L]) -> Vec<String> {
    labels.map(|label| printable(label).into_owned()).into()
}

struct Labels<'a> {
    names: &'static [&'static str],
    values: &'a [String],
}

impl EncodeLabelSet for Labels<'_> {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        for (name, value) in self.names.iter().zip(self.values) {
            (*name, value.as_str()).encode(encoder.encode_label())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static USERS: Family<0> = Family::gauge("librechat_user_count", [], "Registered users");
    static COST: Family<2> = Family::gauge("librechat_cost", ["model", "tag"], "Cost");
    static SECONDS: Family<1> = Family::histogram("librechat_answer_seconds", ["model"], "Time");
    static INFO: Family<1> = Family::gauge("librechat_agent_info", ["agent"], "Agents").not_additive();
    static MEAN: Family<1> = Family::gauge("librechat_mean", ["model"], "Mean");
    static SEEN: Family<1> = Family::counter("librechat_seen_total", ["model"], "Seen");

    #[test]
    fn renders_families_and_labels_in_a_fixed_order_and_adds_up_equal_labels() {
        let mut samples = Samples::default();
        samples.push(&COST, ["b", "x"], 1.5);
        samples.push(&COST, ["a", "quote\" back\\slash"], 2.0);
        samples.push(&COST, ["b", "x"], 1.0);
        samples.push(&USERS, [], 3.0);
        samples.push(&SEEN, ["m"], 7.0);
        assert_eq!(
            samples.render(),
            "# HELP librechat_cost Cost.\n\
             # TYPE librechat_cost gauge\n\
             librechat_cost{model=\"a\",tag=\"quote\\\" back\\\\slash\"} 2\n\
             librechat_cost{model=\"b\",tag=\"x\"} 2.5\n\
             # HELP librechat_seen Seen.\n\
             # TYPE librechat_seen counter\n\
             librechat_seen_total{model=\"m\"} 7\n\
             # HELP librechat_user_count Registered users.\n\
             # TYPE librechat_user_count gauge\n\
             librechat_user_count 3\n"
        );
    }

    #[test]
    fn d74_d75_values_that_are_shown_alike_are_one_sample() {
        let mut samples = Samples::default();
        let long = "x".repeat(600);
        for tail in ["a", "b"] {
            samples.push(&SEEN, [&format!("{long}{tail}")], 2.0);
            samples.push(&INFO, [&format!("{long}{tail}")], 1.0);
            samples.push_mean(&MEAN, [&format!("{long}{tail}")], 6.0, 3.0);
        }
        samples.push(&SEEN, ["a\rb"], 1.0);
        samples.push(&SEEN, ["a\u{2028}b"], 1.0);
        let text = samples.render();
        let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        let cut = format!("{}\u{2026}", "x".repeat(509));
        assert_eq!(
            lines,
            [
                format!("librechat_agent_info{{agent=\"{cut}\"}} 1"),
                format!("librechat_mean{{model=\"{cut}\"}} 2"),
                "librechat_seen_total{model=\"a b\"} 2".into(),
                format!("librechat_seen_total{{model=\"{cut}\"}} 4"),
            ]
        );
    }

    #[test]
    fn renders_histograms_with_buckets_that_add_up() {
        let mut buckets = Buckets::new(&[0.5, 2.0]);
        [0.5, 1.0, 7.0].into_iter().for_each(|value| buckets.observe(value));
        let mut samples = Samples::default();
        samples.push_buckets(&SECONDS, ["m"], &buckets);
        samples.push_buckets(&SECONDS, ["m"], &buckets);
        assert_eq!(
            samples.render(),
            "# HELP librechat_answer_seconds Time.\n\
             # TYPE librechat_answer_seconds histogram\n\
             librechat_answer_seconds_sum{model=\"m\"} 17.0\n\
             librechat_answer_seconds_count{model=\"m\"} 6\n\
             librechat_answer_seconds_bucket{le=\"0.5\",model=\"m\"} 2\n\
             librechat_answer_seconds_bucket{le=\"2.0\",model=\"m\"} 4\n\
             librechat_answer_seconds_bucket{le=\"+Inf\",model=\"m\"} 6\n"
        );
    }

    #[test]
    fn leaves_out_figures_that_are_not_numbers_but_keeps_their_family() {
        let mut samples = Samples::default();
        samples.push(&USERS, [], f64::NAN);
        samples.declare(SEEN.describe());
        assert_eq!(
            samples.render(),
            "# HELP librechat_seen Seen.\n# TYPE librechat_seen counter\n\
             # HELP librechat_user_count Registered users.\n# TYPE librechat_user_count gauge\n"
        );
    }
}
