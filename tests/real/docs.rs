//! What the documentation says, held against the program and the real tools.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use librechat_exporter::auth::reason::Reason;
use librechat_exporter::config::VARIABLES;
use librechat_exporter::vars::names::FOREIGN;
use tempfile::TempDir;

use crate::certificates::Authority;
use crate::commands::{Session, is_of_commands, way};
use crate::exporter::Exporter;
use crate::exposition::parse_file;
use crate::markdown::{Page, pages, root};
use crate::mongod::{Mongod, golden};
use crate::prometheus::{Jobs, promtool};
use crate::servers::{fetched, free_port};

/// Where the files of a scraper lie in the documentation.
const SCRAPER_FILES: &str = "/etc/prometheus/";

/// Names in the pages that look like ours and are others'.
const OTHERS: &[&str] = &[
    // The example of a mistake.
    "METRICS_BEARER_TOKN",
    // Beginnings of names.
    "METRICS_",
    "RATE_LIMIT_",
    "TLS_",
    "METRICS_BASIC_AUTH_",
    "METRICS_OAUTH2_",
    "METRICS_SESSION_",
    // Of the Python exporter.
    "METRICS_CACHE_TTL",
    "METRICS_CACHE_ENABLED",
];

fn page(name: &str) -> String {
    Page::read(&format!("docs/{name}")).text
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
    for page in pages() {
        let blocks = page.blocks().into_iter().filter(|block| block.language == "yaml");
        for block in blocks.map(|block| block.text).filter(|text| text.contains("scrape_configs:")) {
            check(&block).unwrap_or_else(|said| panic!("{}: {said}\n{block}", page.path.display()));
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
        text.split("The lockout counts guesses").nth(1).and_then(|rest| rest.split("Five different").next());
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
    for page in pages() {
        let words = page.text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'));
        for word in words.filter(|word| prefixes.iter().any(|prefix| word.starts_with(prefix))) {
            let exists = known.contains(word) || OTHERS.contains(&word) || FOREIGN.contains(&word);
            assert!(exists, "{}: {word}", page.path.display());
            named += 1;
        }
    }
    assert!(named > 40, "{named}");
}

#[test]
fn the_threat_model_names_tests_that_exist() {
    let text = page("security.md");
    let folders = ["tests/real", "tests/http"].map(|folder| fs::read_dir(root().join(folder)).unwrap());
    let files =
        folders.into_iter().flatten().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    let sources: String = files.map(|path| fs::read_to_string(path).unwrap()).collect();
    let model = text.split("## Attacks").nth(1).unwrap().split("\n## ").next().unwrap();
    let shown = model.lines().filter(|line| line.starts_with("| ") && line.contains('`'));
    let mut named = 0;
    for name in shown
        .filter_map(|row| row.trim_end_matches(" |").rsplit(" | ").next())
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
    {
        let exists = if name.contains('/') {
            root().join(name).exists()
        } else {
            sources.contains(&format!("fn {name}()"))
        };
        assert!(exists, "{name}");
        named += 1;
    }
    assert!(named >= 13, "{named}");
}

#[tokio::test]
async fn every_command_that_needs_a_server_runs() {
    let mongod = Mongod::start().await;
    mongod.load("seed1").await;
    let mut run = 0;
    for page in pages() {
        let blocks = page.blocks();
        let ways =
            blocks.iter().filter(|block| is_of_commands(block)).filter_map(|block| way(block).unwrap());
        if ways.into_iter().any(|way| way.mongodb || way.prometheus) {
            let address = format!("mongodb://127.0.0.1:{}", mongod.port());
            let mut session = Session::new([(); 3].map(|()| free_port())).with_mongodb(&address);
            for program in ["prometheus", "promtool"] {
                session.link(program, &fetched(&format!("bin/{program}")));
            }
            run += session.run(&page, |_| true);
        }
    }
    assert!(run >= 15, "only {run} blocks were run");
}

/// Serves a text to whoever asks, as long as the tests run; gives the port.
pub(crate) fn serve(text: String) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\n\
                 Connection: close\r\n\r\n",
                text.len()
            );
            // Who closes early has asked for nothing more.
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(text.as_bytes()));
        }
    });
    port
}

#[tokio::test]
async fn the_queries_for_families_of_the_python_exporter_parse_and_give_the_same_where_they_say_so() {
    let mongod = Mongod::start().await;
    mongod.load("seed1").await;
    let now = fs::read_to_string(golden("seed1/now.txt")).unwrap();
    let once = Exporter::run(&["once", "--at", now.trim()], &[("MONGO_URI", &mongod.uri())]).await;
    assert!(once.status.success(), "{}", once.stderr);
    let prometheus = Jobs::new().add("golden", serve(once.stdout), "").start().await;
    prometheus.until("librechat_up", 1.0).await;
    let theirs = parse_file(&golden("seed1.python-exporter.prom.gz"));
    let text = page("migrating-from-python-exporter.md");
    let table = text.split("## Families side by side").nth(1).unwrap();
    let (mut parsed, mut same) = (0, 0);
    for row in table.lines().filter(|line| line.starts_with("| `librechat_")) {
        // A bar inside a cell is escaped, in code too.
        let row = row.replace(r"\|", "\0");
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let [_, name, query, says, _] = cells[..] else { panic!("{row}") };
        let query = query.trim_matches('`').replace('\0', "|");
        let value = prometheus.query(&format!("sum({query})")).await;
        parsed += 1;
        if says.starts_with("the same") {
            let wanted = theirs.iter().filter(|(series, _)| series.name == name.trim_matches('`'));
            let wanted: f64 = wanted.map(|(_, value)| value).sum();
            let value = value.unwrap_or_else(|| panic!("nothing for {query}"));
            assert!((value - wanted).abs() <= 1e-9 * wanted.abs(), "{name} {wanted}, {query} {value}");
            same += 1;
        }
    }
    assert!(parsed >= 47 && same >= 15, "{parsed} queries, {same} the same");
}
