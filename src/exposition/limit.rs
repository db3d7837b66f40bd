//! A bound on all series together: a product of two labels passes the bound on each of them, and a scrape that grows to a
//! hundred thousand series costs more than what it tells.
//!
//! Invariants:
//! - Families with the most series give way first; small ones are shown whole.
//! - Gauges keep their largest rows; the rest goes into [`OTHER`], one label after the other, or is left out where it
//!   does not add up.
//! - A row of a counter that was shown once is shown for ever, and one that went into [`OTHER`] stays there: no counter
//!   falls because another one grew.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::{BuildHasher as _, RandomState};

use super::cap::{OTHER, is_bounded};
use super::family::{Family, Kind, Rest};
use super::samples::{Rows, Samples, Value};

/// What the exporter's own metrics may take of the bound; their labels have closed sets of values.
const OWN_SERIES: usize = 500;

pub static DROPPED: Family<1> = Family::gauge(
    "librechat_exporter_series_dropped",
    ["family"],
    "Number of series that went into other, or were left out where they do not add up, because there were more than \
     METRICS_MAX_SERIES in all",
);

/// Keeps the series of one exposition after the other within a bound.
#[derive(Debug)]
pub struct Limiter {
    max: usize,
    shown: BTreeMap<&'static str, Shown>,
    hasher: RandomState,
    gives_way: bool,
}

/// Rows of a counter or a histogram that are shown by their own labels.
#[derive(Debug, Default)]
struct Shown {
    rows: HashSet<u64>,
    series: usize,
    /// One did not fit, so that no later one may.
    full: bool,
}

/// A family that gave way, and how many of its series did.
pub type GaveWay = (&'static str, usize);

impl Limiter {
    pub fn new(max: usize) -> Self {
        Self { max, shown: BTreeMap::new(), hasher: RandomState::new(), gives_way: false }
    }

    /// Brings `samples` within the bound, and gives the families that gave way when none had to before.
    pub fn apply(&mut self, samples: &mut Samples) -> Option<Vec<GaveWay>> {
        samples.declare(DROPPED.describe());
        let mut gave_way = self.limit_counters(samples);
        let counters: usize = self.shown.values().map(|shown| shown.series).sum();
        let room = self.max.saturating_sub(OWN_SERIES).saturating_sub(counters);
        gave_way.extend(limit_gauges(samples, room));
        gave_way.sort_by_key(|(family, series)| (std::cmp::Reverse(*series), *family));
        for (family, series) in &gave_way {
            samples.push(&DROPPED, [family], f64::from(u32::try_from(*series).unwrap_or(u32::MAX)));
        }
        let before = std::mem::replace(&mut self.gives_way, !gave_way.is_empty());
        (self.gives_way && !before).then_some(gave_way)
    }

    /// All counters and histograms have half of the bound, and none more than a quarter of that.
    fn limit_counters(&mut self, samples: &mut Samples) -> Vec<GaveWay> {
        let (all, each) = (self.max / 2, self.max / 8);
        let mut families: Vec<_> =
            samples.families().filter(|rows| rows.description.kind != Kind::Gauge).collect();
        families.sort_by_key(|rows| rows.series());
        let mut total: usize = self.shown.values().map(|shown| shown.series).sum();
        let mut gave_way = Vec::new();
        for rows in families {
            let before = rows.series();
            let shown = self.shown.entry(rows.description.name).or_default();
            total -= shown.series;
            shown.admit(rows, &self.hasher, each.min(all.saturating_sub(total)));
            total += shown.series;
            let dropped = before.saturating_sub(rows.series());
            if dropped > 0 {
                gave_way.push((rows.description.name, dropped));
            }
        }
        gave_way
    }
}

impl Shown {
    /// Shows the rows that were shown before and, while there is room, new ones; the largest first.
    fn admit(&mut self, rows: &mut Rows, hasher: &RandomState, room: usize) {
        let open = open_labels(rows);
        for (labels, value) in by_size(std::mem::take(&mut rows.rows)) {
            let row = hasher.hash_one(&labels);
            let collapsed = collapse(&labels, &open);
            // Where other rows go is always shown, and there are few such rows.
            if self.rows.contains(&row) {
                rows.add(labels, value);
            } else if collapsed == labels || (!self.full && self.series + value.series() <= room) {
                self.rows.insert(row);
                self.series += value.series();
                rows.add(labels, value);
            } else {
                self.full = true;
                let target = hasher.hash_one(&collapsed);
                if self.rows.insert(target) {
                    self.series += value.series();
                }
                rows.add(collapsed, value);
            }
        }
    }
}

/// Lowers the families with the most series to the height at which all fit into `room`.
fn limit_gauges(samples: &mut Samples, room: usize) -> Vec<GaveWay> {
    let mut families: Vec<_> =
        samples.families().filter(|rows| rows.description.kind == Kind::Gauge).collect();
    families.sort_by_key(|rows| rows.rows.len());
    let (mut room, mut left) = (room, families.len());
    let mut gave_way = Vec::new();
    for rows in families {
        let before = rows.rows.len();
        let share = room / left.max(1);
        if before > share {
            shrink(rows, share);
        }
        room = room.saturating_sub(rows.rows.len());
        left -= 1;
        if rows.rows.len() < before {
            gave_way.push((rows.description.name, before - rows.rows.len()));
        }
    }
    gave_way
}

/// Leaves at most `max` rows, as far as labels that have a closed set of values let it.
fn shrink(rows: &mut Rows, max: usize) {
    let open = open_labels(rows);
    if open.is_empty() {
        return;
    }
    let all = by_size(std::mem::take(&mut rows.rows));
    if rows.description.rest == Rest::LeaveOut {
        all.into_iter().take(max).for_each(|(labels, value)| rows.add(labels, value));
        return;
    }
    let (kept, gone) = plan(&all, &open, max);
    for (at, (labels, value)) in all.into_iter().enumerate() {
        let labels = if at < kept { labels } else { collapse(&labels, gone) };
        rows.add(labels, value);
    }
}

/// How many of the largest rows stay as they are, and which labels of the others become [`OTHER`]: as few as will do.
fn plan<'a>(all: &[(Vec<String>, Value)], open: &'a [usize], max: usize) -> (usize, &'a [usize]) {
    let rows_of = |kept: usize, gone: &[usize]| {
        let rows = all.iter().enumerate();
        let rows =
            rows.map(|(at, (labels, _))| if at < kept { labels.clone() } else { collapse(labels, gone) });
        rows.collect::<BTreeSet<_>>().len()
    };
    for (gone, _) in (1..open.len()).filter_map(|count| open.split_at_checked(count)) {
        if rows_of(max / 2, gone) <= max {
            return (max / 2, gone);
        }
    }
    (max.saturating_sub(rows_of(0, open)), open)
}

/// The positions of labels whose values people make up, users among them; the one with the most values first.
fn open_labels(rows: &Rows) -> Vec<usize> {
    let labels = rows.description.labels.iter().enumerate();
    let open = labels.filter(|(_, label)| is_bounded(label) || **label == "id").map(|(at, _)| at);
    let values =
        |at: usize| rows.rows.keys().filter_map(|labels| labels.get(at)).collect::<BTreeSet<_>>().len();
    let mut open: Vec<(usize, usize)> = open.map(|at| (values(at), at)).collect();
    open.sort_by_key(|(values, at)| (std::cmp::Reverse(*values), *at));
    open.into_iter().map(|(_, at)| at).collect()
}

fn collapse(labels: &[String], gone: &[usize]) -> Vec<String> {
    let labels = labels.iter().enumerate();
    labels.map(|(at, label)| if gone.contains(&at) { OTHER.into() } else { label.clone() }).collect()
}

/// The largest first; equal ones in the order of their labels.
fn by_size(rows: BTreeMap<Vec<String>, Value>) -> Vec<(Vec<String>, Value)> {
    let mut rows: Vec<_> = rows.into_iter().collect();
    let order = |(left_labels, left): &(Vec<String>, Value),
                 (right_labels, right): &(Vec<String>, Value)|
     -> Ordering {
        right.size().total_cmp(&left.size()).then_with(|| left_labels.cmp(right_labels))
    };
    rows.sort_by(order);
    rows
}

#[cfg(test)]
mod tests {
    use super::super::buckets::Buckets;
    use super::*;

    static PAIRS: Family<3> =
        Family::gauge("librechat_pairs", ["model", "tokenType", "email_domain"], "Pairs");
    static USERS: Family<1> = Family::gauge("librechat_cost_by_user", ["id"], "Users");
    static DISTINCT: Family<2> =
        Family::gauge("librechat_distinct", ["agent", "email_domain"], "Distinct").not_additive();
    static SMALL: Family<1> = Family::gauge("librechat_small", ["model"], "Small");
    static HOURS: Family<1> = Family::gauge("librechat_hours", ["hour"], "Hours");
    static CALLS: Family<2> = Family::counter("librechat_calls_total", ["tool", "server"], "Calls");
    static SECONDS: Family<2> = Family::histogram("librechat_seconds", ["endpoint", "model"], "Time");

    fn series(samples: &Samples) -> usize {
        samples.clone().render().lines().filter(|line| !line.starts_with('#')).count()
    }

    fn value(samples: &Samples, start: &str) -> f64 {
        let text = samples.clone().render();
        let lines = text.lines().filter(|line| line.starts_with(start));
        lines.filter_map(|line| line.rsplit(' ').next()).map(|value| value.parse::<f64>().unwrap()).sum()
    }

    fn large() -> Samples {
        let mut samples = Samples::default();
        for outer in 0..60_u32 {
            samples.push(&SMALL, [&format!("m{}", outer % 3)], 1.0);
            samples.push(&HOURS, [&format!("{}", outer % 24)], 1.0);
            for inner in 0..60_u32 {
                let (model, domain) = (format!("m{outer}"), format!("d{inner}"));
                samples.push(&PAIRS, [&model, "prompt", &domain], f64::from(outer * inner + 1));
                samples.push(&PAIRS, [&model, "completion", &domain], 1.0);
                samples.push(&DISTINCT, [&model, &domain], f64::from(inner + 1));
                samples.push(&USERS, [&format!("{outer}-{inner}")], 1.0);
            }
        }
        samples
    }

    #[test]
    fn d77_the_largest_gauges_give_way_first_and_nothing_is_lost_that_adds_up() {
        let (whole, mut samples) = (large(), large());
        let gave_way = Limiter::new(5_000).apply(&mut samples).unwrap();
        let names: Vec<_> = gave_way.iter().map(|(family, _)| *family).collect();
        assert_eq!(names, ["librechat_pairs", "librechat_cost_by_user", "librechat_distinct"]);
        assert!(series(&samples) <= 4_500 + 3, "{}", series(&samples));
        // They use the room that there is.
        assert!(series(&samples) > 3_500, "{}", series(&samples));
        for additive in
            ["librechat_pairs{", "librechat_cost_by_user{", "librechat_small{", "librechat_hours{"]
        {
            assert_eq!(value(&samples, additive), value(&whole, additive), "{additive}");
        }
        // Only one label had to go, so the other's sums are still right.
        for tokens in ["prompt", "completion"] {
            let of_type = |samples: &Samples| {
                let text = samples.clone().render();
                let lines = text.lines().filter(|line| line.contains(&format!("tokenType=\"{tokens}\"")));
                lines.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum::<f64>()
            };
            assert_eq!(of_type(&samples), of_type(&whole));
        }
        let text = samples.render();
        assert!(!text.contains("librechat_distinct{agent=\"other\""), "what does not add up is left out");
        assert!(text.contains("librechat_exporter_series_dropped{family=\"librechat_pairs\"} "));
    }

    #[test]
    fn d77_within_the_bound_nothing_changes_and_the_warning_comes_once() {
        let (whole, mut samples) = (large(), large());
        let mut limiter = Limiter::new(20_000);
        assert_eq!(limiter.apply(&mut samples), None);
        assert_eq!(series(&samples), series(&whole));
        let mut tight = Limiter::new(5_000);
        assert!(tight.apply(&mut large()).is_some());
        assert!(tight.apply(&mut large()).is_none());
        assert!(tight.apply(&mut Samples::default()).is_none());
        assert!(tight.apply(&mut large()).is_some(), "it is news again after it was over");
    }

    #[test]
    fn d77_the_bound_holds_however_small_it_is() {
        for max in [0, 501, 600, 1_000, 2_000] {
            let mut samples = large();
            Limiter::new(max).apply(&mut samples);
            let closed = 24 + 3 + 2 + 1 + 3;
            assert!(
                series(&samples) <= max.saturating_sub(500).max(closed) + closed,
                "{max}: {}",
                series(&samples)
            );
        }
    }

    #[test]
    fn d77_no_counter_falls_and_late_ones_go_into_other() {
        let mut limiter = Limiter::new(1_000);
        let mut before = BTreeMap::new();
        for round in 1..=4_u32 {
            let mut samples = Samples::default();
            for tool in 0..round * 50 {
                // The later a tool came the more it is used: its size must not push out another.
                let uses = f64::from(tool * round);
                samples.push(&CALLS, [&format!("t{tool}"), &format!("s{}", tool % 7)], uses);
                let mut buckets = Buckets::new(&[1.0, 2.0]);
                (0..round).for_each(|_| buckets.observe(1.5));
                samples.push_buckets(&SECONDS, ["openAI", &format!("m{tool}")], &buckets);
            }
            let whole = samples.clone();
            limiter.apply(&mut samples);
            assert!(series(&samples) <= 260, "{}", series(&samples));
            for start in ["librechat_calls_total{", "librechat_seconds_count{", "librechat_seconds_sum{"] {
                assert_eq!(value(&samples, start), value(&whole, start), "{start}");
            }
            let text = samples.render();
            let now: BTreeMap<String, f64> = text
                .lines()
                .filter(|line| line.starts_with("librechat_calls") || line.starts_with("librechat_seconds"))
                .map(|line| line.rsplit_once(' ').unwrap())
                .map(|(series, value)| (series.to_owned(), value.parse().unwrap()))
                .collect();
            for (series, value) in &before {
                assert!(now.get(series).is_some_and(|now| now >= value), "{series} fell in round {round}");
            }
            before = now;
        }
        assert!(before.contains_key("librechat_calls_total{tool=\"other\",server=\"other\"}"));
    }
}
