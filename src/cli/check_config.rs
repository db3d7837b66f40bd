//! `check-config`: what the settings come to, without secrets.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;

use super::{bad_configuration, complain};
use crate::config::{Config, Needs, VARIABLES};
use crate::vars::Vars;

pub(super) fn check_config(mut vars: Vars) -> ExitCode {
    let settings = effective(&vars);
    let config = match Config::read(&mut vars, Needs::Mongo) {
        Ok(config) => config,
        Err(problems) => return bad_configuration(&problems),
    };
    for note in &config.notes {
        // Standard output has the settings alone.
        let _ = writeln!(std::io::stderr(), "note: {note}");
    }
    for warning in &config.warnings {
        complain_softly(warning);
    }
    let text = format!("{settings}\n{}", summary(&config));
    if std::io::stdout().write_all(text.as_bytes()).is_err() {
        complain("the settings cannot be written");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Every variable as it is in force.
fn effective(vars: &Vars) -> String {
    let mut text = String::new();
    for variable in VARIABLES.iter().copied().flatten() {
        let name = variable.name();
        // Writing to a String cannot fail.
        let _ = match (vars.shown(variable), variable.default) {
            (Some(value), _) => writeln!(text, "{name}={value}"),
            (None, Some(default)) => writeln!(text, "{name}={default} (default)"),
            (None, None) => writeln!(text, "{name} is not set"),
        };
    }
    text
}

fn summary(config: &Config) -> String {
    let mut text = String::new();
    if let Some(mongo) = &config.mongo {
        let (database, hosts) = (mongo.settings.database_name(), mongo.uri.value.hosts());
        let _ = writeln!(text, "reads the database {database} at {hosts}");
    }
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    match &config.listen.metrics {
        None => {
            let _ = writeln!(text, "serves everything on {scheme} {}", config.listen.public);
        }
        Some(metrics) => {
            let _ = writeln!(
                text,
                "serves /metrics on {scheme} {metrics}, everything else on {}",
                config.listen.public
            );
        }
    }
    let methods = config.guard.methods();
    if methods.is_empty() {
        let _ = writeln!(text, "/metrics is open: whoever can reach it may read it");
    } else {
        let _ = writeln!(text, "/metrics asks, in this order: {}", methods.join(", "));
    }
    text
}

fn complain_softly(text: &str) {
    let _ = writeln!(std::io::stderr(), "warning: {text}");
}
