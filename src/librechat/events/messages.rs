//! New messages, failed answers and calls of tools.
//!
//! A message is saved unfinished and rewritten, so that what happens in it is counted piece by piece: each call of a
//! tool when it has ended, an error when it shows.

use super::labelled::{Counts, Observations};
use super::recall::Recall;
use super::{Sight, UNKNOWN};
use crate::exposition::family::{Description, Family};
use crate::exposition::samples::Samples;
use crate::librechat::recent::{DAY, MINUTE};
use crate::librechat::record::{Invocation, Message, Moment, Outcome};
use crate::librechat::source::Identity;

static CREATED: Family<2> = Family::counter(
    "librechat_messages_created_total",
    ["endpoint", "side"],
    "New messages since the exporter started, imported ones too",
);
static ERRORS: Family<2> = Family::counter(
    "librechat_answer_errors_total",
    ["endpoint", "error_type"],
    "Messages since the exporter started that are errors or have one among their parts, by LibreChat's type of error",
);
static INVOCATIONS: Family<4> = Family::counter(
    "librechat_tool_invocations_total",
    ["tool", "server", "kind", "status"],
    "Calls of tools that ended since the exporter started",
);
static SECONDS: Family<1> = Family::histogram(
    "librechat_tool_invocation_seconds",
    ["tool"],
    "Time of the calls of tools since the exporter started, where LibreChat stores it",
);

pub const FAMILIES: &[Description] =
    &[CREATED.describe(), ERRORS.describe(), INVOCATIONS.describe(), SECONDS.describe()];

const BOUNDS: &[f64] = &[0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];

/// An unfinished message that is older than this stays so: its user has left or stopped it.
const LEFT: i64 = 60 * MINUTE;

#[derive(Debug)]
pub struct Messages {
    known: Recall<Known>,
    created: Counts<2>,
    errors: Counts<2>,
    invocations: Counts<4>,
    seconds: Observations<1>,
}

/// What of a message was counted.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    calls: u16,
    has_failed: bool,
    is_finished: bool,
}

/// What is new of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct News {
    pub is_new: bool,
    /// Whether it was not finished before, and is now.
    pub is_finished: bool,
}

impl Messages {
    pub fn new(max: usize) -> Self {
        Self {
            known: Recall::new(Some(DAY)),
            created: Counts::new(&CREATED, max),
            errors: Counts::new(&ERRORS, max),
            invocations: Counts::new(&INVOCATIONS, max),
            seconds: Observations::new(&SECONDS, BOUNDS, max),
        }
    }

    /// Counts what is new of a message, and tells; `None` when that cannot be told of one so old.
    pub fn see(&mut self, identity: Identity, message: &Message<'_>, sight: Sight) -> Option<News> {
        let (known, is_new) = self.known.recall(identity, sight)?;
        let endpoint = message.endpoint.as_deref().unwrap_or(UNKNOWN);
        if is_new {
            let side = if message.is_from_user == Some(true) { "user" } else { "assistant" };
            self.created.add([endpoint, side], sight.weight());
        }
        if (message.error || message.has_error_part) && !known.has_failed {
            known.has_failed = true;
            let error_type = message.error_type.as_deref().unwrap_or(UNKNOWN);
            self.errors.add([endpoint, error_type], sight.weight());
        }
        let is_left = message.created.is_some_and(|created| created < sight.at.before(LEFT));
        let is_over = !message.unfinished || is_left;
        let calls = message.invocations.iter().skip(known.calls.into());
        for call in calls.take_while(|call| is_over || call.outcome.is_some()) {
            known.calls = known.calls.saturating_add(1);
            let Parts { tool, server, kind } = Parts::of(call);
            self.invocations.add([tool, server, kind, status(call.outcome)], sight.weight());
            if let Some(seconds) = call.seconds {
                self.seconds.observe([tool], seconds, sight.is_history);
            }
        }
        let is_finished = !message.unfinished && !known.is_finished;
        known.is_finished |= is_finished;
        Some(News { is_new, is_finished })
    }

    pub fn forget(&mut self, at: Moment) {
        self.known.forget(at);
    }

    pub fn export(&self, samples: &mut Samples) {
        self.created.export(samples);
        self.errors.export(samples);
        self.invocations.export(samples);
        self.seconds.export(samples);
    }
}

const fn status(outcome: Option<Outcome>) -> &'static str {
    match outcome {
        Some(Outcome::Completed) => "ok",
        Some(Outcome::Failed) => "failed",
        Some(Outcome::Cancelled) => "cancelled",
        None => UNKNOWN,
    }
}

/// What the full name of a tool is put together from.
#[derive(Debug, PartialEq)]
struct Parts<'a> {
    tool: &'a str,
    /// The MCP server, or the domain of an action; empty for the others.
    server: &'a str,
    kind: &'static str,
}

impl<'a> Parts<'a> {
    fn of(call: &'a Invocation<'_>) -> Self {
        const HANDOFF: &str = "lc_transfer_to";
        let name = &*call.tool;
        // The name of the server is the last part: that of a tool may have the delimiter in it.
        if let Some((tool, server)) = name.rsplit_once("_mcp_") {
            return Self { tool, server: call.server.as_deref().unwrap_or(server), kind: "mcp" };
        }
        if let Some(server) = call.server.as_deref() {
            return Self { tool: name, server, kind: "mcp" };
        }
        if let Some((tool, server)) = name.rsplit_once("_action_") {
            return Self { tool, server, kind: "action" };
        }
        if name.starts_with(HANDOFF) {
            // The agent's id follows: a label for each would say little.
            return Self { tool: HANDOFF, server: "", kind: "handoff" };
        }
        Self { tool: if name.is_empty() { UNKNOWN } else { name }, server: "", kind: "builtin" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tools_name_tells_its_kind_and_server() {
        let cases = [
            ("search_mcp_wiki", None, ("search", "wiki", "mcp")),
            ("a_mcp_b_mcp_wiki", None, ("a_mcp_b", "wiki", "mcp")),
            ("search_mcp_wiki_2", Some("Wiki 2"), ("search", "Wiki 2", "mcp")),
            ("search", Some("Wiki"), ("search", "Wiki", "mcp")),
            ("getWeather_action_api---example---com", None, ("getWeather", "api---example---com", "action")),
            ("lc_transfer_to_agent_abc", None, ("lc_transfer_to", "", "handoff")),
            ("web_search", None, ("web_search", "", "builtin")),
            ("", None, ("unknown", "", "builtin")),
        ];
        for (name, server, (tool, of, kind)) in cases {
            let call =
                Invocation { tool: name.into(), server: server.map(Into::into), ..Invocation::default() };
            assert_eq!(Parts::of(&call), Parts { tool, server: of, kind }, "{name}");
        }
    }
}
