//! The command line: `serve`, `demo`, `once`, `check-config`, `healthcheck`, one function each.

pub mod check_config;
pub mod healthcheck;

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tracing::{info, warn};

use crate::app::{self, Ended};
use crate::config::{Config, Needs, VARIABLES};
use crate::librechat::demo::Demo;
use crate::telemetry::{clock, logging};
use crate::vars::environment::Environment;
use crate::vars::{Problem, Vars};

/// LibreChat's usage, cost, quality and health as Prometheus metrics, behind a guarded /metrics.
///
/// Settings come from environment variables; a .env file in the working folder is read too.
#[derive(Debug, Parser)]
#[command(name = "librechat-exporter", version = VERSION_AND_COMMIT, about, long_about)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the metrics of the LibreChat at MONGO_URI (the default).
    Serve {
        #[command(flatten)]
        web: WebOptions,
    },
    /// Serve the metrics of an embedded synthetic LibreChat that keeps living; needs no MongoDB.
    Demo {
        /// What the synthetic LibreChat is made from: the same seed gives the same one.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        #[command(flatten)]
        web: WebOptions,
    },
    /// Fold the database once, print the exposition and exit.
    Once {
        /// The instant that all windows are of, as RFC 3339 has it (2026-01-31T12:00:00Z); now when it is absent.
        #[arg(long, value_name = "RFC3339", value_parser = instant)]
        at: Option<SystemTime>,
    },
    /// Check the settings, print them without secrets, and say which authorizers are on.
    CheckConfig,
    /// Ask the local /health; exits with 0 when it answers 200, else with 1.
    Healthcheck {
        /// What to ask instead of /health on HOST and PORT.
        #[arg(long)]
        url: Option<String>,
    },
}

/// What Prometheus' own exporters call so.
#[derive(Debug, Default, Args)]
struct WebOptions {
    /// A web configuration file (TLS, Basic users, headers, rate limit), as WEB_CONFIG_FILE.
    #[arg(long = "web.config.file", value_name = "FILE")]
    web_config_file: Option<String>,
}

const VERSION_AND_COMMIT: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("BUILD_REVISION"), ")");

fn instant(text: &str) -> Result<SystemTime, String> {
    OffsetDateTime::parse(text, &Rfc3339)
        .map(SystemTime::from)
        .map_err(|_| "not an instant like 2026-01-31T12:00:00Z".into())
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let command = Cli::parse().command.unwrap_or(Command::Serve { web: WebOptions::default() });
    let vars = match Environment::read(Path::new(".")) {
        Ok(found) => Vars::gather(found, VARIABLES),
        Err(problem) => return bad_configuration(&[problem]),
    };
    let needs = if matches!(command, Command::Demo { .. }) { Needs::Nothing } else { Needs::Mongo };
    match command {
        Command::Healthcheck { url } => run(|| healthcheck::healthcheck(vars, url.as_deref())),
        Command::CheckConfig => run(|| Ok(check_config::check_config(vars))),
        command => {
            let mut vars = vars;
            if let Command::Serve { web } | Command::Demo { web, .. } = &command
                && let Some(file) = &web.web_config_file
                && let Err(problem) = vars.set_by_option("WEB_CONFIG_FILE", file.clone())
            {
                return bad_configuration(&[problem]);
            }
            match Config::read(&mut vars, needs) {
                Ok(config) => run(|| dispatch(&command, config)),
                Err(problems) => bad_configuration(&problems),
            }
        }
    }
}

fn dispatch(command: &Command, mut config: Config) -> anyhow::Result<ExitCode> {
    logging::init(config.log_level, config.log_format.unwrap_or_else(logging::LogFormat::fitting));
    for note in &config.notes {
        info!("{note}");
    }
    for warning in &config.warnings {
        warn!("{warning}");
    }
    let ended = match command {
        Command::Once { at } => return once(config, *at),
        Command::Demo { seed, .. } => {
            let demo = Arc::new(Demo::new(*seed, clock::now));
            block_on(app::serve(config, demo, Arc::new(app::login::Nobody), Vec::new()))?
        }
        _ => {
            let (mongo, watches) = app::mongo(&mut config).context("MONGO_URI is missing")?;
            let directory = Arc::new(app::login::LibreChat::new(Arc::clone(&mongo)));
            block_on(app::serve(config, mongo, directory, watches))?
        }
    };
    Ok(match ended {
        Ended::Drained => ExitCode::SUCCESS,
        Ended::Cut => ExitCode::FAILURE,
    })
}

fn once(mut config: Config, at: Option<SystemTime>) -> anyhow::Result<ExitCode> {
    let (mongo, _) = app::mongo(&mut config).context("MONGO_URI is missing")?;
    let text = block_on(app::once(&*mongo, config.options, at.unwrap_or_else(clock::now)))?;
    std::io::stdout().write_all(text.as_bytes()).context("the exposition cannot be written")?;
    Ok(ExitCode::SUCCESS)
}

fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Runtime::new().context("the runtime cannot start")?;
    let result = runtime.block_on(future);
    // A look-up of a name, say, must not hold up the end.
    runtime.shutdown_background();
    result
}

/// Failures at run time are one line, too.
fn run(command: impl FnOnce() -> anyhow::Result<ExitCode>) -> ExitCode {
    command().unwrap_or_else(|error| {
        complain(&format!("{error:#}"));
        ExitCode::FAILURE
    })
}

fn bad_configuration(problems: &[Problem]) -> ExitCode {
    problems.iter().for_each(|problem| complain(&problem.0));
    ExitCode::from(2)
}

/// One line on standard error: what was asked for did not happen.
fn complain(text: &str) {
    // Nobody is left to tell when standard error is closed.
    let _ = writeln!(std::io::stderr(), "error: {text}");
}
