//! The samples of one snapshot, and their rendering as OpenMetrics text.

use std::collections::BTreeMap;
use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode_registry;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeLabel as _, EncodeLabelSet, LabelSetEncoder, MetricEncoder, NoLabelSet,
};
use prometheus_client::registry::Registry;

use super::family::{Description, Family, Kind};

/// Samples by family. Families and samples come out in a fixed order, so that equal collections render equally.
#[derive(Debug, Default)]
pub struct Samples(BTreeMap<&'static str, Rows>);

#[derive(Debug)]
pub(super) struct Rows {
    pub(super) description: Description,
    pub(super) rows: BTreeMap<Vec<String>, Value>,
}

/// A value that others of the same labels can be added to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value {
    sum: f64,
    /// What the sum is divided by; `None` when the value is the sum itself.
    weight: Option<f64>,
}

impl Value {
    fn add(&mut self, other: Self) {
        self.sum += other.sum;
        self.weight = match (self.weight, other.weight) {
            (Some(weight), Some(other)) => Some(weight + other),
            (weight, other) => weight.or(other),
        };
    }

    fn value(self) -> f64 {
        self.weight.map_or(self.sum, |weight| self.sum / weight)
    }

    /// How much it matters, next to others of its family.
    pub(super) fn size(self) -> f64 {
        self.weight.unwrap_or(self.sum).abs()
    }
}

impl Rows {
    pub(super) fn add(&mut self, labels: Vec<String>, value: Value) {
        match self.rows.get_mut(&labels) {
            Some(known) => known.add(value),
            None => {
                self.rows.insert(labels, value);
            }
        }
    }
}

impl Samples {
    /// Declares a family, so that its HELP and TYPE are there even while it has no sample.
    pub fn declare(&mut self, family: Description) {
        self.rows(family);
    }

    /// Adds one sample. Samples that come to the same labels are added up. A value that is not finite is an absent
    /// figure and is left out.
    pub fn push<const L: usize>(&mut self, family: &'static Family<L>, labels: [&str; L], value: f64) {
        let rows = self.rows(family.describe());
        if value.is_finite() {
            rows.add(labels.map(str::to_owned).into(), Value { sum: value, weight: None });
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
            rows.add(labels.map(str::to_owned).into(), Value { sum, weight: Some(weight) });
        }
    }

    pub(super) fn families(&mut self) -> impl Iterator<Item = &mut Rows> {
        self.0.values_mut()
    }

    fn rows(&mut self, description: Description) -> &mut Rows {
        let rows =
            self.0.entry(description.name).or_insert_with(|| Rows { description, rows: BTreeMap::new() });
        debug_assert_eq!(rows.description, description, "two families of one name");
        rows
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
                    write(&mut metric, description.kind, value.value())?;
                } else {
                    let labels = Labels { names: description.labels, values };
                    write(&mut metric.encode_family(&labels)?, description.kind, value.value())?;
                }
            }
        }
        Ok(())
    }
}

/// Whole numbers are written without a fraction, as people and most exporters write them.
fn write(metric: &mut MetricEncoder<'_>, kind: Kind, value: f64) -> fmt::Result {
    const EXACT: f64 = 9_007_199_254_740_992.0; // 2^53: below it every whole number is exact
    #[expect(clippy::cast_possible_truncation)]
    let whole = (value.fract() == 0.0 && value.abs() < EXACT).then_some(value as i64);
    match (kind, whole, whole.and_then(|whole| u64::try_from(whole).ok())) {
        (Kind::Gauge, Some(whole), _) => metric.encode_gauge(&whole),
        (Kind::Gauge, None, _) => metric.encode_gauge(&value),
        (Kind::Counter, _, Some(whole)) => metric.encode_counter::<NoLabelSet, _, f64>(&whole, None),
        (Kind::Counter, _, None) => metric.encode_counter::<NoLabelSet, _, f64>(&value, None),
    }
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
    static SEEN: Family<1> = Family::counter("librechat_seen_total", ["model"], "Seen");

    #[test]
    fn renders_families_and_labels_in_a_fixed_order_and_adds_up_equal_labels() {
        let mut samples = Samples::default();
        samples.push(&COST, ["b", "x"], 1.5);
        samples.push(&COST, ["a", "quote\" back\\slash\nline"], 2.0);
        samples.push(&COST, ["b", "x"], 1.0);
        samples.push(&USERS, [], 3.0);
        samples.push(&SEEN, ["m"], 7.0);
        assert_eq!(
            samples.render(),
            "# HELP librechat_cost Cost.\n\
             # TYPE librechat_cost gauge\n\
             librechat_cost{model=\"a\",tag=\"quote\\\" back\\\\slash\\nline\"} 2\n\
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
