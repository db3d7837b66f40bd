//! `report`: usage of a period, for charge-back and for people without Prometheus.

use std::process::ExitCode;
use std::str::FromStr;

use anyhow::Context as _;
use clap::Args;

use super::{bad_configuration, block_on, print};
use crate::app;
use crate::config::Config;
use crate::librechat::calendar::Calendar;
use crate::librechat::collector::moment;
use crate::librechat::demo::Demo;
use crate::librechat::recent::Span;
use crate::librechat::report::dimension::{By, Dimension};
use crate::librechat::report::html::html;
use crate::librechat::report::layout::{Currency, Sheet};
use crate::librechat::report::{Query, report, text};
use crate::librechat::scope::Options;
use crate::telemetry::clock;
use crate::vars::Problem;

#[derive(Debug, Args)]
pub struct ReportOptions {
    /// The first instant: a date, which begins in TIMEZONE, or an instant as RFC 3339 has it; the beginning of this month
    /// when it is absent.
    #[arg(long, value_name = "DATE")]
    from: Option<String>,
    /// The end, which is not part of the report: a date or an instant; now when it is absent.
    #[arg(long, value_name = "DATE")]
    to: Option<String>,
    /// One or two of user, group, domain, model, agent and day; a single row when it is absent. Who is in several groups
    /// counts in each. By model or agent, messages are answers; else they are questions.
    #[arg(long, value_name = "DIMENSION", value_delimiter = ',')]
    by: Vec<Dimension>,
    /// How it is written: table, csv, json, markdown or html.
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: ReportFormat,
    /// Another currency, shown in a column of its own; needs --rate.
    #[arg(long, value_name = "CODE", requires = "rate")]
    currency: Option<String>,
    /// What one US dollar costs in it.
    #[arg(long, value_name = "NUMBER", requires = "currency", value_parser = rate)]
    rate: Option<f64>,
    /// Report on the synthetic LibreChat of `demo` instead of a database.
    #[arg(long)]
    pub demo: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ReportFormat {
    Table,
    Csv,
    Json,
    Markdown,
    Html,
}

impl FromStr for ReportFormat {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "table" => Ok(Self::Table),
            "csv" => Ok(Self::Csv),
            "json" => Ok(Self::Json),
            "markdown" => Ok(Self::Markdown),
            "html" => Ok(Self::Html),
            _ => Err("must be table, csv, json, markdown or html"),
        }
    }
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse::<f64>().ok().filter(|rate| rate.is_finite() && *rate > 0.0);
    rate.ok_or_else(|| "must be a number above 0, such as 0.92".to_owned())
}

impl ReportOptions {
    /// # Errors
    /// The option that makes no sense, and why.
    fn query(&self, calendar: &Calendar) -> Result<Query, Problem> {
        let now = moment(clock::now());
        let instant = |option: &str, text: &Option<String>| match text {
            None => Ok(None),
            Some(text) => {
                calendar.instant(text).map(Some).map_err(|error| Problem(format!("{option}: {error}")))
            }
        };
        let from = instant("--from", &self.from)?.unwrap_or_else(|| calendar.month_start(now));
        let to = instant("--to", &self.to)?.unwrap_or(now);
        if to <= from {
            let (to, from) = (calendar.written(to), calendar.written(from));
            return Err(Problem(format!("--to must be later than --from: {to} is not after {from}")));
        }
        let by = By::new(self.by.clone()).map_err(|error| Problem(format!("--by: {error}")))?;
        Ok(Query { span: Span { from, until: to.before(1) }, by })
    }

    fn currency(&self) -> Option<Currency> {
        let (code, rate) = (self.currency.clone()?, self.rate?);
        Some(Currency { code, rate })
    }
}

/// Reads, and prints only what is whole.
pub fn run(options: &ReportOptions, mut config: Config) -> anyhow::Result<ExitCode> {
    // Who asks has the database anyway: users are shown as the settings say, whether or not /metrics shows any.
    let labels = Options { per_user: Some(config.user_label), ..config.options.clone() };
    let query = match options.query(&labels.calendar) {
        Ok(query) => query,
        Err(problem) => return Ok(bad_configuration(&[problem])),
    };
    let found = if options.demo {
        block_on(async { Ok(report(&Demo::new(1, clock::now), &labels, query).await?) })?
    } else {
        let (mongo, _) = app::mongo(&mut config).context("MONGO_URI is missing")?;
        block_on(async { Ok(report(&*mongo, &labels, query).await?) })?
    };
    let currency = options.currency();
    let sheet = Sheet { report: &found, currency: currency.as_ref() };
    print(&match options.format {
        ReportFormat::Table => text::table(&sheet),
        ReportFormat::Csv => text::csv(&sheet),
        ReportFormat::Json => text::json(&sheet)?,
        ReportFormat::Markdown => text::markdown(&sheet),
        ReportFormat::Html => html(&sheet),
    })
}
