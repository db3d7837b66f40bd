//! Names of metrics in the pages: every family of the other exporters has a row, every family of ours that is named exists,
//! and what the exporter says of itself is explained.

use std::collections::BTreeSet;
use std::io::Read as _;

use flate2::read::GzDecoder;
use librechat_exporter::librechat::events::Events;
use librechat_exporter::librechat::fold::Folds;

use crate::markdown::{Page, root};

const FROM_NODE: &str = "docs/migrating-from-node-exporter.md";
const FROM_PYTHON: &str = "docs/migrating-from-python-exporter.md";

/// The families of an exposition.
fn families_of(golden: &str) -> BTreeSet<String> {
    let file = std::fs::File::open(root().join("tests/golden").join(golden)).unwrap();
    let mut text = String::new();
    GzDecoder::new(file).read_to_string(&mut text).unwrap();
    let names = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    names.filter_map(|rest| rest.split(' ').next()).map(str::to_owned).collect()
}

/// Our families, as the page that is made of the program lists them.
fn ours() -> BTreeSet<String> {
    let page = Page::read("docs/metrics.md").text;
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let ours: BTreeSet<_> = rows.map(|(name, _)| name.to_owned()).collect();
    assert!(ours.len() > 140, "{}", ours.len());
    ours
}

/// The cells of the table's rows that begin with a family: theirs, ours, what differs.
fn rows(page: &str) -> Vec<[&str; 3]> {
    let table = page.split("## Families side by side").nth(1).unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<_> = row.trim_matches(['|', ' ']).splitn(3, " | ").map(str::trim).collect();
        [cells[0].trim_matches('`'), cells[1], cells.get(2).copied().unwrap_or_default().trim_matches('|')]
    })
    .collect()
}

/// The names of families in a text: words that begin like ours, without the endings of a histogram's samples.
fn named<'a>(text: &'a str, known: &BTreeSet<String>) -> Vec<&'a str> {
    let words = text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'));
    let words = words.filter(|word| word.starts_with("librechat_") && !word.ends_with('_'));
    // The crate, and LibreChat's network in compose.
    let words = words.filter(|word| !["librechat_exporter", "librechat_default"].contains(word));
    let names = words.map(|word| {
        let histogram = ["_count", "_sum", "_bucket"].iter().find_map(|end| word.strip_suffix(end));
        histogram.filter(|base| known.contains(*base)).unwrap_or(word)
    });
    names.collect()
}

#[test]
fn every_family_of_the_other_exporters_has_a_row() {
    for (page, golden) in [
        (FROM_NODE, "seed1.node-exporter.prom.gz"),
        (FROM_NODE, "seed1.node-exporter.per-user.prom.gz"),
        (FROM_PYTHON, "seed1.python-exporter.prom.gz"),
    ] {
        let text = Page::read(page).text;
        let rows: Vec<_> = rows(&text).into_iter().map(|[theirs, ..]| theirs.to_owned()).collect();
        let listed: BTreeSet<_> = rows.iter().cloned().collect();
        assert_eq!(listed.len(), rows.len(), "{page} has a family twice");
        assert_eq!(listed, families_of(golden), "the rows of {page}, and the families of {golden}");
    }
}

#[test]
fn every_family_of_ours_that_the_pages_on_migrating_name_exists() {
    let ours = ours();
    for page in [FROM_NODE, FROM_PYTHON] {
        let text = Page::read(page).text;
        let prose = text.split("## Families side by side").next().unwrap();
        let rows = rows(&text);
        let cells = rows.iter().flat_map(|[_, ours, differs]| [*ours, *differs]);
        for name in std::iter::once(prose).chain(cells).flat_map(|text| named(text, &ours)) {
            assert!(ours.contains(name), "{page}: {name}");
        }
    }
}

#[test]
fn a_family_without_a_counterpart_has_none() {
    let ours = ours();
    for page in [FROM_NODE, FROM_PYTHON] {
        let text = Page::read(page).text;
        for [theirs, here, differs] in rows(&text) {
            if here == "–" {
                assert!(!ours.contains(theirs), "{page}: {theirs} is there now");
                assert!(!differs.trim().is_empty(), "{page}: {theirs} has no reason");
            } else {
                assert!(here.starts_with('`') && here.ends_with('`'), "{page}: {theirs}");
            }
        }
    }
}

#[test]
fn every_family_that_the_pages_for_operators_name_exists() {
    let ours = ours();
    for page in
        ["README.md", "docs/getting-started.md", "docs/operations.md", "docs/security.md", "docs/mongodb.md"]
    {
        let text = Page::read(page).text;
        for name in named(&text, &ours) {
            assert!(ours.contains(name), "{page}: {name}");
        }
    }
}

#[test]
fn operations_tell_what_each_metric_of_the_exporter_itself_says() {
    let page = Page::read("docs/operations.md").text;
    let table = page.split("## What each metric of its own tells").nth(1).unwrap();
    let metrics = Page::read("docs/metrics.md").text;
    let own = metrics.split("## The exporter itself").nth(1).unwrap();
    for row in own.lines().filter_map(|line| line.strip_prefix("| `")) {
        let name = row.split('`').next().unwrap();
        assert!(table.contains(&format!("`{name}`")), "docs/operations.md does not explain {name}");
    }
}

#[test]
fn the_page_of_backfill_names_what_is_left_out_and_nothing_else() {
    let page = Page::read("docs/backfill.md").text;
    let table =
        page.split("Left out, since").nth(1).and_then(|rest| rest.split("What the exporter says").next());
    let named = table.unwrap().split('`').skip(1).step_by(2).map(str::to_owned);
    let momentary = Folds::families().chain(Events::families()).filter(|family| family.is_momentary);
    let momentary = momentary.map(|family| family.name.to_owned());
    assert_eq!(named.collect::<BTreeSet<_>>(), momentary.collect());
}
