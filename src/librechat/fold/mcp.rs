//! Calls of tools of MCP servers in the messages of the last 30 days, by the full name of the tool.

use std::collections::{BTreeMap, BTreeSet};

use super::{Fold, count, percent};
use crate::exposition::family::{Description, Family};
use crate::exposition::samples::Samples;
use crate::librechat::numbered::Number;
use crate::librechat::record::Record;
use crate::librechat::scope::{Scope, UNKNOWN, Window};

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
        let mut calls: BTreeMap<Number, BTreeMap<Option<Number>, usize>> = BTreeMap::new();
        for call in scope.recent.calls(scope.start(Window::Month)) {
            all += 1;
            if is_mcp.get(call.tool) == Some(&true) {
                *calls.entry(call.tool).or_default().entry(call.user).or_default() += 1;
            }
        }
        let mcp: usize = calls.values().flat_map(BTreeMap::values).sum();
        samples.push(&CALLS, [], count(mcp));
        samples.push(&UTILIZATION, [], percent(count(mcp), count(all)));
        let distinct: BTreeSet<_> = calls.values().flat_map(BTreeMap::keys).flatten().collect();
        samples.push(&USERS, [], count(distinct.len()));
        let domains = scope.recent.of_users(|user| scope.domain(Some(user)));
        for (tool, users) in &calls {
            let tool = scope.recent.name(*tool);
            samples.push(&BY_TOOL, [tool], count(users.values().sum()));
            samples.push(&USERS_BY_TOOL, [tool], count(users.keys().flatten().count()));
            for (user, number) in users {
                let domain = user.and_then(|user| domains.get(user)).copied().unwrap_or(UNKNOWN);
                samples.push(&BY_DOMAIN, [tool, domain], count(*number));
            }
        }
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
