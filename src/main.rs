//! Parses the command line, runs, turns the outcome into an exit code: 0 done, 1 failed, 2 bad configuration.

use std::process::ExitCode;

fn main() -> ExitCode {
    librechat_exporter::cli::main()
}
