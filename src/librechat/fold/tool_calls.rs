//! The `toolcalls` collection: tools that users started directly. Calls that models make are in messages.

use std::collections::BTreeMap;

use super::{Fold, Mean};
use crate::exposition::family::{Description, Family};
use crate::exposition::samples::Samples;
use crate::librechat::record::Record;
use crate::librechat::scope::{Names, UNKNOWN};

static COUNT: Family<1> = Family::gauge(
    "librechat_tool_call_count_by_tool",
    ["toolId"],
    "Number of directly invoked tool calls by tool",
);
static LATENCY: Family<1> = Family::gauge(
    "librechat_tool_call_avg_latency_seconds",
    ["toolId"],
    "Mean seconds from the creation of a directly invoked tool call to its last update, by tool",
);

#[derive(Clone, Debug, Default)]
pub struct ToolCalls(BTreeMap<String, Calls>);

#[derive(Clone, Copy, Debug, Default)]
struct Calls {
    count: f64,
    latency: Mean,
}

impl Fold for ToolCalls {
    const FAMILIES: &'static [Description] = &[COUNT.describe(), LATENCY.describe()];

    fn absorb(&mut self, record: &Record<'_>) {
        let Record::ToolCall(call) = record else { return };
        let tool = call.tool.as_deref().filter(|tool| !tool.is_empty()).unwrap_or(UNKNOWN);
        let calls = self.0.entry(tool.to_owned()).or_default();
        calls.count += 1.0;
        if let (Some(created), Some(updated)) = (call.created, call.updated) {
            calls.latency.add(updated.seconds_since(created));
        }
    }

    fn merge(&mut self, other: &Self) {
        for (tool, calls) in &other.0 {
            let known = self.0.entry(tool.clone()).or_default();
            known.count += calls.count;
            known.latency.merge(calls.latency);
        }
    }

    fn export_totals(&self, _names: &Names<'_>, samples: &mut Samples) {
        for (tool, calls) in &self.0 {
            samples.push(&COUNT, [tool], calls.count);
            samples.push_mean(&LATENCY, [tool], calls.latency.sum, calls.latency.count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::librechat::fold::testing::lines;
    use crate::librechat::record::{Moment, ToolCall};

    #[test]
    fn a_call_without_both_dates_has_no_latency() {
        let call = |tool: Option<&'static str>, updated: Option<i64>| {
            let updated = updated.map(Moment);
            Record::ToolCall(ToolCall { tool: tool.map(Into::into), created: Some(Moment(0)), updated })
        };
        let records = [
            call(Some("dalle"), Some(500)),
            call(Some("dalle"), Some(1_500)),
            call(Some("dalle"), None),
            call(None, None),
        ];
        assert_eq!(
            lines::<ToolCalls>(&records, &[], 0),
            [
                r#"librechat_tool_call_avg_latency_seconds{toolId="dalle"} 1"#,
                r#"librechat_tool_call_count_by_tool{toolId="dalle"} 3"#,
                r#"librechat_tool_call_count_by_tool{toolId="unknown"} 1"#,
            ]
        );
    }
}
