//! `report` names what makes no sense, and prints nothing then.

use crate::program::run;

#[tokio::test]
async fn bad_input_is_named_and_nothing_is_printed() {
    let backwards = ["--from", "2026-10-02", "--to", "2026-10-01"];
    let cases: [(&[&str], &str); 8] = [
        (&backwards, "--to must be later than --from: 2026-10-01 is not after 2026-10-02"),
        (&["--from", "October"], r#"--from: "October" is neither a date like 2026-10-01 nor an instant"#),
        (&["--by", "users"], r#""users" is none of user, group, domain, model, agent, day"#),
        (&["--by", "day,day"], "--by: day is there twice"),
        (&["--by", "day", "--by", "user,model"], "--by: a report has at most 2 dimensions"),
        (&["--currency", "EUR"], "--rate"),
        (&["--currency", "EUR", "--rate", "0"], "must be a number above 0"),
        (&["--format", "xls"], "must be table, csv, json, markdown or html"),
    ];
    for (options, reason) in cases {
        let outcome = run(&[&["report", "--demo"][..], options].concat(), &[]).await;
        assert_eq!(outcome.code, Some(2), "{options:?}: {}", outcome.stderr);
        assert!(outcome.stderr.contains(reason), "{options:?}: {}", outcome.stderr);
        assert_eq!(outcome.stdout, "", "{options:?}");
    }
    let zone = run(&["report", "--demo"], &[("TIMEZONE", "Europe/Berln")]).await;
    assert_eq!(zone.code, Some(2), "{}", zone.stderr);
    assert!(zone.stderr.contains("did you mean Europe/Berlin?"), "{}", zone.stderr);
    let without = run(&["report"], &[]).await;
    assert!(without.stderr.contains("MONGO_URI is missing"), "{}", without.stderr);
}

#[tokio::test]
async fn a_report_of_the_demo_has_the_columns_and_the_currency() {
    let options = ["--by", "model", "--format", "csv", "--currency", "EUR", "--rate", "0.5"];
    let outcome = run(&[&["report", "--demo"], &options[..]].concat(), &[]).await;
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let mut lines = outcome.stdout.lines();
    let columns: Vec<_> = lines.next().unwrap().split(',').collect();
    let at = |name: &str| columns.iter().position(|column| *column == name).unwrap();
    let mut costs = 0.0;
    for line in lines {
        let cells: Vec<_> = line.split(',').collect();
        let number = |name: &str| cells[at(name)].parse::<f64>().unwrap();
        assert!((number("cost_usd") / 2.0 - number("cost")).abs() < 1e-9, "{line}");
        costs += number("cost_usd");
    }
    assert!(costs > 0.0, "{}", outcome.stdout);
}
