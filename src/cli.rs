//! The command line: `serve`, `demo`, `once`, `backfill`, `report`, `check-config`, `settings`, `healthcheck`, one
//! function each.

pub mod backfill;
pub mod check_config;
mod connect;
pub mod healthcheck;
pub mod help;
mod report;

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use time::format_description::well_known::{Iso8601, Rfc3339};
use time::{Date, OffsetDateTime};
use tracing::{info, warn};

use crate::app::{self, Ended};
use crate::config::{Config, Needs, VARIABLES};
use crate::librechat::demo::Demo;
use crate::telemetry::{clock, logging};
use crate::vars::environment::Environment;
use crate::vars::{self, Problem, Vars};

/// LibreChat's usage, cost, quality and health as Prometheus metrics, behind a guarded /metrics.
///
/// Settings come from environment variables; a .env file in the working folder is read too.
#[derive(Debug, Parser)]
#[command(
    name = "librechat-exporter",
    version = VERSION_AND_COMMIT,
    about,
    long_about,
    after_long_help = help::ending(
        &["MONGO_URI", "HOST", "PORT", "METRICS_BEARER_TOKEN", "METRICS_ALLOWED_IPS"],
        "MONGO_URI=mongodb://localhost:27017/LibreChat librechat-exporter",
    )
)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the metrics of the LibreChat at MONGO_URI (the default).
    #[command(after_long_help = help::ending(
        &[
            "MONGO_URI", "HOST", "PORT", "METRICS_PORT", "METRICS_BEARER_TOKEN", "METRICS_BEARER_TOKEN_FILE",
            "METRICS_OAUTH2_ISSUER", "METRICS_ALLOWED_IPS", "TLS_CERT_FILE", "REFRESH_INTERVAL", "LOG_LEVEL",
        ],
        "MONGO_URI=mongodb://localhost:27017/LibreChat METRICS_BEARER_TOKEN_FILE=token librechat-exporter serve",
    ))]
    Serve {
        #[command(flatten)]
        web: WebOptions,
    },
    /// Serve the metrics of an embedded synthetic LibreChat that keeps living; needs no MongoDB.
    #[command(after_long_help = help::ending(
        &["HOST", "PORT", "METRICS_BEARER_TOKEN", "EMIT_PER_USER_METRICS", "LOG_LEVEL"],
        "HOST=127.0.0.1 librechat-exporter demo, then curl http://127.0.0.1:9087/metrics",
    ))]
    Demo {
        /// What the synthetic LibreChat is made from: the same seed gives the same one.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        #[command(flatten)]
        web: WebOptions,
    },
    /// Read the database once, print the metrics and exit.
    #[command(after_long_help = help::ending(
        &["MONGO_URI", "MONGO_DATABASE", "TENANT_ID", "EMIT_PER_USER_METRICS", "METRICS_MAX_LABEL_VALUES"],
        "MONGO_URI=mongodb://localhost:27017/LibreChat librechat-exporter once --at 2026-01-31 > librechat.prom",
    ))]
    Once {
        /// The instant that all windows end at, as RFC 3339 has it (2026-01-31T12:00:00Z), or a date, which is its first
        /// instant in UTC; now when it is absent.
        #[arg(long, value_name = "RFC3339", value_parser = instant)]
        at: Option<SystemTime>,
    },
    /// Write what the metrics were at instants of the past, for Prometheus: as OpenMetrics with timestamps.
    ///
    /// What a metric was at an instant is computed from the documents that exist now and were created by then. What
    /// cannot be known of the past is left out. `promtool tsdb create-blocks-from openmetrics` makes blocks of the output.
    #[command(after_long_help = help::ending(
        &["MONGO_URI", "MONGO_DATABASE", "TENANT_ID", "EMIT_PER_USER_METRICS", "METRICS_MAX_LABEL_VALUES"],
        "MONGO_URI=mongodb://localhost:27017/LibreChat librechat-exporter backfill --from 2025-01-01 --step 1h \\\n    \
         --label job=librechat --label instance=librechat:9087 --output librechat.om\n  \
         promtool tsdb create-blocks-from openmetrics --max-block-duration=504h librechat.om data",
    ))]
    Backfill(backfill::Arguments),
    /// Print usage and cost of a period, by user, group, domain, model, agent or day, and exit.
    #[command(after_long_help = help::ending(
        &["MONGO_URI", "MONGO_DATABASE", "TENANT_ID", "TIMEZONE", "USER_LABEL", "ANONYMIZE_EMAIL_LABEL"],
        "librechat-exporter report --from 2026-10-01 --to 2026-11-01 --by group,model --format csv > october.csv",
    ))]
    Report(report::ReportOptions),
    /// Check the settings, print those that are not the default, and say what is read, served and asked of callers.
    #[command(after_long_help = help::ending(
        &["MONGO_URI", "METRICS_AUTH_REQUIRED", "DISABLE_AUTH"],
        "METRICS_AUTH_REQUIRED=true librechat-exporter check-config",
    ))]
    CheckConfig {
        /// Print every variable, those with their defaults too.
        #[arg(long)]
        all: bool,
        /// Also connect to MongoDB, and say what it can do and what it refuses.
        #[arg(long)]
        connect: bool,
    },
    /// Print every variable with its default and what it means.
    Settings,
    /// Ask the local /health; exits with 0 when it answers 200, else with 1.
    #[command(after_long_help = help::ending(
        &["HOST", "PORT", "TLS_CERT_FILE", "TLS_HEALTH"],
        "librechat-exporter healthcheck --url http://127.0.0.1:9087/readyz",
    ))]
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
    let instant = OffsetDateTime::parse(text, &Rfc3339).ok();
    let day = || Date::parse(text, &Iso8601::DATE).ok().map(|date| date.midnight().assume_utc());
    let instant = instant.or_else(day).map(SystemTime::from);
    instant.ok_or_else(|| "not an instant like 2026-01-31T12:00:00Z, nor a date like 2026-01-31".into())
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let command = Cli::parse().command.unwrap_or(Command::Serve { web: WebOptions::default() });
    if matches!(command, Command::Settings) {
        // Asked for when something is wrong with them: none is looked at.
        return run(|| print(&help::settings()));
    }
    let vars = match Environment::read(Path::new(".")) {
        Ok(found) => Vars::gather(found, VARIABLES),
        Err(problem) => return bad_configuration(&[problem]),
    };
    let needs = match &command {
        Command::Demo { .. } => Needs::Nothing,
        Command::Report(options) if options.demo => Needs::Nothing,
        Command::Backfill(arguments) if arguments.is_of_demo() => Needs::Nothing,
        _ => Needs::Mongo,
    };
    match command {
        Command::Healthcheck { url } => run(|| healthcheck::healthcheck(vars, url.as_deref())),
        Command::CheckConfig { all, connect } => run(|| check_config::check_config(vars, all, connect)),
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
    let format = config.log_format.unwrap_or_else(logging::LogFormat::fitting);
    logging::init(config.log_level, format, vars::environment::wants_colors());
    if !matches!(command, Command::Once { .. } | Command::Backfill(_) | Command::Report(_)) {
        info!("librechat-exporter {VERSION_AND_COMMIT}");
    }
    for note in &config.notes {
        info!("{note}");
    }
    for warning in &config.warnings {
        warn!("{warning}");
    }
    let ended = match command {
        Command::Once { at } => return once(config, *at),
        Command::Backfill(arguments) => return backfill::backfill(config, arguments),
        Command::Report(options) => return report::run(options, config),
        Command::Demo { seed, .. } => {
            let demo = Arc::new(Demo::new(*seed, clock::now));
            block_on(app::serve(config, demo, Arc::new(app::login::Nobody), Vec::new()))?
        }
        _ => {
            if let Some(mongo) = &config.mongo {
                let (database, hosts) = (mongo.settings.database_name(), mongo.uri.value.hosts());
                info!("reading the database {database} at {hosts}");
            }
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
    print(&text)
}

fn print(text: &str) -> anyhow::Result<ExitCode> {
    std::io::stdout().write_all(text.as_bytes()).context("standard output cannot be written")?;
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
