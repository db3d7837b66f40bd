//! How much the web is searched: calls of the tool `web_search` in messages, those of copies left out.

use super::{Fold, count};
use crate::exposition::family::{Description, Family};
use crate::exposition::samples::Samples;
use crate::librechat::numbered::ByNumber;
use crate::librechat::record::Record;
use crate::librechat::scope::{Names, Scope, Window};

static CALLS: Family<0> = Family::gauge("librechat_web_search_call_count", [], "Number of web searches");
static RECENT: Family<0> =
    Family::gauge("librechat_web_search_call_count_30d", [], "Number of web searches in the last 30 days");
static USERS: Family<0> = Family::gauge(
    "librechat_web_search_unique_users_30d",
    [],
    "Number of users who searched the web in the last 30 days",
);

const TOOL: &str = "web_search";

#[derive(Clone, Copy, Debug, Default)]
pub struct WebSearch {
    calls: usize,
}

impl Fold for WebSearch {
    const FAMILIES: &'static [Description] = &[CALLS.describe(), RECENT.describe(), USERS.describe()];

    fn absorb(&mut self, record: &Record<'_>) {
        if let Record::Message(message) = record
            && !message.is_copy
        {
            self.calls += message.invocations.iter().filter(|call| call.tool == TOOL).count();
        }
    }

    fn merge(&mut self, other: &Self) {
        self.calls += other.calls;
    }

    fn export_totals(&self, _names: &Names<'_>, samples: &mut Samples) {
        samples.push(&CALLS, [], count(self.calls));
    }

    fn export(&self, scope: &Scope<'_>, samples: &mut Samples) {
        let is_search = scope.recent.of_names(|name| name == TOOL);
        let (mut calls, mut users) = (0, ByNumber::<bool>::default());
        for call in scope.recent.calls(scope.span(Window::Month)) {
            if is_search.get(call.tool) == Some(&true) {
                calls += 1;
                call.user
                    .into_iter()
                    .for_each(|user| users.update(user, |has_searched| *has_searched = true));
            }
        }
        samples.push(&RECENT, [], count(calls));
        samples.push(&USERS, [], count(users.iter().filter(|(_, has_searched)| **has_searched).count()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::librechat::fold::testing::lines;
    use crate::librechat::recent::LONGEST;
    use crate::librechat::record::id::Id;
    use crate::librechat::record::{Invocation, Message, Moment};

    #[test]
    fn searches_count_with_their_users_and_copies_do_not() {
        let message = |user: &str, created: i64, is_copy: bool| {
            let call = |tool: &'static str| Invocation { tool: tool.into(), ..Invocation::default() };
            Record::Message(Message {
                user: Some(Id::from(user)),
                created: Some(Moment(created)),
                is_copy,
                invocations: vec![call(TOOL), call("web_search_mcp_x"), call(TOOL)],
                ..Message::default()
            })
        };
        let records = [message("u", 0, false), message("v", -LONGEST - 1, false), message("w", 0, true)];
        assert_eq!(
            lines::<WebSearch>(&records, &[], 0),
            [
                "librechat_web_search_call_count 4",
                "librechat_web_search_call_count_30d 2",
                "librechat_web_search_unique_users_30d 1",
            ]
        );
    }
}
