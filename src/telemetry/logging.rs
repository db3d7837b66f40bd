//! Where logs go and how they look.

use std::io::IsTerminal as _;
use std::str::FromStr;

use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt};

/// `LOG_FORMAT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

impl LogFormat {
    /// Text for people at a terminal, JSON for whatever collects logs.
    pub fn fitting() -> Self {
        if std::io::stderr().is_terminal() { Self::Text } else { Self::Json }
    }
}

impl FromStr for LogFormat {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            _ if text.eq_ignore_ascii_case("text") => Ok(Self::Text),
            _ if text.eq_ignore_ascii_case("json") => Ok(Self::Json),
            _ => Err("must be text or json"),
        }
    }
}

/// `LOG_LEVEL`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogLevel(pub Level);

impl FromStr for LogLevel {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // What Python, Go and syslog call it.
        let text = if text.eq_ignore_ascii_case("warning") { "warn" } else { text };
        text.parse().map(Self).map_err(|_| "must be error, warn, info, debug or trace")
    }
}

/// Starts logging to standard error, in colors where that is a terminal and they may be. The first call counts.
pub fn init(level: LogLevel, format: LogFormat, may_color: bool) {
    // Libraries log credentials-adjacent detail at debug and below, and little of use above: theirs begin at warn.
    let ours =
        Targets::new().with_default(Level::WARN.min(level.0)).with_target(env!("CARGO_CRATE_NAME"), level.0);
    let writer = std::io::stderr;
    let layer = match format {
        LogFormat::Text => {
            fmt::layer().with_writer(writer).with_ansi(may_color && std::io::stderr().is_terminal()).boxed()
        }
        LogFormat::Json => fmt::layer().with_writer(writer).json().flatten_event(true).boxed(),
    };
    let _ = tracing_subscriber::registry().with(layer.with_filter(ours)).try_init();
}
