//! `.env` files are read as LibreChat reads them: texts of a table, and many that nobody would write, are read by Node's
//! own `dotenv` and by us (issue 11.2, A1, A3).

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

use librechat_exporter::vars::dotenv;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};

use crate::servers::fetched;

type Values = BTreeMap<String, String>;

fn as_node_reads_them(texts: &[String]) -> Vec<Values> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/real/dotenv.mjs");
    let mut node = Command::new("node")
        .arg(script)
        .arg(fetched("node-dotenv/node_modules/dotenv"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node (20 or newer; Debian: apt-get install nodejs)");
    node.stdin.take().unwrap().write_all(&serde_json::to_vec(texts).unwrap()).unwrap();
    let output = node.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn as_we_read_it(text: &str) -> Values {
    dotenv::parse(text).entries.into_iter().map(|entry| (entry.name, entry.value)).collect()
}

fn assert_same(texts: &[String]) {
    let theirs = as_node_reads_them(texts);
    assert_eq!(theirs.len(), texts.len());
    for (text, theirs) in texts.iter().zip(theirs) {
        assert_eq!(as_we_read_it(text), theirs, "{text:?}");
    }
}

#[test]
fn every_text_of_the_table_is_read_as_dotenv_reads_it() {
    let table = include_str!("../support/dotenv/table.json");
    let rows: Vec<(String, Values)> = serde_json::from_str(table).unwrap();
    assert!(rows.len() >= 80);
    let (mut texts, expected): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
    assert_eq!(as_node_reads_them(&texts), expected, "the table is not what dotenv says");
    // All of them in one file, in which an open quotation mark reaches the next line that has one.
    texts.push(texts.join("\n"));
    texts.push(include_str!("../support/dotenv/librechat.env").to_owned());
    assert_same(&texts);
}

#[test]
fn texts_that_nobody_would_write_are_read_as_dotenv_reads_them() {
    const PIECES: &[&str] = &[
        "A", "B", "_", ".", "-", "=", "=", "A=", "B: ", ":", " ", "\t", "\n", "\n", "\r", "\r\n", "\"", "'",
        "`", "\"", "'", "#", "\\", "\\n", "\\\"", "\\'", "n", "export", "export ", "$", "${", "}",
        "\u{feff}", "\u{a0}", "\u{2028}", "\u{2029}", "\u{85}", "\u{3000}", "\u{e9}", "x y",
    ];
    let mut random = StdRng::seed_from_u64(20_261_127);
    let text = |random: &mut StdRng| {
        let length = random.random_range(1..30);
        (0..length).filter_map(|_| PIECES.choose(random).copied()).collect::<String>()
    };
    let texts: Vec<_> = (0..20_000).map(|_| text(&mut random)).collect();
    assert_same(&texts);
}
