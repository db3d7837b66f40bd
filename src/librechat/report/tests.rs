//! Reports of a handful of documents, and of the demo beside its windowed families.

use std::time::{Duration, SystemTime};

use super::layout::Sheet;
use super::*;
use crate::librechat::collector::{fold, moment};
use crate::librechat::demo::Demo;
use crate::librechat::scope::{ShownUser, UserLabel};
use crate::librechat::status::Status;
use crate::librechat::usage::window::UsageWindow;

fn noon() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_262_400)
}

fn options() -> Options {
    let per_user = Some(UserLabel::Shown(ShownUser::Id));
    Options {
        per_user,
        calendar: "Europe/Berlin".parse().unwrap(),
        max_label_values: 100_000,
        ..Options::default()
    }
}

fn by(names: &[&str]) -> By {
    By::new(names.iter().map(|name| name.parse().unwrap()).collect()).unwrap()
}

async fn of_demo(demo: &Demo, span: Span, names: &[&str]) -> Report {
    report(demo, &options(), Query { span, by: by(names) }).await.unwrap()
}

#[tokio::test]
async fn a_report_of_a_window_says_what_the_windowed_families_say() {
    let demo = Demo::new(7, noon);
    demo.prepare().await.unwrap();
    let (options, at) = (options(), moment(noon()));
    let status = Status::register(&mut prometheus_client::registry::Registry::default(), noon);
    let text = fold(&demo, &status, &options, at).await.unwrap().export(at).render();
    // One that slides and one of the calendar: the others are no different here.
    for window in [UsageWindow::LastWeek, UsageWindow::LastMonth] {
        let span = window.span(at, &options.calendar);
        for (dimension, label) in [
            ("model", "model"),
            ("agent", "agent"),
            ("domain", "email_domain"),
            ("group", "group"),
            ("user", "user"),
        ] {
            let report = of_demo(&demo, span, &[dimension]).await;
            for (labels, figures) in &report.rows {
                let Some(value) = &labels[0] else { continue };
                let found = |family: &str, more: &str| {
                    let start = format!(
                        "librechat_{label}_{family}{{{label}=\"{value}\",{more}window=\"{}\"}} ",
                        window.label()
                    );
                    let line = text.lines().find_map(|line| line.strip_prefix(&start));
                    line.map_or(0.0, |number| number.parse::<f64>().unwrap())
                };
                let told = [
                    (found("cost_usd", ""), figures.usage.usd),
                    (found("messages", ""), f64::from(u32::try_from(figures.messages).unwrap())),
                ];
                for (shown, reported) in told {
                    assert!(
                        (shown - reported).abs() < 1e-9,
                        "{dimension} {value} {window:?}: {shown} {reported}"
                    );
                }
                for (token_type, tokens) in figures.usage.tokens.by_type() {
                    let shown = found("tokens", &format!("token_type=\"{}\",", token_type.label()));
                    assert!((shown - tokens).abs() < 1e-9, "{dimension} {value} {window:?} {token_type:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn rows_come_to_the_total_and_two_dimensions_to_one() {
    let demo = Demo::new(7, noon);
    demo.prepare().await.unwrap();
    let at = moment(noon());
    let span = UsageWindow::LastThirtyDays.span(at, &options().calendar);
    let total = of_demo(&demo, span, &[]).await;
    assert_eq!(total.rows.len(), 1);
    for names in [&["day"][..], &["user", "model"], &["model", "day"], &["domain"]] {
        let report = of_demo(&demo, span, names).await;
        let sum: f64 = report.rows.iter().map(|(_, figures)| figures.usage.usd).sum();
        assert!((sum - total.total.usage.usd).abs() < 1e-6, "{names:?}");
        let messages: u64 = report.rows.iter().map(|(_, figures)| figures.messages).sum();
        assert_eq!(messages, report.total.messages, "{names:?}");
    }
    let days = of_demo(&demo, span, &["day"]).await;
    let labels: Vec<_> = days.rows.iter().map(|(labels, _)| labels[0].clone().unwrap()).collect();
    assert!(labels.is_sorted(), "{labels:?}");
    assert!(days.rows.iter().all(|(_, figures)| figures.active_days() <= 1));
}

#[tokio::test]
async fn every_format_has_the_rows_and_json_the_total() {
    let demo = Demo::new(7, noon);
    demo.prepare().await.unwrap();
    let span = UsageWindow::LastWeek.span(moment(noon()), &options().calendar);
    let report = of_demo(&demo, span, &["group", "model"]).await;
    let currency = layout::Currency { code: "EUR".into(), rate: 0.5 };
    let sheet = Sheet { report: &report, currency: Some(&currency) };
    let json: serde_json::Value = serde_json::from_str(&text::json(&sheet).unwrap()).unwrap();
    assert_eq!(json["timezone"], "Europe/Berlin");
    assert_eq!(json["rows"].as_array().unwrap().len(), report.rows.len());
    let cost = json["total"]["cost_usd"].as_f64().unwrap();
    assert!(cost > 0.0 && (json["total"]["cost"].as_f64().unwrap() - cost / 2.0).abs() < 1e-9);
    let csv = text::csv(&sheet);
    let head = "group,model,messages,conversations,tokens_input,tokens_output,tokens_cache_read,tokens_cache_write,cost_usd,cost,errors,thumbs_up,thumbs_down,active_days";
    assert_eq!(csv.lines().next(), Some(head));
    assert_eq!(csv.lines().count(), report.rows.len() + 1);
    assert_eq!(text::markdown(&sheet).lines().count(), report.rows.len() + 5);
    assert_eq!(text::table(&sheet).lines().count(), report.rows.len() + 4);
    let html = html::html(&sheet);
    assert!(html.contains("<svg") && !html.contains("<script") && !html.contains("http"), "{html}");
}
