//! Names that derive from the `repository` of Cargo.toml: images, the chart, runbooks, labels, links. Whoever forks the
//! project changes that line, and this test lists every other one.

use std::path::Path;
use std::process::Command;

use crate::markdown::root;

const REPOSITORY: &str = env!("CARGO_PKG_REPOSITORY");
const NAME: &str = env!("CARGO_PKG_NAME");

/// The files that belong to the repository, as text.
fn files() -> Vec<(String, String)> {
    let list = ["ls-files", "--cached", "--others", "--exclude-standard"];
    let listed = Command::new("git").args(list).current_dir(root()).output().unwrap();
    assert!(listed.status.success(), "this test needs git");
    let names = String::from_utf8(listed.stdout).unwrap();
    let read = |name: &str| Some((name.to_owned(), std::fs::read_to_string(root().join(name)).ok()?));
    names
        .lines()
        .filter(|name| Path::new(name).file_name() != Some("Cargo.lock".as_ref()))
        .filter_map(read)
        .collect()
}

/// The addresses in a text that begin with `host` and speak of this program: `owner/librechat-exporter` and the like.
fn addresses<'a>(text: &'a str, host: &str) -> Vec<&'a str> {
    let found = text.match_indices(host).map(|(at, _)| text.get(at..).unwrap());
    let end = |letter: char| !(letter.is_ascii_alphanumeric() || "./-_".contains(letter));
    let whole = found.map(|rest| rest.split(end).next().unwrap());
    whole
        .filter(|address| address.split('/').nth(2) == Some(NAME) || address.split('/').nth(3) == Some(NAME))
        .collect()
}

#[test]
fn everything_named_after_the_repository_agrees_with_it() {
    let path = REPOSITORY.strip_prefix("https://").unwrap();
    let image = format!("ghcr.io/{}", path.strip_prefix("github.com/").unwrap());
    let chart = format!("{}/charts", image.rsplit_once('/').unwrap().0);
    let mut found = 0;
    for (name, text) in files() {
        for address in addresses(&text, "github.com/") {
            assert!(address.starts_with(path), "{name}: {address}");
            found += 1;
        }
        for address in addresses(&text, "ghcr.io/") {
            assert!(address.starts_with(&image) || address.starts_with(&chart), "{name}: {address}");
            found += 1;
        }
    }
    assert!(found > 40, "only {found} were found");
}

#[test]
fn what_is_built_and_installed_names_its_source() {
    for (file, line) in [
        ("Dockerfile", format!("org.opencontainers.image.source=\"{REPOSITORY}\"")),
        ("deploy/helm/librechat-exporter/Chart.yaml", format!("home: {REPOSITORY}\n")),
        ("deploy/systemd/librechat-exporter.service", format!("Documentation={REPOSITORY}\n")),
    ] {
        let text = std::fs::read_to_string(root().join(file)).unwrap();
        assert!(text.contains(&line), "{file} lacks {line}");
    }
}

#[test]
fn an_address_of_somebody_else_is_found() {
    // Put together here, or the test above would find it in this file.
    let theirs = format!("else/{NAME}");
    let text = format!("image: ghcr.io/{theirs}:1\nsee https://github.com/{theirs}/issues, ghcr.io/x/y");
    assert_eq!(addresses(&text, "ghcr.io/"), [format!("ghcr.io/{theirs}")]);
    assert_eq!(addresses(&text, "github.com/"), [format!("github.com/{theirs}/issues")]);
}
