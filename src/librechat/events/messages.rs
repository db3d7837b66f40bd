//! New messages, failed answers and calls of tools.
//!
//! A message is saved unfinished and rewritten, so that what happens in it is counted piece by piece: each call of a
//! tool when it has ended, an error when it shows.

use super::labelled::{Counts, Observations};
use super::places::{Labels, Places};
use super::recall::Recall;
use super::{Sight, UNKNOWN};
use crate::exposition::family::{Description, Family};
use crate::exposition::samples::Samples;
use crate::librechat::recent::{DAY, MINUTE};
use crate::librechat::record::errors::USUAL;
use crate::librechat::record::{Invocation, Message, Moment, Outcome};
use crate::librechat::source::Identity;

static CREATED: Family<2> = Family::counter(
    "librechat_messages_created_total",
    ["endpoint", "side"],
    "New messages since the exporter started, those that a fork, a duplicate or an import copies too",
);
static COPIED: Family<0> = Family::counter(
    "librechat_copied_messages_total",
    [],
    "New messages since the exporter started that a fork, a duplicate or an import has copied: they keep their date, and \
     count in no other counter but librechat_messages_created_total",
);
static FAILED: Family<4> = Family::counter(
    "librechat_failed_answers_total",
    ["endpoint", "model", "agent", "error_type"],
    "Answers since the exporter started that failed or were refused, by LibreChat's type of error or what the provider \
     said; an agent's by its model and its name",
);
static ERRORS: Family<2> = Family::counter(
    "librechat_answer_errors_total",
    ["endpoint", "error_type"],
    "Messages since the exporter started that are errors or have one among their parts, by LibreChat's type of error",
);
static INVOCATIONS: Family<4> = Family::counter(
    "librechat_tool_invocations_total",
    ["tool", "server", "kind", "status"],
    "Calls of tools that ended since the exporter started; error is one that gave out an error text, failed one that \
     LibreChat says has failed",
);
static SECONDS: Family<1> = Family::histogram(
    "librechat_tool_invocation_seconds",
    ["tool"],
    "Time of the calls of tools since the exporter started, where LibreChat stores it",
);

pub const FAMILIES: &[Description] = &[
    CREATED.describe(),
    COPIED.describe(),
    ERRORS.describe(),
    FAILED.describe(),
    INVOCATIONS.describe(),
    SECONDS.describe(),
];

const BOUNDS: &[f64] = &[0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];

/// An unfinished message that is older than this stays so: its user has left or stopped it.
const LEFT: i64 = 60 * MINUTE;

#[derive(Debug)]
pub struct Messages {
    known: Recall<Known>,
    created: Counts<2>,
    copied: Counts<0>,
    errors: Counts<2>,
    failed: Counts<4>,
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
        let mut copied = Counts::new(&COPIED, max);
        copied.add([], 0.0);
        Self {
            known: Recall::new(Some(DAY)),
            created: Counts::new(&CREATED, max),
            copied,
            failed: Counts::new(&FAILED, max),
            errors: Counts::new(&ERRORS, max),
            invocations: Counts::new(&INVOCATIONS, max),
            seconds: Observations::new(&SECONDS, BOUNDS, max),
        }
    }

    /// Makes the series of an answer's labels begin at 0.
    pub fn begin(&mut self, labels: Labels<'_>) {
        let Labels { endpoint, model, agent } = labels;
        for side in ["user", "assistant"] {
            self.created.add([endpoint, side], 0.0);
        }
        for error_type in USUAL {
            self.errors.add([endpoint, error_type], 0.0);
            self.failed.add([endpoint, model, agent, error_type], 0.0);
        }
    }

    /// Counts what is new of a message, and tells; `None` when that cannot be told of one so old. Of a copy only that it
    /// is there is new.
    pub fn see(
        &mut self,
        identity: Identity,
        message: &Message<'_>,
        places: &Places,
        sight: Sight,
    ) -> Option<News> {
        let (known, is_new) = self.known.recall(identity, sight)?;
        let Labels { endpoint, model, agent } = places.of_message(message);
        let is_from_user = message.is_from_user == Some(true);
        if is_new {
            let side = if is_from_user { "user" } else { "assistant" };
            self.created.add([endpoint, side], sight.weight());
        }
        if message.is_copy {
            self.copied.add([], if is_new { sight.weight() } else { 0.0 });
            return Some(News { is_new, is_finished: false });
        }
        if message.has_failed() && !known.has_failed {
            known.has_failed = true;
            let error_type = message.error_type.unwrap_or(UNKNOWN);
            self.errors.add([endpoint, error_type], sight.weight());
            if !is_from_user {
                self.failed.add([endpoint, model, agent, error_type], sight.weight());
            }
        }
        let is_left = message.created.is_some_and(|created| created < sight.at.before(LEFT));
        let is_over = !message.unfinished || is_left;
        let calls = message.invocations.iter().skip(known.calls.into());
        for call in calls.take_while(|call| is_over || call.outcome.is_some()) {
            known.calls = known.calls.saturating_add(1);
            let Parts { tool, server, kind } = Parts::of(call);
            let api = if kind == ACTION { places.api(server) } else { server.to_owned() };
            for (status, weight) in [("ok", 0.0), ("error", 0.0), (status(call.outcome), sight.weight())] {
                self.invocations.add([tool, &api, kind, status], weight);
            }
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
        self.copied.export(samples);
        self.failed.export(samples);
        self.errors.export(samples);
        self.invocations.export(samples);
        self.seconds.export(samples);
    }
}

const fn status(outcome: Option<Outcome>) -> &'static str {
    match outcome {
        Some(Outcome::Completed) => "ok",
        Some(Outcome::Errored) => "error",
        Some(Outcome::Failed) => "failed",
        Some(Outcome::Cancelled) => "cancelled",
        None => UNKNOWN,
    }
}

const ACTION: &str = "action";

/// What the full name of a tool is put together from.
#[derive(Debug, PartialEq)]
struct Parts<'a> {
    tool: &'a str,
    /// The MCP server, or LibreChat's name of the API of an action; empty for the others.
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
            return Self { tool, server, kind: ACTION };
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
