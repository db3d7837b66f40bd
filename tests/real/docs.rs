//! What the documentation says, held against the program and the real tools.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use librechat_exporter::auth::reason::Reason;
use librechat_exporter::config::VARIABLES;
use tempfile::TempDir;

use crate::certificates::Authority;
use crate::prometheus::promtool;

/// Where the files of a scraper lie in the documentation.
const SCRAPER_FILES: &str = "/etc/prometheus/";

/// The pages whose snippets are checked.
fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let pages = docs.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    pages.chain([root.join("README.md")]).collect()
}

fn page(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)).unwrap()
}

/// The fenced blocks of one language.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(fence) = line.strip_prefix("```") {
            let block: Vec<_> = lines.by_ref().take_while(|line| !line.starts_with("```")).collect();
            if fence == language {
                found.push(block.join("\n") + "\n");
            }
        }
    }
    found
}

/// Has promtool check a configuration whose files are all there; `Err` is what promtool says.
fn check(configuration: &str) -> Result<(), String> {
    let folder = TempDir::with_prefix("docs").unwrap();
    let is_of_a_path = |byte: char| byte.is_ascii_alphanumeric() || "-._".contains(byte);
    for piece in configuration.split(SCRAPER_FILES).skip(1) {
        let name: String = piece.chars().take_while(|byte| is_of_a_path(*byte)).collect();
        fs::write(folder.path().join(&name), "content\n").unwrap();
    }
    let authority = Authority::new("authority");
    authority.issue("prometheus", 2100).write(folder.path(), "prometheus");
    fs::write(folder.path().join("librechat-ca.crt"), authority.pem()).unwrap();
    let file = folder.path().join("prometheus.yml");
    let here = format!("{}/", folder.path().display());
    fs::write(&file, configuration.replace(SCRAPER_FILES, &here)).unwrap();
    let checked = promtool(&["check", "config", file.to_str().unwrap()], "");
    let said = String::from_utf8_lossy(&checked.stderr).into_owned();
    if checked.status.success() { Ok(()) } else { Err(said) }
}

#[test]
fn promtool_accepts_every_scrape_configuration_of_the_documentation() {
    let mut checked = 0;
    for path in pages() {
        let text = fs::read_to_string(&path).unwrap();
        for block in blocks(&text, "yaml").iter().filter(|block| block.contains("scrape_configs:")) {
            check(block).unwrap_or_else(|said| panic!("{}: {said}\n{block}", path.display()));
            checked += 1;
        }
    }
    assert!(checked >= 7, "only {checked} snippets were found: is the page written in another way now?");
    let mistakes = [
        "authorization: {credential_file: /etc/prometheus/token}",
        "authorization: {credentials_file: /elsewhere/token}",
        "basic_auth: {username: a}\n    oauth2: {client_id: a, client_secret: b, token_url: c}",
    ];
    for mistake in mistakes {
        check(&format!("scrape_configs:\n  - job_name: a\n    {mistake}\n")).unwrap_err();
    }
}

#[test]
fn the_documentation_explains_every_refusal_with_its_status() {
    let text = page("authentication.md");
    for reason in Reason::ALL {
        for method in reason.methods() {
            let row =
                format!("| {} | `{}` | `{}` |", reason.status().as_u16(), reason.label(), method.label());
            assert!(text.contains(&row), "no row begins with {row}");
        }
    }
    let rows = text.lines().filter(|line| line.starts_with("| 4") || line.starts_with("| 5")).count();
    let pairs: usize = Reason::ALL.iter().map(|reason| reason.methods().len()).sum();
    assert_eq!(rows, pairs, "rows and refusals");
    let guesses =
        text.split("What counts as a guess").nth(1).and_then(|rest| rest.split("A correctly").next());
    let guesses: BTreeSet<_> = guesses.unwrap().split('`').skip(1).step_by(2).collect();
    let expected = Reason::ALL.iter().filter(|reason| reason.is_guess()).map(|reason| reason.label());
    assert_eq!(guesses, expected.collect());
}

#[test]
fn the_documentation_names_only_variables_that_exist() {
    let known: BTreeSet<_> =
        VARIABLES.iter().copied().flatten().map(|variable| variable.field.to_uppercase()).collect();
    let prefixes = ["METRICS_", "TLS_", "RATE_LIMIT_", "HEALTH_RATE_LIMIT_", "TRUST_PROXY", "JWT_"];
    let mut named = 0;
    for path in pages() {
        let text = fs::read_to_string(&path).unwrap();
        let words = text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'));
        for word in words.filter(|word| prefixes.iter().any(|prefix| word.starts_with(prefix))) {
            // The example of a mistake.
            let exists = known.contains(word) || word == "METRICS_BEARER_TOKN";
            assert!(exists, "{}: {word}", path.display());
            named += 1;
        }
    }
    assert!(named > 40, "{named}");
}

#[test]
fn the_documentation_links_to_files_and_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = page("authentication.md");
    for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
        let path = target.split('#').next().unwrap();
        assert!(target.starts_with("http") || root.join("docs").join(path).exists(), "{target}");
    }
    let sources = fs::read_dir(root.join("tests/real")).unwrap().map(|entry| entry.unwrap().path());
    let sources: String = sources.map(|path| fs::read_to_string(path).unwrap()).collect();
    let model = text.split("## Threat model").nth(1).unwrap();
    let shown = model.lines().filter(|line| line.starts_with("| ") && line.contains('`'));
    let mut named = 0;
    for name in
        shown.filter_map(|row| row.rsplit(" | ").next()).flat_map(|cell| cell.split('`').skip(1).step_by(2))
    {
        let exists = if name.contains('/') {
            root.join(name).exists()
        } else {
            sources.contains(&format!("fn {name}()"))
        };
        assert!(exists, "{name}");
        named += 1;
    }
    assert!(named >= 13, "{named}");
}
