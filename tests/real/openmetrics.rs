//! Python's OpenMetrics parser, the strictest that there is: it refuses what the specification forbids.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::servers::fetched;

/// Prints a line for each sample: the family's name and type, and the value.
const PROGRAM: &str = "
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
for family in text_string_to_metric_families(sys.stdin.buffer.read().decode('utf-8')):
    for sample in family.samples:
        print(sample.name, family.type, format(sample.value, 'g'))
";

/// Parses the text; gives `name type value` for each sample, or what the parser says against it.
pub(crate) fn parse_openmetrics(text: &str) -> Result<Vec<String>, String> {
    let package = fetched("python/prometheus_client");
    let mut python = Command::new("python3");
    python
        .args(["-c", PROGRAM])
        .env("PYTHONPATH", package.parent().unwrap())
        .env("PYTHONIOENCODING", "utf-8");
    python.env("PYTHONDONTWRITEBYTECODE", "1");
    python.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = python.spawn().expect("python3 runs");
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    if output.status.success() {
        Ok(String::from_utf8(output.stdout).unwrap().lines().map(ToOwned::to_owned).collect())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}
