//! `check-config`: what the settings come to, without secrets.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;

use super::{bad_configuration, complain};
use crate::config::{Config, Needs, VARIABLES};
use crate::vars::values::{Span, UnitSpan};
use crate::vars::{Variable, Vars};

/// Prints what differs from the defaults, or `all` variables, and what they come to.
pub(super) fn check_config(mut vars: Vars, all: bool, connect: bool) -> anyhow::Result<ExitCode> {
    let settings = settings(&vars, all);
    let mut config = match Config::read(&mut vars, Needs::Mongo) {
        Ok(config) => config,
        Err(problems) => return Ok(bad_configuration(&problems)),
    };
    for warning in &config.warnings {
        complain_softly(warning);
    }
    let text = format!("{settings}\n{}", summary(&config));
    if std::io::stdout().write_all(text.as_bytes()).is_err() {
        complain("the settings cannot be written");
        return Ok(ExitCode::FAILURE);
    }
    if connect { super::connect::connect(&mut config) } else { Ok(ExitCode::SUCCESS) }
}

fn settings(vars: &Vars, all: bool) -> String {
    let mut text = String::new();
    let mut left_out = 0;
    for variable in VARIABLES.iter().copied().flatten() {
        let name = variable.name();
        // Writing to a String cannot fail.
        let _ = match (vars.shown(variable), variable.default) {
            (Some(value), default) if all || Some(value.as_str()) != default => {
                let place = vars.found_in(&name);
                writeln!(text, "{name}={} ({place})", with_unit(variable, &value))
            }
            (None, Some(default)) if all => {
                writeln!(text, "{name}={} (default)", with_unit(variable, default))
            }
            (None, None) if all => writeln!(text, "{name} is not set"),
            _ => {
                left_out += 1;
                Ok(())
            }
        };
    }
    if left_out > 0 {
        let _ = writeln!(text, "{left_out} variables have their defaults; --all shows them too");
    }
    text
}

/// A duration as it is understood: what a bare number means is in no table of the reader's.
fn with_unit(variable: &Variable, value: &str) -> String {
    let span = match variable.kind {
        "Span" => value.parse::<Span>().ok(),
        "UnitSpan" => value.parse::<UnitSpan>().ok().map(|span| Span(span.0)),
        _ => None,
    };
    span.map_or_else(|| value.to_owned(), |span| span.to_string())
}

fn summary(config: &Config) -> String {
    let mut text = String::new();
    for note in &config.notes {
        let _ = writeln!(text, "{note}");
    }
    if let Some(mongo) = &config.mongo {
        let (database, hosts) = (mongo.settings.database_name(), mongo.uri.value.hosts());
        let _ = writeln!(text, "reads the database {database} at {hosts}");
    }
    let path = &config.listen.metrics_path;
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    match &config.listen.metrics {
        None => {
            let _ = writeln!(text, "serves everything on {scheme} {}", config.listen.public.explained());
        }
        Some(metrics) => {
            let _ = writeln!(
                text,
                "serves {path} on {scheme} {}, everything else on {}",
                metrics.explained(),
                config.listen.public.explained()
            );
        }
    }
    let methods = config.guard.methods();
    let address = config.listen.metrics.as_ref().unwrap_or(&config.listen.public);
    if methods.is_empty() && address.is_local() {
        let _ = writeln!(text, "{path} is open: whoever is on this machine may read it");
    } else if methods.is_empty() {
        let _ = writeln!(text, "{path} is open: whoever can reach {address} may read it");
    } else {
        let _ = writeln!(text, "{path} asks, in this order: {}", methods.join(", "));
    }
    text + &forward(config)
}

fn forward(config: &Config) -> String {
    let Some(forward) = &config.guard.forward else { return String::new() };
    let proxies = &config.listen.trust;
    match &forward.rules {
        None => format!("/auth decides for {proxies}: everything that they ask about asks the same\n"),
        Some(file) => {
            format!("/auth decides for {proxies} by the first of these rules that fits:\n{}", file.rules)
        }
    }
}

fn complain_softly(text: &str) {
    let _ = writeln!(std::io::stderr(), "warning: {text}");
}
