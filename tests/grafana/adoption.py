"""Adoption: who uses it, how often, since when, and what of it?"""

from panels import bars, columns, dashboard, fact, row, series, stat, table
from variables import AGENT, DOMAIN, ENDPOINT, GROUP, JOB, STARTED, TENANT

SHARE = [(None, "red"), (20, "yellow"), (50, "green")]
WEEKDAYS = [{"type": "value", "options": {
    str(number): {"text": name, "index": number} for number, name in
    enumerate(("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"), start=1)}}]


def active(window, label):
    return f"sum by ({label}) (librechat_unique_users_count_{window}_by_{label}{{@ domain}})"


def share(title, description, family, **more):
    return stat(title, description + " Mean over the exporters chosen.", "percent", f"avg({family}{{@}})", decimals=0,
                thresholds=SHARE, **more)


DASHBOARD = dashboard(
    "librechat-adoption",
    "LibreChat / Adoption",
    "Users, domains, groups, agents and what of LibreChat they use.",
    variables=[JOB, TENANT, DOMAIN, GROUP, AGENT, ENDPOINT],
    scope=("job", "tenant"),
    annotations=[STARTED],
    time="now-7d",
    panels=[
        row("Users"),
        stat("Registered", "Accounts in LibreChat.", "short", "sum(librechat_user_count{@})"),
        stat("New", "Accounts made in the last 30 days.", "short", "sum(librechat_new_users_30d{@})"),
        share("Active in 30 days", "Users active in the last 30 days, of all registered.",
              "librechat_adoption_rate_30d"),
        share("Active in 7 days", "Users active in the last 7 days, of all registered.", "librechat_adoption_rate_7d"),
        share("Stayed", "Of the users registered at least 30 days ago, those active in the last 30 days.",
              "librechat_user_retention_d30_percent"),
        stat("Messages of a user", "Messages of the last 30 days by active user.", "short",
             "sum(librechat_messages_total_30d{@}) / sum(librechat_unique_users_count_30d{@})", decimals=0),
        share("Every day", "Users active in the last 24 hours, of all registered.", "librechat_periodicity_daily"),
        share("Every week", "Users active on 3 days or more of the last 7, of all registered.",
              "librechat_periodicity_weekly"),
        share("Every month", "Users active on 5 days or more of the last 30, of all registered.",
              "librechat_periodicity_monthly"),
        share("Verified", "Users whose e-mail address is verified.", "librechat_user_email_verified_percent"),
        fact("By use", "Users of the last 30 days with 1 to 9 messages (light), 10 to 49 (medium) and more (heavy).",
             "short", "sum by (tier) (librechat_power_users_count_30d{@})", legend="{{tier}}", size=(8, 4)),
        series("Active users", "Different users in the window before each instant.", "short",
               [("sum(librechat_active_users{@})", "5 minutes"),
                ("sum(librechat_unique_users_count_1d{@})", "24 hours"),
                ("sum(librechat_unique_users_count_7d{@})", "7 days"),
                ("sum(librechat_unique_users_count_30d{@})", "30 days")]),
        series("Active users by domain", "Different users in the 24 hours before each instant.", "short",
               [(active("1d", "email_domain"), "{{email_domain}}")], stack=True),
        series("Registrations", "New accounts in the time shown, by the way they sign in, counted from when the "
                                "exporter started.",
               "short", [("sum by (provider) (increase(librechat_users_registered_total{@}[$__rate_interval]))",
                          "{{provider}}")], size=(8, 8), draw="bars", stack=True,
                          noValue="none since the exporter started"),
        series("Sign-ins", "Sign-ins each hour.", "short",
               [("3600 * sum(rate(librechat_logins_total{@}[$__rate_interval]))", "sign-ins")], size=(8, 8),
               noValue="none since the exporter started"),
        series("Conversations begun", "Each hour, by endpoint.", "short",
               [("3600 * sum by (endpoint) (rate(librechat_conversations_started_total{@ endpoint}[$__rate_interval]))",
                 "{{endpoint}}")], size=(8, 8), stack=True, noValue="none since the exporter started"),

        row("When"),
        columns("By hour", "Messages of the last 30 days by hour of the day, in TIMEZONE.", "short",
                'sum by (hour) (label_replace(librechat_messages_by_hour_of_day{@}, "hour", "0$1", "hour", "(.)"))',
                "hour"),
        columns("By weekday", "Messages of the last 30 days by day of the week, in TIMEZONE.", "short",
                "sum by (weekday) (librechat_messages_by_weekday{@})", "weekday", mappings=WEEKDAYS),

        row("Who"),
        table("Domains", "By the domain of the user's e-mail address.", [("email_domain", "Domain")],
              [("Active in 30 days", "short", active("30d", "email_domain")),
               ("Active in 7 days", "short", active("7d", "email_domain")),
               ("Registered", "short", "sum by (email_domain) (librechat_user_count_by_email_domain{@ domain})"),
               ("Share of the active", "percent",
                "avg by (email_domain) (librechat_user_percent_by_email_domain_30d{@ domain})"),
               ("Files", "bytes", "sum by (email_domain) (librechat_file_bytes_by_user_domain{@ domain})")]),
        table("Groups", "LibreChat's groups. A user of several groups counts in each.", [("group", "Group")],
              [("Active in 30 days", "short", "sum by (group) (librechat_active_users_by_group_30d{@ group})"),
               ("Active in 24 hours", "short", "sum by (group) (librechat_active_users_by_group_1d{@ group})"),
               ("Active now", "short", "sum by (group) (librechat_active_users_by_group{@ group})")]),
        bars("Sign-in", "Registered users by the way they sign in.", "short",
             "sum by (provider) (librechat_user_provider_count{@})", "{{provider}}", size=(6, 8)),
        bars("Roles", "Registered users by role.", "short", "sum by (role) (librechat_user_count_by_role{@})",
             "{{role}}", size=(6, 8)),
        bars("Active now by domain", "Different users with a message in the last 5 minutes.", "short",
             "sum by (email_domain) (librechat_active_users_by_email_domain{@ domain})", "{{email_domain}}",
             size=(6, 8),
             noValue="nobody"),
        stat("Sessions", "Sign-ins that have not expired.", "short", "sum(librechat_session_active_count{@})",
             size=(6, 8)),

        row("Agents"),
        table("Agents", "By name; two agents of one name are added up.", [("agent", "Agent")],
              [("Messages", "short", "sum by (agent) (librechat_agent_usage_count{@ agent})"),
               ("Users in 30 days", "short", "sum by (agent) (librechat_agent_unique_users_30d{@ agent})"),
               ("Users in all", "short", "sum by (agent) (librechat_agent_unique_users_count{@ agent})"),
               ("Messages a use", "short", "avg by (agent) (librechat_agent_avg_messages_per_use{@ agent})"),
               ("Last used", "s", "min by (agent) (librechat_agent_last_used_age_seconds{@ agent})")]),
        table("Agents by domain", "Messages by the domain of the user's e-mail address.",
              [("agent", "Agent"), ("email_domain", "Domain")],
              [("Messages", "short", "sum by (agent, email_domain) (librechat_agent_usage_by_email_domain_count{@ "
                                     "agent, domain})")],
              size=(6, 8)),
        bars("Agents made", "By the domain of their author.", "short",
             "sum by (email_domain) (librechat_agent_creation_count_by_user_domain{@ domain})", "{{email_domain}}",
             size=(6, 8)),

        row("What they do"),
        series("Conversations of the last days", "Conversations begun in the window before each instant.", "short",
               [("sum(librechat_new_conversations_24h{@})", "24 hours"),
                ("sum(librechat_new_conversations_7d{@}) / 7", "mean day of the last 7")]),
        series("Length of conversations", "Messages of a conversation. Mean over the exporters chosen.", "short",
               [("avg(librechat_conversation_length_p50{@})", "half up to"),
                ("avg(librechat_conversation_length_p90{@})", "90 % up to"),
                ("avg(librechat_conversation_length_p95{@})", "95 % up to")]),
        bars("Tags", "Conversations by the tags of users.", "short",
             "sum by (tag) (librechat_conversation_tag_usage_count{@})", "{{tag}}", size=(6, 8)),
        bars("Files", "Files by type.", "short", "sum by (type) (librechat_file_count_by_type{@})", "{{type}}",
             size=(6, 8)),
        bars("Prompts", "Prompt groups by category.", "short",
             "sum by (category) (librechat_prompt_group_count_by_category{@})", "{{category}}", size=(6, 8)),
        fact("Kept", "What users have made in LibreChat.", "short",
             'sum by (__name__) ({__name__=~"librechat_(agent|assistant|preset|prompt|shared_link|banner)_count",'
             'job=~"$job",tenant=~"$tenant"})', legend="{{__name__}}", size=(6, 8)),
        stat("Storage", "All files together.", "bytes", "sum(librechat_file_total_bytes{@})", size=(6, 4)),
        stat("Files of 24 hours", "Files made in the last 24 hours.", "short",
             "sum(librechat_file_upload_count_24h{@})",
             size=(6, 4)),
        stat("With attachments", "Messages that have attachments.", "short",
             "sum(librechat_message_with_attachments_count{@})", size=(6, 4)),
        stat("Time in a conversation", "From its first to its last message, in the mean. Mean over the exporters "
                                       "chosen.", "s",
             "avg(librechat_conversation_duration_seconds_avg{@})", size=(6, 4)),
    ],
)
