//! The demo's exposition for a fixed seed and instant, to the letter: what the collectors and the renderer make of a
//! known LibreChat. `UPDATE_GOLDEN=1 cargo test --test demo` writes it anew.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use librechat_exporter::app;
use librechat_exporter::librechat::demo::Demo;
use librechat_exporter::librechat::scope::Options;

fn instant() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_795_247_940)
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "a test is told by its environment to write its golden file")]
async fn a_fixed_seed_gives_the_golden_exposition() {
    let text = app::once(&Demo::new(1, instant), Options::default(), instant()).await.unwrap();
    // How long the pass took is not the demo's; the order of lines is fixed but for the exporter's own.
    let mut lines: Vec<_> = text.lines().filter(|line| !line.contains("_duration_seconds")).collect();
    lines.sort_unstable();
    let text = lines.join("\n") + "\n";
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/demo.prom");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&golden, &text).unwrap();
    }
    let expected = fs::read_to_string(&golden).unwrap();
    let differing = text.lines().zip(expected.lines()).find(|(ours, golden)| ours != golden);
    assert_eq!(differing, None, "the first line that differs, ours and the golden one");
    assert_eq!(text.lines().count(), expected.lines().count());
}
