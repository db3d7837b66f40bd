//! `backfill`: its options, and what they come to.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use anyhow::Context as _;
use clap::Args;
use tracing::warn;

use super::{bad_configuration, block_on, instant};
use crate::app;
use crate::app::backfill::Order;
use crate::config::Config;
use crate::exposition::history::labels::ExtraLabels;
use crate::exposition::{cap, limit};
use crate::librechat::backfill::instants::Instants;
use crate::librechat::demo::Demo;
use crate::librechat::events::Events;
use crate::librechat::fold::Folds;
use crate::telemetry::clock;
use crate::vars::Problem;
use crate::vars::values::UnitSpan;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The first instant, as RFC 3339 has it (2025-01-01T12:00:00Z), or a date, which is its first instant in UTC.
    #[arg(long, value_name = "RFC3339", value_parser = instant)]
    from: SystemTime,
    /// The last instant at most; now when it is absent. Where an exporter serves already: when it began to.
    #[arg(long, value_name = "RFC3339", value_parser = instant)]
    to: Option<SystemTime>,
    /// How far the instants are apart: 1h, 1d. At most 11,000 instants.
    #[arg(long, value_name = "DURATION")]
    step: UnitSpan,
    /// A label that every series gets, as name=value, once or several times. To join what Prometheus scrapes, give the job and
    /// the instance that it has there.
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = label)]
    labels: Vec<(String, String)>,
    /// The file to write, in place of the one that is there; standard output when it is absent.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Read the embedded synthetic LibreChat in place of a database.
    #[arg(long)]
    demo: bool,
    /// What the synthetic LibreChat is made from.
    #[arg(long, default_value_t = 1, requires = "demo")]
    seed: u64,
}

impl Arguments {
    pub(super) const fn is_of_demo(&self) -> bool {
        self.demo
    }

    fn order(&self) -> Result<Order, Problem> {
        let instants = Instants::new(self.from, self.to, self.step.0, clock::now()).map_err(Problem)?;
        let own = [cap::DROPPED.describe(), limit::DROPPED.describe()];
        let families = Folds::families().chain(Events::families()).chain(own);
        let taken = families.flat_map(|family| family.labels.iter().copied());
        let labels = ExtraLabels::new(&self.labels, taken);
        let labels = labels.map_err(|problem| Problem(format!("--label {problem}")))?;
        Ok(Order { instants, labels, output: self.output.clone() })
    }
}

fn label(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    pair.ok_or_else(|| "not a name and a value like job=librechat".into())
}

/// Writes what is asked for.
pub(super) fn backfill(mut config: Config, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let order = match arguments.order() {
        Ok(order) => order,
        Err(problem) => return Ok(bad_configuration(&[problem])),
    };
    if !order.labels.has("job") {
        warn!("no --label job=…: the series will not be of the job that dashboards and alerts ask for");
    }
    let options = config.options.clone();
    if arguments.demo {
        let demo = Demo::new(arguments.seed, clock::now);
        block_on(app::backfill::backfill(&demo, options, order))?;
    } else {
        let (mongo, _) = app::mongo(&mut config).context("MONGO_URI is missing")?;
        block_on(app::backfill::backfill(&*mongo, options, order))?;
    }
    Ok(ExitCode::SUCCESS)
}
