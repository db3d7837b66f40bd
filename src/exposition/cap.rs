//! A bound on the values of a label: a user who makes up a thousand tools must not make a thousand series.
//!
//! The largest values stay; the rest become [`OTHER`], added up or pooled, or are left out where that would be a lie
//! (see [`Rest`]). Labels with a closed set of values, and the users that an operator asked for, are not bounded.

use std::collections::{BTreeMap, BTreeSet};

use super::family::{Family, Rest};
use super::samples::{Rows, Samples};

/// The value that stands for the smallest ones.
pub const OTHER: &str = "other";

/// Labels that nobody makes values up for.
const UNBOUNDED: &[&str] = &[
    "hour",
    "weekday",
    "tier",
    "rating",
    "collection",
    "key",
    "id",
    "user",
    "window",
    "side",
    "token_type",
    "context",
    "error_type",
    "kind",
    "status",
];

/// Whether people, or what they set up, make up the values of a label.
pub fn is_bounded(label: &str) -> bool {
    !UNBOUNDED.contains(&label)
}

pub static DROPPED: Family<1> = Family::gauge(
    "librechat_exporter_label_values_dropped",
    ["family"],
    "Number of label values that were too many and went into other, or were left out where they do not add up",
);

/// Leaves at most `max` values, and [`OTHER`], of each label in each family.
pub fn cap(samples: &mut Samples, max: usize) {
    let mut dropped = Vec::new();
    for rows in samples.families() {
        let labels = rows.description.labels;
        let count: usize = labels
            .iter()
            .enumerate()
            .filter(|(_, label)| is_bounded(label))
            .map(|(at, _)| cap_label(rows, at, max))
            .sum();
        if count > 0 {
            dropped.push((rows.description.name, count));
        }
    }
    samples.declare(DROPPED.describe());
    for (family, count) in dropped {
        samples.push(&DROPPED, [family], f64::from(u32::try_from(count).unwrap_or(u32::MAX)));
    }
}

/// How many values of the label at `at` were too many.
fn cap_label(rows: &mut Rows, at: usize, max: usize) -> usize {
    let mut sizes: BTreeMap<&str, f64> = BTreeMap::new();
    for (labels, value) in &rows.rows {
        if let Some(label) = labels.get(at) {
            *sizes.entry(label).or_default() += value.size();
        }
    }
    sizes.remove(OTHER);
    if sizes.len() <= max {
        return 0;
    }
    let mut by_size: Vec<_> = sizes.into_iter().collect();
    // The largest first; equal ones in the order of their names.
    by_size.sort_by(|(left_name, left), (right_name, right)| {
        right.total_cmp(left).then_with(|| left_name.cmp(right_name))
    });
    let small: BTreeSet<String> = by_size.iter().skip(max).map(|(name, _)| (*name).to_owned()).collect();
    for (mut labels, value) in std::mem::take(&mut rows.rows) {
        match labels.get_mut(at).filter(|label| small.contains(*label)) {
            Some(_) if rows.description.rest == Rest::LeaveOut => continue,
            Some(label) => OTHER.clone_into(label),
            None => {}
        }
        rows.add(labels, value);
    }
    small.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    static COUNT: Family<2> = Family::gauge("a_count", ["model", "rating"], "Things");
    static MEAN: Family<1> = Family::gauge("b_mean", ["model"], "Mean");
    static DISTINCT: Family<1> = Family::gauge("c_distinct", ["model"], "Distinct").not_additive();

    #[test]
    fn the_smallest_values_are_added_up_pooled_or_left_out() {
        let mut samples = Samples::default();
        for (model, count) in [("a", 1.0), ("b", 5.0), ("c", 2.0), ("d", 4.0)] {
            samples.push(&COUNT, [model, "up"], count);
            samples.push(&COUNT, [model, "down"], 1.0);
            samples.push_mean(&MEAN, [model], count * count, count);
            samples.push(&DISTINCT, [model], count);
        }
        cap(&mut samples, 2);
        let text = samples.render();
        let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            lines,
            [
                r#"a_count{model="b",rating="down"} 1"#,
                r#"a_count{model="b",rating="up"} 5"#,
                r#"a_count{model="d",rating="down"} 1"#,
                r#"a_count{model="d",rating="up"} 4"#,
                r#"a_count{model="other",rating="down"} 2"#,
                r#"a_count{model="other",rating="up"} 3"#,
                r#"b_mean{model="b"} 5"#,
                r#"b_mean{model="d"} 4"#,
                r#"b_mean{model="other"} 1.6666666666666668"#,
                r#"c_distinct{model="b"} 5"#,
                r#"c_distinct{model="d"} 4"#,
                r#"librechat_exporter_label_values_dropped{family="a_count"} 2"#,
                r#"librechat_exporter_label_values_dropped{family="b_mean"} 2"#,
                r#"librechat_exporter_label_values_dropped{family="c_distinct"} 2"#,
            ]
        );
    }

    #[test]
    fn nothing_changes_up_to_the_bound() {
        let mut samples = Samples::default();
        ["a", "b", OTHER].iter().for_each(|model| samples.push_mean(&MEAN, [model], 1.0, 1.0));
        cap(&mut samples, 2);
        assert!(!samples.render().contains("family="));
    }
}
