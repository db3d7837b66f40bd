//! Calls of tools of MCP servers in the messages of the last 30 days, by the full name of the tool.

use super::{Fold, count, percent};
use crate::exposition::family::{Description, Family};
use crate::exposition::samples::Samples;
use crate::librechat::numbered::{ByNumber, Number};
use crate::librechat::record::Record;
use crate::librechat::scope::{Scope, Window};

static CALLS: Family<0> = Family::gauge(
    "librechat_mcp_tool_call_count_30d",
    [],
    "Number of calls of MCP tools in the last 30 days",
);
static USERS: Family<0> = Family::gauge(
    "librechat_mcp_unique_users_30d",
    [],
    "Number of users with calls of MCP tools in the last 30 days",
);
static UTILIZATION: Family<0> = Family::gauge(
    "librechat_mcp_utilization_percent_30d",
    [],
    "Percentage of the calls of tools in the last 30 days that are of MCP tools",
);
static BY_TOOL: Family<1> = Family::gauge(
    "librechat_mcp_tool_call_count_by_tool_30d",
    ["toolId"],
    "Number of calls of MCP tools in the last 30 days by tool",
);
static USERS_BY_TOOL: Family<1> = Family::gauge(
    "librechat_mcp_unique_users_by_tool_30d",
    ["toolId"],
    "Number of users with calls of an MCP tool in the last 30 days by tool",
)
.not_additive();
static BY_DOMAIN: Family<2> = Family::gauge(
    "librechat_mcp_tool_call_count_by_user_domain_30d",
    ["toolId", "email_domain"],
    "Number of calls of MCP tools in the last 30 days by tool and the user's email domain",
);

/// What stands between the names of a tool and its server.
const DELIMITER: &str = "_mcp_";

/// Has nothing of its own: the recent past tells it all.
#[derive(Clone, Debug, Default)]
pub struct Mcp;

impl Fold for Mcp {
    const FAMILIES: &'static [Description] = &[
        CALLS.describe(),
        USERS.describe(),
        UTILIZATION.describe(),
        BY_TOOL.describe(),
        USERS_BY_TOOL.describe(),
        BY_DOMAIN.describe(),
    ];

    fn absorb(&mut self, _record: &Record<'_>) {}

    fn merge(&mut self, _other: &Self) {}

    fn export(&self, scope: &Scope<'_>, samples: &mut Samples) {
        let mut all = 0;
        let is_mcp = scope.recent.of_names(|name| name.contains(DELIMITER));
        let mut calls: Vec<(Number, Option<Number>)> = Vec::new();
        for call in scope.recent.calls(scope.span(Window::Month)) {
            all += 1;
            if is_mcp.get(call.tool) == Some(&true) {
                calls.push((call.tool, call.user));
            }
        }
        samples.push(&CALLS, [], count(calls.len()));
        samples.push(&UTILIZATION, [], percent(count(calls.len()), count(all)));
        let mut users: ByNumber<bool> = ByNumber::default();
        calls.sort_unstable();
        for of_tool in calls.chunk_by(|(tool, _), (next, _)| tool == next) {
            let Some((tool, _)) = of_tool.first() else { continue };
            let tool = scope.recent.name(*tool);
            let mut distinct = 0;
            for of_user in of_tool.chunk_by(|(_, user), (_, next)| user == next) {
                if let Some((_, Some(user))) = of_user.first() {
                    distinct += 1;
                    users.update(*user, |is_user| *is_user = true);
                }
            }
            samples.push(&BY_TOOL, [tool], count(of_tool.len()));
            samples.push(&USERS_BY_TOOL, [tool], count(distinct));
            for (domain, number) in scope.by_domain(of_tool.iter().map(|(_, user)| *user)) {
                samples.push(&BY_DOMAIN, [tool, domain], count(number));
            }
        }
        samples.push(&USERS, [], count(users.iter().filter(|(_, is_user)| **is_user).count()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::librechat::fold::testing::lines;
    use crate::librechat::record::id::Id;
    use crate::librechat::record::{Invocation, Message, Moment};

    #[test]
    fn every_call_counts_and_a_user_once() {
        let tools = ["a_mcp_s", "a_mcp_s", "web_search", ""];
        let call = |tool: &&'static str| Invocation { tool: (*tool).into(), ..Invocation::default() };
        let invocations: Vec<_> = tools.iter().map(call).collect();
        let message = |user: Option<&str>| {
            let (user, created) = (user.map(Id::from), Some(Moment(0)));
            Record::Message(Message { user, created, invocations: invocations.clone(), ..Message::default() })
        };
        assert_eq!(
            lines::<Mcp>(&[message(Some("u")), message(None)], &[], 0),
            [
                "librechat_mcp_tool_call_count_30d 4",
                r#"librechat_mcp_tool_call_count_by_tool_30d{toolId="a_mcp_s"} 4"#,
                r#"librechat_mcp_tool_call_count_by_user_domain_30d{toolId="a_mcp_s",email_domain="unknown"} 4"#,
                "librechat_mcp_unique_users_30d 1",
                r#"librechat_mcp_unique_users_by_tool_30d{toolId="a_mcp_s"} 1"#,
                "librechat_mcp_utilization_percent_30d 50",
            ]
        );
    }
}
