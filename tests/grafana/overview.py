"""Overview: is it used, what does it cost, does it work, are people content?"""

from panels import GOOD_WHEN_LOW, bars, dashboard, fact, row, series, stat, table, words
from variables import ENDPOINT, JOB, MODEL, STARTED, TENANT

RATED = "librechat_feedback_count_by_domain_30d"

DASHBOARD = dashboard(
    "librechat-overview",
    "LibreChat / Overview",
    "Users, messages, cost, errors and satisfaction at a glance.",
    variables=[JOB, TENANT, MODEL, ENDPOINT],
    scope=("job", "tenant"),
    annotations=[STARTED],
    panels=[
        row("At a glance"),
        stat("Registered users", "Accounts in LibreChat.", "short", "sum(librechat_user_count{@})"),
        stat("Active now", "Different users with a message in the last 5 minutes.", "short",
             "sum(librechat_active_users{@})"),
        stat("Active in 24 hours", "Different users with a message in the last 24 hours.", "short",
             "sum(librechat_unique_users_count_1d{@})"),
        stat("Messages in 24 hours", "Questions and answers of the last 24 hours.", "short",
             "sum(librechat_messages_total_24h{@})"),
        stat("Cost in 24 hours", "What LibreChat's ledger says of the last 24 hours.", "currencyUSD",
             "sum(librechat_transaction_cost_24h{@})", decimals=2),
        stat("Figures read", "Whether the exporter's last refresh succeeded. When it did not, everything else here is "
             "as of the last one that did.", "none", "min(librechat_up{@})", graph="none",
             thresholds=[(None, "red"), (1, "green")], mappings=words(_0=("failing", "red"), _1=("ok", "green"))),
        stat("Rated well", "Thumbs up of all ratings of the last 30 days.", "percentunit",
             f'sum({RATED}{{@ rating="thumbsUp"}}) / sum({RATED}{{@}})', decimals=0,
             thresholds=[(None, "red"), (0.5, "yellow"), (0.75, "green")], min=0, max=1, noValue="no ratings"),
        fact("Errors", "Answers that failed or were refused, of all answers of the time chosen.",
             "percent", "100 * sum(increase(librechat_failed_answers_total{@}[$__range])) / "
             'sum(increase(librechat_messages_created_total{@ side="assistant"}[$__range]))', decimals=2,
             thresholds=GOOD_WHEN_LOW, noValue="no answers"),
        stat("Users of 30 days", "Users active in the last 30 days, of all registered. Mean over the exporters chosen.",
             "percent", "avg(librechat_adoption_rate_30d{@})", decimals=0,
             thresholds=[(None, "red"), (20, "yellow"), (50, "green")]),
        stat("New users", "Accounts made in the last 30 days.", "short", "sum(librechat_new_users_30d{@})"),
        stat("Cost in 30 days", "What LibreChat's ledger says of the last 30 days.", "currencyUSD",
             "sum(librechat_transaction_cost_30d{@})", decimals=2),
        stat("Age of the figures", "Time since the instant that the figures are of.", "s",
             "time() - min(librechat_exporter_snapshot_timestamp_seconds{@})", decimals=0,
             thresholds=[(None, "green"), (120, "yellow"), (600, "red")]),

        row("Use"),
        series("Messages", "Questions and answers made each minute.", "cpm",
               [("60 * sum by (side) (rate(librechat_messages_created_total{@ endpoint}[$__rate_interval]))",
                 "{{side}}")]),
        series("Active users", "Different users with a message in the 5 minutes before, and in the 24 hours before.",
               "short", [("sum(librechat_active_users{@})", "in 5 minutes"),
                ("sum(librechat_unique_users_count_1d{@})", "in 24 hours")]),
        series("Messages by endpoint", "Answers made each minute, by LibreChat's endpoint.", "cpm",
               [('60 * sum by (endpoint) (rate(librechat_messages_created_total{@ endpoint, side="assistant"}'
                 "[$__rate_interval]))", "{{endpoint}}")], stack=True),
        bars("Answers by model", "Messages by model since LibreChat was installed. Agents are not among the models.",
             "short", "sum by (model) (librechat_model_usage_count{@ model})", "{{model}}", size=(12, 8), top=10),

        row("Cost"),
        series("Cost by model", "What models cost each hour, as LibreChat's ledger has it.", "currencyUSD",
               [("3600 * sum by (model) (rate(librechat_cost_usd_total{@ model}[$__rate_interval]))", "{{model}}")],
               stack=True),
        series("Tokens", "Tokens each minute, by kind.", "short",
               [("60 * sum by (token_type) (rate(librechat_tokens_total{@ model}[$__rate_interval]))",
                 "{{token_type}}")],
               stack=True),

        row("Quality"),
        series("Errors", "Answers that failed each minute, by the kind of error.", "cpm",
               [("60 * sum by (error_type) (rate(librechat_failed_answers_total{@ endpoint, model}[$__rate_interval]))",
                 "{{error_type}}")], size=(8, 8), stack=True, noValue="no errors since the exporter started"),
        series("Time to answer", "From the question to the finished answer.", "s",
               [(f"histogram_quantile({quantile}, sum by (le) (rate(librechat_answer_seconds_bucket{{@ model, "
                 f"endpoint}}"
                 "[$__rate_interval])))", name)
                for quantile, name in ((0.5, "half within"), (0.95, "95 % within"))], size=(8, 8)),
        series("Ratings", "Ratings given each hour. A rating that is taken back is not taken off.", "short",
               [("3600 * sum by (rating) (rate(librechat_feedback_given_total{@ model}[$__rate_interval]))",
                 "{{rating}}")], size=(8, 8), stack=True, noValue="no ratings since the exporter started"),
        table("Models", "All figures of a model in a row.", [("model", "Model")],
              [("Cost", "currencyUSD", "sum by (model) (librechat_transaction_cost_per_model{@ model})"),
               ("Messages", "short", "sum by (model) (librechat_model_usage_count{@ model})"),
               ("Errors, 30 days", "percentunit", "avg by (model) (librechat_failed_answer_ratio_30d{@ model})"),
               ("Net satisfaction, 30 days", "percent",
                "avg by (model) (librechat_net_satisfaction_by_model_30d{@ model})")], size=(24, 8)),
    ],
)
