"""Users: who uses it most, and what of it is whose? Empty unless EMIT_PER_USER_METRICS is true."""

from panels import bars, dashboard, fact, row, series, table
from variables import JOB, STARTED, TENANT, USER, WINDOW

COST = "sum by (user) (librechat_user_cost_usd{@ window, user})"
OFF = "set EMIT_PER_USER_METRICS=true"
# The users of the table: those that cost most.
FIRST = f" and on (user) topk(20, {COST})"

DASHBOARD = dashboard(
    "librechat-users",
    "LibreChat / Users",
    "Cost, tokens and questions by user, when each was last seen, and what credits are left. Only with "
    "EMIT_PER_USER_METRICS=true; USER_LABEL decides how users are shown.",
    variables=[JOB, TENANT, WINDOW, USER],
    scope=("job", "tenant"),
    annotations=[STARTED],
    time="now-7d",
    panels=[
        row("Most of all"),
        table("Users, $window", "The 20 users that cost most in the window chosen.", [("user", "User")],
              [("Cost", "currencyUSD", f"topk(20, {COST})"),
               ("Tokens", "short", f"sum by (user) (librechat_user_tokens{{@ window, user}}){FIRST}"),
               ("Questions", "short", f"sum by (user) (librechat_user_messages{{@ window, user}}){FIRST}"),
               ("Last seen", "s",
                f"(time() - max by (user) (librechat_user_last_seen_timestamp_seconds{{@ user}})){FIRST}"),
               ("Credits", "short", f"sum by (user) (librechat_user_balance_credits{{@ user}}){FIRST}")],
              size=(24, 10)),
        bars("Cost, $window", "The 20 users that cost most in the window chosen.", "currencyUSD", COST, "{{user}}",
             top=20, size=(8, 12), noValue=OFF),
        bars("Tokens, $window", "The 20 users with the most tokens in the window chosen.", "short",
             "sum by (user) (librechat_user_tokens{@ window, user})", "{{user}}", top=20, size=(8, 12), noValue=OFF),
        bars("Questions, $window", "The 20 users with the most questions in the window chosen.", "short",
             "sum by (user) (librechat_user_messages{@ window, user})", "{{user}}", top=20, size=(8, 12), noValue=OFF),

        row("The users chosen"),
        fact("Cost of the users chosen, $window", "All users unless some are chosen.", "currencyUSD",
             "sum(librechat_user_cost_usd{@ window, user})", decimals=2, size=(6, 4), noValue=OFF),
        fact("Questions of the users chosen, $window", "All users unless some are chosen.", "short",
             "sum(librechat_user_messages{@ window, user})", size=(6, 4), noValue=OFF),
        fact("Credits of the users chosen", "What they may still spend; a million credits is a dollar.", "short",
             "sum(librechat_user_balance_credits{@ user})", size=(6, 4), noValue="no balances"),
        fact("Last seen of the users chosen", "Since the newest message of any of them.", "s",
             "time() - max(librechat_user_last_seen_timestamp_seconds{@ user})", size=(6, 4), noValue=OFF),
        series("Cost of a day", "The 24 hours before each instant, of the users chosen.", "currencyUSD",
               [('topk(20, sum by (user) (librechat_user_cost_usd{@ user, window="24h"}))', "{{user}}")], stack=True,
               noValue=OFF),
        series("Questions of a day", "The 24 hours before each instant, of the users chosen.", "short",
               [('topk(20, sum by (user) (librechat_user_messages{@ user, window="24h"}))', "{{user}}")], stack=True,
               noValue=OFF),
        bars("Tokens by kind, $window", "In the window chosen, of the users chosen.", "short",
             "sum by (token_type) (librechat_user_tokens{@ window, user})", "{{token_type}}", size=(12, 6),
             noValue=OFF),
        bars("Credits", "What the users chosen may still spend.", "short",
             "sum by (user) (librechat_user_balance_credits{@ user})", "{{user}}", size=(12, 6),
             noValue="no balances"),
    ],
)
