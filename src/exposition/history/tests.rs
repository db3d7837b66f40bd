//! Texts of a history, next to what a scrape shows.

use std::fs::File;

use super::*;
use crate::exposition::buckets::Buckets;
use crate::exposition::family::Family;

static USERS: Family<0> = Family::gauge("librechat_user_count", [], "Users \\ \"so\"");
static COST: Family<2> = Family::gauge("librechat_cost", ["model", "tag"], "Cost");
static MEAN: Family<1> = Family::gauge("librechat_mean", ["model"], "Mean");
static SEEN: Family<1> = Family::counter("librechat_seen_total", ["model"], "Seen");
static SECONDS: Family<1> = Family::histogram("librechat_answer_seconds", ["model"], "Time");
static CREDITS: Family<0> = Family::gauge("librechat_credits", [], "Credits").momentary();

fn file() -> File {
    tempfile::tempfile().unwrap()
}

fn text(history: History) -> String {
    let mut text = history.into_text().unwrap();
    let mut whole = String::new();
    while let Some(piece) = text.next_piece().unwrap() {
        whole.push_str(&piece);
    }
    whole
}

fn samples(factor: f64) -> Samples {
    let mut samples = Samples::default();
    samples.push(&USERS, [], 3.0 * factor);
    samples.push(&COST, ["b", "quote\" back\\slash\nline"], 1.25 * factor);
    samples.push(&COST, ["a", ""], 1e300);
    samples.push_mean(&MEAN, ["m"], 1.0, 3.0);
    samples.push(&SEEN, ["m"], 7.0 * factor);
    samples.push(&CREDITS, [], 9.0);
    let mut buckets = Buckets::new(&[0.5, 2.0, 3_600.0]);
    [0.5, 1.0, 7_000.0].into_iter().for_each(|value| buckets.observe(value));
    samples.push_buckets(&SECONDS, ["m"], &buckets);
    samples
}

/// Lines without their timestamps, sorted, and numbers as numbers.
fn lines(text: &str, at: &str) -> Vec<(String, String)> {
    let lines = text.lines().filter_map(|line| line.strip_suffix(at)).map(|line| {
        let (series, value) = line.rsplit_once(' ').unwrap();
        (series.to_owned(), value.parse::<f64>().unwrap().to_string())
    });
    let mut lines: Vec<_> = lines.collect();
    lines.sort();
    lines
}

#[test]
fn an_instant_is_what_a_scrape_would_have_shown_but_for_momentary_families() {
    let mut history = History::new(file(), &ExtraLabels::default());
    history.record(1_735_689_600, &samples(1.0)).unwrap();
    assert_eq!(history.series(), 11);
    let text = text(history);
    let scraped = samples(1.0).render();
    let scraped: Vec<&str> = scraped.lines().filter(|line| !line.contains("librechat_credits")).collect();
    let values: String =
        scraped.iter().filter(|line| !line.starts_with('#')).flat_map(|line| [line, "\n"]).collect();
    assert_eq!(lines(&text, " 1735689600"), lines(&values, ""));
    let comments = |text: &str| -> Vec<String> {
        // The library escapes no help; the other test looks at that.
        let is_same = |line: &&str| line.starts_with("# ") && !line.starts_with("# HELP librechat_user");
        text.lines().filter(is_same).map(str::to_owned).collect()
    };
    let mut expected = comments(&scraped.join("\n"));
    expected.push("# EOF".into());
    assert_eq!(comments(&text), expected);
}

#[test]
fn all_samples_of_a_series_are_together_and_have_the_labels_of_a_scrape() {
    let pairs = [("job".to_owned(), "librechat".to_owned()), ("instance".to_owned(), "a\"b".to_owned())];
    let mut history = History::new(file(), &ExtraLabels::new(&pairs, []).unwrap());
    for (at, factor) in [(100, 1.0), (160, 2.0)] {
        let mut samples = Samples::default();
        samples.push(&USERS, [], factor);
        samples.push(&COST, ["b", "x"], factor);
        samples.push(&COST, ["a", "x"], factor / 4.0);
        history.record(at, &samples).unwrap();
    }
    assert_eq!(
        text(history),
        "# HELP librechat_cost Cost.\n\
         # TYPE librechat_cost gauge\n\
         librechat_cost{model=\"a\",tag=\"x\",job=\"librechat\",instance=\"a\\\"b\"} 0.25 100\n\
         librechat_cost{model=\"a\",tag=\"x\",job=\"librechat\",instance=\"a\\\"b\"} 0.5 160\n\
         librechat_cost{model=\"b\",tag=\"x\",job=\"librechat\",instance=\"a\\\"b\"} 1 100\n\
         librechat_cost{model=\"b\",tag=\"x\",job=\"librechat\",instance=\"a\\\"b\"} 2 160\n\
         # HELP librechat_user_count Users \\\\ \\\"so\\\".\n\
         # TYPE librechat_user_count gauge\n\
         librechat_user_count{job=\"librechat\",instance=\"a\\\"b\"} 1 100\n\
         librechat_user_count{job=\"librechat\",instance=\"a\\\"b\"} 2 160\n\
         # EOF\n"
    );
}

#[test]
fn counters_and_histograms_that_come_later_begin_at_0_and_gauges_do_not() {
    let mut history = History::new(file(), &ExtraLabels::default());
    history.record(100, &Samples::default()).unwrap();
    history.record(160, &samples(1.0)).unwrap();
    history.record(220, &samples(2.0)).unwrap();
    let text = text(history);
    let of = |name: &str| -> Vec<&str> { text.lines().filter(|line| line.starts_with(name)).collect() };
    assert_eq!(
        of("librechat_seen_total"),
        [
            r#"librechat_seen_total{model="m"} 0 100"#,
            r#"librechat_seen_total{model="m"} 7 160"#,
            r#"librechat_seen_total{model="m"} 14 220"#,
        ]
    );
    assert_eq!(of("librechat_user_count"), ["librechat_user_count 3 160", "librechat_user_count 6 220"]);
    assert_eq!(
        of("librechat_answer_seconds").get(..8).unwrap(),
        [
            r#"librechat_answer_seconds_sum{model="m"} 0 100"#,
            r#"librechat_answer_seconds_count{model="m"} 0 100"#,
            r#"librechat_answer_seconds_bucket{le="0.5",model="m"} 0 100"#,
            r#"librechat_answer_seconds_bucket{le="2.0",model="m"} 0 100"#,
            r#"librechat_answer_seconds_bucket{le="3600.0",model="m"} 0 100"#,
            r#"librechat_answer_seconds_bucket{le="+Inf",model="m"} 0 100"#,
            r#"librechat_answer_seconds_sum{model="m"} 7001.5 160"#,
            r#"librechat_answer_seconds_count{model="m"} 3 160"#,
        ]
    );
}

#[test]
fn more_than_one_piece_ends_with_one_end() {
    let mut history = History::new(file(), &ExtraLabels::default());
    for instant in 0..MAX_INSTANTS {
        history.record(i64::try_from(instant).unwrap() * 3_600, &samples(1.0)).unwrap();
    }
    let text = text(history);
    assert!(text.len() > 5 * PIECE);
    assert_eq!(text.matches("# EOF\n").count(), 1);
    assert!(text.ends_with("\n# EOF\n"));
    assert_eq!(text.matches("# TYPE librechat_seen counter\n").count(), 1);
    assert_eq!(text.matches("librechat_seen_total{model=\"m\"} 7 ").count(), MAX_INSTANTS);
}
