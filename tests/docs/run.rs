//! Commands: every block of `sh` of every page is run, or says why not.

use std::net::TcpListener;

use crate::commands::{Session, is_of_commands, way};
use crate::markdown::{Block, pages};

/// Ports of this machine that nothing listens on.
fn ports() -> [u16; 3] {
    let listeners = [(); 3].map(|()| TcpListener::bind(("127.0.0.1", 0)).unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

#[test]
fn every_command_that_needs_no_server_runs() {
    let mut run = 0;
    for page in pages() {
        run += Session::new(ports()).run(&page, |way| !way.mongodb && !way.prometheus);
    }
    assert!(run >= 8, "only {run} blocks were run");
}

#[test]
fn every_block_of_commands_is_run_or_says_why_not() {
    for page in pages() {
        for block in page.blocks().iter().filter(|block| is_of_commands(block)) {
            assert_eq!(block.language, "sh", "{}: write sh\n{}", page.path.display(), block.text);
            way(block).unwrap_or_else(|error| panic!("{}: {error}", page.path.display()));
        }
    }
    let block =
        |comment: &str| Block { language: "sh".into(), text: String::new(), comment: Some(comment.into()) };
    for bad in ["not run: no", "not run:", "run: Docker", "run: background MongoDB"] {
        way(&block(bad)).unwrap_err();
    }
}
