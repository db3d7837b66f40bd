//! The rules of the house that a compiler does not check: which module may import which, and the shape of files.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop where it stands")]

use std::fs;
use std::path::{Path, PathBuf};

/// Modules by level, lowest first. A module imports only from levels below its own, and from those named here.
const LEVELS: &[&[&str]] = &[
    &["network", "secret"],
    &["vars"],
    &["exposition", "reload"],
    &["auth", "client_ip", "librechat", "limit", "telemetry", "tls"],
    &["http"],
    &["config"],
    &["app"],
    &["cli"],
];

fn level(module: &str) -> Option<usize> {
    LEVELS.iter().position(|modules| modules.contains(&module))
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The first component below `src`, without `.rs`.
fn module_of(file: &Path) -> String {
    let below = file.strip_prefix(root().join("src")).unwrap();
    let first = below.components().next().unwrap().as_os_str().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

/// Every `crate::module` outside of comments.
fn imports(text: &str) -> Vec<String> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(|line| line.match_indices("crate::").map(move |(at, _)| (line, at)))
        // `$crate::` in a macro names the macro's own home.
        .filter(|(line, at)| !line[..*at].ends_with('$'))
        .map(|(line, at)| {
            let rest = &line[at + "crate::".len()..];
            rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect()
        })
        .filter(|name: &String| !name.is_empty())
        .collect()
}

#[test]
fn imports_only_go_down() {
    let mut wrong = Vec::new();
    for file in sources(&root().join("src")) {
        let module = module_of(&file);
        if module == "lib" || module == "main" {
            continue;
        }
        let own = level(&module).unwrap_or_else(|| panic!("{module} has no level in tests/architecture.rs"));
        for import in imports(&fs::read_to_string(&file).unwrap()) {
            let allowed = import == module || level(&import).is_some_and(|level| level < own);
            if !allowed {
                wrong.push(format!("{} imports crate::{import}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_records_and_mongo_know_bson_and_only_mongo_the_driver() {
    for file in sources(&root().join("src")) {
        let text = fs::read_to_string(&file).unwrap();
        let name = file.strip_prefix(root()).unwrap().to_str().unwrap();
        let knows = name.starts_with("src/librechat/mongo") || name.starts_with("src/librechat/record");
        assert!(knows || !text.contains("mongodb::"), "{name} uses the driver");
    }
}

#[test]
fn files_are_short_begin_with_their_duty_and_are_named_after_themselves() {
    for folder in ["src", "tests"] {
        for file in sources(&root().join(folder)) {
            let text = fs::read_to_string(&file).unwrap();
            let name = file.display();
            assert!(text.lines().count() <= 500, "{name} has more than 500 lines");
            assert!(text.starts_with("//!"), "{name} does not begin with its duty");
            assert!(file.file_name().is_some_and(|name| name != "mod.rs"), "{name}");
        }
    }
}
