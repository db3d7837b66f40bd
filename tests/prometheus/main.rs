//! What is shipped in `prometheus/` for those who scrape, held against itself, the list of metrics and the runbooks. The
//! real Prometheus, promtool, vmagent and vmalert read the same files in tests/real.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may; clippy's own exception covers only functions marked #[test]"
)]

use std::fs;
use std::path::{Path, PathBuf};

mod alloy;
mod rules;

/// A file of the repository.
fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The files of a folder of the repository that end so, in the order of their names, relative to the repository.
fn files(folder: &str, extension: &str) -> Vec<String> {
    let mut found: Vec<_> = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder))
        .unwrap()
        .map(|entry| PathBuf::from(folder).join(entry.unwrap().file_name()))
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .map(|path| path.to_str().unwrap().to_owned())
        .collect();
    found.sort();
    assert!(!found.is_empty(), "no {extension} in {folder}");
    found
}
