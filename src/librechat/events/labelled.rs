//! Values by labels, of at most so many values of each label that people make up: the first ones keep their names,
//! later ones go into `other`. So no series ever loses what it had.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::{BuildHasher as _, RandomState};

use crate::exposition::buckets::Buckets;
use crate::exposition::cap::{DROPPED, OTHER, is_bounded};
use crate::exposition::family::Family;
use crate::exposition::label::printable;
use crate::exposition::samples::Samples;

/// Distinct values that are told apart when they are counted as dropped.
const MAX_DROPPED: usize = 100_000;

/// The rows of one family.
#[derive(Debug)]
struct Labelled<const L: usize, V> {
    family: &'static Family<L>,
    max: usize,
    rows: BTreeMap<[Box<str>; L], V>,
    names: [BTreeSet<Box<str>>; L],
    dropped: HashSet<u64>,
    hasher: RandomState,
}

impl<const L: usize, V> Labelled<L, V> {
    fn new(family: &'static Family<L>, max: usize) -> Self {
        let names = std::array::from_fn(|_| BTreeSet::new());
        Self {
            family,
            max,
            rows: BTreeMap::new(),
            names,
            dropped: HashSet::new(),
            hasher: RandomState::new(),
        }
    }

    /// The row of these labels, made when it is not there.
    fn row(&mut self, labels: [&str; L], make: impl FnOnce() -> V) -> &mut V {
        // As they are shown: what cannot be told apart there is one value, and none is kept longer than it is shown.
        let mut labels = labels.map(|label| Box::<str>::from(printable(label)));
        let Self { family, max, names, dropped, hasher, .. } = self;
        for ((label, value), names) in family.describe().labels.iter().zip(&mut labels).zip(names) {
            if !is_bounded(label) || &**value == OTHER || names.contains(value) {
                continue;
            }
            if names.len() < *max {
                names.insert(value.clone());
            } else {
                if dropped.len() < MAX_DROPPED {
                    dropped.insert(hasher.hash_one((label, &value)));
                }
                *value = OTHER.into();
            }
        }
        self.rows.entry(labels).or_insert_with(make)
    }

    fn export_dropped(&self, samples: &mut Samples) {
        if let Ok(count @ 1..) = u32::try_from(self.dropped.len()) {
            samples.push(&DROPPED, [self.family.describe().name], f64::from(count));
        }
    }
}

/// A counter.
#[derive(Debug)]
pub struct Counts<const L: usize>(Labelled<L, f64>);

impl<const L: usize> Counts<L> {
    pub fn new(family: &'static Family<L>, max: usize) -> Self {
        Self(Labelled::new(family, max))
    }

    /// Adds what is not negative. Adding 0 makes the series, so that `rate()` sees its first step.
    pub fn add(&mut self, labels: [&str; L], amount: f64) {
        let row = self.0.row(labels, || 0.0);
        if amount.is_finite() && amount > 0.0 {
            *row += amount;
        }
    }

    pub fn export(&self, samples: &mut Samples) {
        for (labels, count) in &self.0.rows {
            samples.push(self.0.family, labels.each_ref().map(|label| &**label), *count);
        }
        self.0.export_dropped(samples);
    }
}

/// A histogram.
#[derive(Debug)]
pub struct Observations<const L: usize> {
    rows: Labelled<L, Buckets>,
    bounds: &'static [f64],
}

impl<const L: usize> Observations<L> {
    pub fn new(family: &'static Family<L>, bounds: &'static [f64], max: usize) -> Self {
        Self { rows: Labelled::new(family, max), bounds }
    }

    /// Observes a value; what is history only makes the series.
    pub fn observe(&mut self, labels: [&str; L], value: f64, is_history: bool) {
        let bounds = self.bounds;
        let buckets = self.rows.row(labels, || Buckets::new(bounds));
        if !is_history && value.is_finite() {
            buckets.observe(value);
        }
    }

    pub fn export(&self, samples: &mut Samples) {
        for (labels, buckets) in &self.rows.rows {
            samples.push_buckets(self.rows.family, labels.each_ref().map(|label| &**label), buckets);
        }
        self.rows.export_dropped(samples);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static SEEN: Family<2> = Family::counter("librechat_seen_total", ["model", "side"], "Seen");

    #[test]
    fn later_names_go_into_other_and_no_counter_ever_falls() {
        let mut counts = Counts::new(&SEEN, 2);
        for (model, amount) in
            [("a", 1.0), ("b", 0.0), ("c", 5.0), ("d", 5.0), ("c", 1.0), ("a", 1.0), ("a", -9.0)]
        {
            counts.add([model, "user"], amount);
            counts.add([model, "assistant"], f64::NAN);
        }
        let mut samples = Samples::default();
        counts.export(&mut samples);
        let text = samples.render();
        let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            lines,
            [
                r#"librechat_exporter_label_values_dropped{family="librechat_seen_total"} 2"#,
                r#"librechat_seen_total{model="a",side="assistant"} 0"#,
                r#"librechat_seen_total{model="a",side="user"} 2"#,
                r#"librechat_seen_total{model="b",side="assistant"} 0"#,
                r#"librechat_seen_total{model="b",side="user"} 0"#,
                r#"librechat_seen_total{model="other",side="assistant"} 0"#,
                r#"librechat_seen_total{model="other",side="user"} 11"#,
            ]
        );
    }
}
