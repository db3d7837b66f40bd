//! The diffs of `CONTRIBUTING.md`: each still applies to the sources as they are. `.ci/run` compiles and tests them, too.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use crate::markdown::{Page, root};

/// The files that a diff changes or makes.
fn touched(patch: &str) -> BTreeSet<&str> {
    let files = patch.lines().filter_map(|line| line.strip_prefix("+++ b/"));
    files.collect()
}

/// Has git apply a diff to a copy of the files that it touches; `Err` is what git says.
fn apply(patch: &Path) -> Result<(), String> {
    let text = std::fs::read_to_string(patch).unwrap();
    let copy = tempfile::tempdir().unwrap();
    for file in touched(&text) {
        let (from, to) = (root().join(file), copy.path().join(file));
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        if from.exists() {
            std::fs::copy(from, to).unwrap();
        }
    }
    let git = Command::new("git").args(["apply", "--check"]).arg(patch).current_dir(copy.path()).output();
    let git = git.unwrap();
    if git.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&git.stderr).into_owned()) }
}

#[test]
fn every_walkthrough_applies_and_is_linked() {
    let links = Page::read("CONTRIBUTING.md").links();
    let mut applied = 0;
    for entry in std::fs::read_dir(root().join("docs/walkthroughs")).unwrap() {
        let path = entry.unwrap().path();
        apply(&path).unwrap_or_else(|said| panic!("{}: {said}", path.display()));
        let link = path.strip_prefix(root()).unwrap().to_str().unwrap();
        assert!(links.iter().any(|linked| linked == link), "CONTRIBUTING.md does not link to {link}");
        applied += 1;
    }
    assert_eq!(applied, 2);
}

#[test]
fn a_walkthrough_that_no_longer_fits_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let patch = folder.path().join("a.patch");
    let text = "--- a/src/lib.rs\n+++ b/src/lib.rs\n@@ -1 +1 @@\n-no line of that file\n+another\n";
    std::fs::write(&patch, text).unwrap();
    apply(&patch).unwrap_err();
}

#[test]
fn contributing_names_every_file_that_a_walkthrough_touches() {
    let page = Page::read("CONTRIBUTING.md").text;
    for name in ["add-a-metric", "add-an-authorizer"] {
        let path = root().join(format!("docs/walkthroughs/{name}.patch"));
        let patch = std::fs::read_to_string(path).unwrap();
        for file in touched(&patch) {
            assert!(page.contains(&format!("`{file}`")), "CONTRIBUTING.md does not explain {file} of {name}");
        }
    }
}
