//! LibreChat goes on working behind every example that has it: answers come in pieces, uploads may be large.

use std::fs;

use tempfile::TempDir;

use crate::browser::Browser;
use crate::librechat::{ACCESS, LibreChat, PIECES};
use crate::process::Process;
use crate::proxies::{Behind, Case, Kind, Proxy};
use crate::servers::eventually;

const HOST: &str = "chat.example.com";

/// Every proxy with every example that has LibreChat.
fn all() -> impl Iterator<Item = (Kind, Case)> {
    let cases = [Case::Basic, Case::OneOrigin, Case::Siblings];
    cases.into_iter().flat_map(|case| case.kinds().iter().map(move |kind| (*kind, case)))
}

#[tokio::test]
async fn the_beginning_of_an_answer_shows_before_its_end_is_there() {
    let librechat = LibreChat::start("a-refresh-token", true).await;
    let behind = Behind { librechat: librechat.port, ..Behind::default() };
    let token = format!("Authorization: Bearer {ACCESS}");
    for (kind, case) in all() {
        let proxy = Proxy::start(kind, case, behind).await;
        let browser = Browser::of(&proxy);
        let mut chat = Process::start("curl", browser.command(HOST, "/api/chat", &["--header", &token]));
        eventually(&format!("{kind:?} {case:?} passes the beginning on"), async || {
            let output = chat.stdout();
            if output.contains(PIECES[0].trim()) { Ok(()) } else { Err(output + &chat.stderr()) }
        })
        .await;
        assert!(!chat.stdout().contains(PIECES[1].trim()), "{kind:?} {case:?}");
        librechat.go_on();
        let status = chat.ended().await;
        assert!(
            status.success() && chat.stdout().contains(PIECES[1].trim()),
            "{kind:?} {case:?} {}",
            chat.output()
        );
    }
}

#[tokio::test]
async fn a_large_file_can_be_uploaded() {
    const SIZE: usize = 3 << 20;
    let librechat = LibreChat::start("a-refresh-token", true).await;
    let behind = Behind { librechat: librechat.port, ..Behind::default() };
    let folder = TempDir::with_prefix("upload").unwrap();
    let file = folder.path().join("file");
    fs::write(&file, vec![b'a'; SIZE]).unwrap();
    let data = format!("@{}", file.display());
    let token = format!("Authorization: Bearer {ACCESS}");
    // Without Expect, so that a proxy answers once.
    let arguments = ["--header", &token, "--header", "Expect:", "--data-binary", &data];
    for (kind, case) in all() {
        let proxy = Proxy::start(kind, case, behind).await;
        let answer = Browser::of(&proxy).ask(HOST, "/api/files", &arguments).await;
        assert_eq!((answer.status, answer.text()), (200, SIZE.to_string()), "{kind:?} {case:?}");
    }
}
