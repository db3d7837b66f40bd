//! `docs/configuration.md`: its tables are made of the tables of variables that the program reads its settings by.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use librechat_exporter::config::VARIABLES;
use librechat_exporter::vars::names::FOREIGN;
use librechat_exporter::vars::{PREFIX, Variable};

use crate::markdown::{Page, root};

const PAGE: &str = "docs/configuration.md";

/// A line with this, and whatever a part is called, begins and ends what is made.
const BEGIN: &str = "<!-- made of the program: ";
const END: &str = "<!-- end -->";

/// What stands between the marks.
fn made(part: &str) -> String {
    match part {
        "variables" => VARIABLES.iter().map(|area| table(area)).collect(),
        "foreign names" => {
            let names: Vec<_> = FOREIGN.iter().map(|name| format!("`{name}`")).collect();
            format!("{}\n\n", names.join(", "))
        }
        other => panic!("{PAGE} has a part that nobody makes: {other}"),
    }
}

fn table(area: &[Variable]) -> String {
    let title = area[0].area.trim().trim_end_matches('.');
    let mut text = format!("### {title}\n\n| variable | value | default | meaning |\n|---|---|---|---|\n");
    for variable in area {
        let doc = variable.doc.split_whitespace().collect::<Vec<_>>().join(" ");
        let (meaning, absence) = match doc.split_once(" Absent: ") {
            Some((meaning, absence)) => (meaning, Some(absence)),
            None => (doc.as_str(), None),
        };
        let default = match (variable.default, absence) {
            (Some(default), None) => format!("`{default}`"),
            (None, Some(absence)) => format!("absent: {}", absence.trim_end_matches('.')),
            _ => panic!("{}: either a default, or what holds when it is absent", variable.name()),
        };
        // A bar would end the cell, even in code.
        let meaning = meaning.trim_end_matches('.').replace('|', r"\|");
        writeln!(text, "| `{}` | {} | {default} | {meaning} |", variable.name(), kind(variable)).unwrap();
    }
    text + "\n"
}

/// The type of a variable in words.
fn kind(variable: &Variable) -> String {
    let kind: String = variable.kind.split_whitespace().collect();
    match kind.as_str() {
        "Secret" => "secret".into(),
        "PathBuf" => "path of a file".into(),
        "Span" => "duration".into(),
        "UnitSpan" => "duration with its unit".into(),
        "Flag" => "`true`, `false`".into(),
        "Port" => "port".into(),
        "String" => "text".into(),
        "Host" => "address".into(),
        "AllowedSans" => "names".into(),
        "MinVersion" => "version".into(),
        "MetricsPath" => "path".into(),
        "Calendar" => "time zone".into(),
        "SocketMode" => "octal mode".into(),
        "Endpoint" | "ProxyUrl" => "URL".into(),
        "Issuer" => "URL or name".into(),
        "ClaimPath" => "name of a claim".into(),
        "AllowList" | "Hosts" | "Audiences" | "Scopes" | "Algorithms" | "ScopeClaims" | "RequiredClaims"
        | "TokenTypes" | "ReturnHosts" => "list".into(),
        "TrustProxy" | "ProxyHeader" | "LogLevel" | "LogFormat" | "ReadLevel" | "ShownUser" => {
            "see there".into()
        }
        whole => {
            let range = whole.strip_prefix("Whole<").and_then(|rest| rest.strip_suffix('>'));
            let (min, max) = range
                .and_then(|range| range.split_once(','))
                .unwrap_or_else(|| panic!("{}: say in words what a {whole} is", variable.name()));
            format!("{min} to {}", max.replace('_', ""))
        }
    }
}

/// The page with its made parts made again.
fn remade(page: &str) -> String {
    let mut text = String::new();
    let mut lines = page.split_inclusive('\n');
    while let Some(line) = lines.next() {
        text.push_str(line);
        if let Some(part) = line.trim().strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(" -->")) {
            text.push('\n');
            text.push_str(&made(part));
            assert!(lines.any(|line| line.trim() == END), "{part} has no end");
            text.push_str(END);
            text.push('\n');
        }
    }
    text
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test is told by its environment to write its page")]
fn the_page_of_settings_is_current() {
    let written = Page::read(PAGE).text;
    let page = remade(&written);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(root().join(PAGE), &page).unwrap();
        return;
    }
    let differing = page.lines().zip(written.lines()).find(|(made, written)| made != written);
    assert_eq!(differing, None, "the first line that differs, as it should be and as it is");
    assert_eq!(page.len(), written.len());
    let rows = written.lines().filter(|line| line.starts_with("| `")).count();
    assert!(rows >= VARIABLES.iter().map(|area| area.len()).sum(), "{rows} rows");
}

#[test]
fn every_secret_has_a_twin_that_reads_a_file() {
    let names: BTreeSet<_> = VARIABLES.iter().copied().flatten().map(Variable::name).collect();
    let secrets = VARIABLES.iter().copied().flatten().filter(|variable| variable.secret);
    for name in secrets.map(Variable::name) {
        assert!(names.contains(&format!("{name}_FILE")), "{name}");
    }
    assert!(Page::read(PAGE).text.contains(PREFIX));
}
