"""Quality and tools: are answers good, quick and whole, and do the tools work?"""

from panels import GOOD_WHEN_LOW, bars, dashboard, fact, heatmap, row, series, stat, table
from variables import AGENT, DOMAIN, ENDPOINT, JOB, MODEL, STARTED, TENANT

ANSWERS = "librechat_answer_seconds_bucket"
TOOLS = "librechat_tool_invocations_total"
RATED = "librechat_feedback_count_by_domain_30d"
GOOD_WHEN_HIGH = [(None, "red"), (0, "yellow"), (2, "green")]
PERCENTILES = ((0.5, "half within"), (0.9, "90 % within"), (0.99, "99 % within"))


def within(bucket, matchers):
    return [(f"histogram_quantile({quantile}, sum by (le) (rate({bucket}{{@ {matchers}}}[$__rate_interval])))", name)
            for quantile, name in PERCENTILES]


DASHBOARD = dashboard(
    "librechat-quality",
    "LibreChat / Quality and tools",
    "Ratings, errors, time to answer, MCP servers and other tools.",
    variables=[JOB, TENANT, MODEL, ENDPOINT, AGENT, DOMAIN],
    scope=("job", "tenant"),
    annotations=[STARTED],
    panels=[
        row("Ratings"),
        stat("Rated well", "Thumbs up of all ratings of the last 30 days.", "percentunit",
             f'sum({RATED}{{@ domain, rating="thumbsUp"}}) / sum({RATED}{{@ domain}})', size=(4, 8),
             decimals=0, min=0, max=1, thresholds=[(None, "red"), (0.5, "yellow"), (0.75, "green")],
             noValue="no ratings"),
        stat("Rated at all", "Answers of the last 30 days that somebody rated. Mean over the exporters chosen.",
             "percent", "avg(librechat_feedback_engagement_rate_30d{@})", size=(4, 8), decimals=1),
        series("Ratings given", "Ratings each hour. A rating that is taken back is not taken off.", "short",
               [("3600 * sum by (rating) (rate(librechat_feedback_given_total{@ model}[$__rate_interval]))",
                 "{{rating}}")], size=(16, 8), stack=True, noValue="no ratings since the exporter started"),
        bars("Net satisfaction by model", "Thumbs up less thumbs down, of all answers of the last 30 days.", "percent",
             "avg by (model) (librechat_net_satisfaction_by_model_30d{@ model})", "{{model}}", size=(6, 8),
             decimals=1, thresholds=GOOD_WHEN_HIGH),
        bars("Net satisfaction by agent", "Thumbs up less thumbs down, of all answers of the last 30 days.", "percent",
             "avg by (agent) (librechat_net_satisfaction_by_agent_30d{@ agent})", "{{agent}}", size=(6, 8),
             decimals=1, thresholds=GOOD_WHEN_HIGH),
        table("Reasons given", "All ratings, by the reason that was chosen with them.",
              [("tag", "Reason"), ("rating", "Rating")],
              [("Ratings", "short", "sum by (tag, rating) (librechat_feedback_count_by_tag{@})")], size=(6, 8)),
        table("Ratings by domain", "Of messages of the last 30 days.", [("email_domain", "Domain"),
                                                                        ("rating", "Rating")],
              [("Ratings", "short", f"sum by (email_domain, rating) ({RATED}{{@ domain}})")], size=(6, 8)),

        row("Errors"),
        fact("Errors", "Answers that failed or were refused, of all answers of the time chosen.",
             "percent", "100 * sum(increase(librechat_failed_answers_total{@}[$__range])) / "
             'sum(increase(librechat_messages_created_total{@ side="assistant"}[$__range]))', size=(4, 8),
             decimals=2, thresholds=GOOD_WHEN_LOW, noValue="no answers"),
        stat("Unfinished", "Messages marked as unfinished: generation was stopped, or broke off.", "short",
             "sum(librechat_conversation_unfinished_count{@})", size=(4, 8)),
        series("Failed answers", "Each minute, by endpoint and kind of error.", "cpm",
               [("60 * sum by (endpoint, error_type) (rate(librechat_failed_answers_total{@ endpoint, "
                 "model}[$__rate_interval]))",
                 "{{endpoint}} {{error_type}}")], size=(16, 8), stack=True,
                 noValue="no errors since the exporter started"),
        series("Share of failed answers", "Failed answers of all answers, by endpoint.", "percentunit",
               [("sum by (endpoint) (rate(librechat_failed_answers_total{@ endpoint}[$__rate_interval])) / "
                 'sum by (endpoint) (rate(librechat_messages_created_total{@ endpoint, '
                 'side="assistant"}[$__rate_interval]))',
                 "{{endpoint}}")], size=(8, 8), thresholds=[(None, "transparent"), (0.05, "red")],
               noValue="no errors since the exporter started"),
        bars("Errors by model", "Answers that failed or were refused, of all of the model in the last 30 days. An "
             "agent's count for its model.", "percentunit",
             "avg by (model) (librechat_failed_answer_ratio_30d{@ model})", "{{model}}",
             decimals=1, min=0),
        bars("Errors by agent", "Answers that failed or were refused, of all of the agent in the last 30 days.",
             "percentunit", "avg by (agent) (librechat_failed_answer_ratio_by_agent_30d{@})", "{{agent}}",
             decimals=1, min=0),

        row("Time to answer"),
        series("Time to answer", "From the question to the finished answer.", "s", within(ANSWERS, "model, endpoint")),
        heatmap("Answers by the time they took", "How many answers took how long.", "s",
                f"sum by (le) (increase({ANSWERS}{{@ model, endpoint}}[$__rate_interval]))"),
        series("Slow answers by model", "95 of 100 answers are there within this time.", "s",
               [(f"histogram_quantile(0.95, sum by (le, model) (rate({ANSWERS}{{@ model, "
                 f"endpoint}}[$__rate_interval])))",
                 "{{model}}")]),
        series("Slow answers by endpoint", "95 of 100 answers are there within this time.", "s",
               [(f"histogram_quantile(0.95, sum by (le, endpoint) (rate({ANSWERS}{{@ model, endpoint}}"
                 "[$__rate_interval])))", "{{endpoint}}")]),
        series("Turns that wait", "Turns in LibreChat's queue, by status; nothing where there is no such queue.",
               "short",
               [("sum by (status) (librechat_queued_turns{@})", "{{status}}")], size=(6, 8), noValue="no queue"),
        series("Oldest turn that waits", "How long the oldest queued turn waits already.", "s",
               [("max by (status) (librechat_oldest_queued_turn_seconds{@})", "{{status}}")], size=(6, 8),
               thresholds=[(None, "transparent"), (300, "red")], noValue="no queue"),
        series("Deliveries of triggers", "By status; dead ones are not tried again.", "short",
               [("sum by (status) (librechat_trigger_deliveries{@})", "{{status}}")], size=(6, 8),
               noValue="no triggers"),
        bars("Runs of schedules", "Runs of scheduled prompts that LibreChat keeps, by status.", "short",
             "sum by (status) (librechat_schedule_runs{@})", "{{status}}", size=(6, 8), noValue="no schedules"),

        row("Tools"),
        stat("MCP calls", "Calls of MCP tools in the last 30 days.", "short",
             "sum(librechat_mcp_tool_call_count_30d{@})", size=(6, 4)),
        stat("MCP users", "Users with calls of MCP tools in the last 30 days.", "short",
             "sum(librechat_mcp_unique_users_30d{@})", size=(6, 4)),
        stat("MCP share", "MCP tools of all calls of tools in the last 30 days. Mean over the exporters chosen.",
             "percent", "avg(librechat_mcp_utilization_percent_30d{@})", size=(6, 4), decimals=0, min=0, max=100),
        stat("Web searches", "Calls of web_search in the last 30 days.", "short",
             "sum(librechat_web_search_call_count_30d{@})", size=(6, 4)),
        series("Calls of tools", "Each minute, by kind of tool.", "cpm",
               [(f"60 * sum by (kind) (rate({TOOLS}{{@}}[$__rate_interval]))", "{{kind}}")], size=(12, 8), stack=True),
        series("Failed calls", "Calls that failed or were cancelled each minute, by tool and server.", "cpm",
               [(f'60 * sum by (tool, server) (rate({TOOLS}{{@ status=~"failed|error|cancelled"}}[$__rate_interval]))',
                 "{{tool}} {{server}}")], noValue="none since the exporter started"),
        series("Time of a call", "95 of 100 calls are done within this time, where LibreChat keeps how long they took.",
               "s", [("histogram_quantile(0.95, sum by (le, tool) (rate(librechat_tool_invocation_seconds_bucket{@}"
                 "[$__rate_interval])))", "{{tool}}")]),
        table("MCP tools", "Of the last 30 days.", [("toolId", "Tool")],
              [("Calls", "short", "sum by (toolId) (librechat_mcp_tool_call_count_by_tool_30d{@})"),
               ("Users", "short", "sum by (toolId) (librechat_mcp_unique_users_by_tool_30d{@})")]),
        table("MCP tools by domain", "Calls of the last 30 days.", [("toolId", "Tool"), ("email_domain", "Domain")],
              [("Calls", "short",
                "sum by (toolId, email_domain) (librechat_mcp_tool_call_count_by_user_domain_30d{@ domain})")]),
        table("Servers in the time shown", "Calls counted since the left edge of this page, by server and outcome.",
              [("server", "Server"), ("kind", "Kind"), ("status", "Outcome")],
              [("Calls", "short", f"sum by (server, kind, status) (increase({TOOLS}{{@}}[$__range])) > 0")]),
        fact("Tools called by hand", "Tools that users started themselves from a message, as LibreChat's tool calls "
                                     "have them.",
             "short", "sum by (toolId) (librechat_tool_call_count_by_tool{@})", legend="{{toolId}}", size=(12, 4)),
        fact("Time of tools called by hand", "From the call to its last change, in the mean.", "s",
             "avg by (toolId) (librechat_tool_call_avg_latency_seconds{@})", legend="{{toolId}}", size=(12, 4),
             decimals=2),
    ],
)
