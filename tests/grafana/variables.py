"""The variables that dashboards share.

`job` and `instance` have the values that the exporter's own series have, so that no other target of the same Prometheus
is shown. The others stand for themselves when nothing is chosen: `.*` also matches a series without the label, and
so `tenant` does no harm where no scrape configuration sets it.
"""

from panels import annotation, choice_variable, query_variable

ANY = ".*"
HERE = 'job=~"$job",tenant=~"$tenant"'

# Of a time before the exporter was installed there is what `backfill` writes, which does not say that one was up.
THERE = '__name__=~"librechat_(up|message_count)"'

JOB = query_variable("job", "Job", f"label_values({{{THERE}}}, job)",
                     description="The scrape jobs that scrape an exporter")
TENANT = query_variable("tenant", "Tenant", f'label_values({{{THERE},job=~"$job"}}, tenant)', all_value=ANY,
                        description="The label `tenant`, where the scrape configuration sets one; else leave it at All")
INSTANCE = query_variable("instance", "Instance", f"label_values(librechat_up{{{HERE}}}, instance)",
                          description="One exporter")
MODEL = query_variable(
    "model", "Model",
    f'label_values({{__name__=~"librechat_(transaction_cost_per_model|model_usage_count)",{HERE}}}, model)',
    all_value=ANY, description="The model as LibreChat stores it")
ENDPOINT = query_variable("endpoint", "Endpoint", f"label_values(librechat_messages_created_total{{{HERE}}}, endpoint)",
                          all_value=ANY, description="LibreChat's endpoint: openAI, anthropic, agents …")
AGENT = query_variable("agent", "Agent", f"label_values(librechat_agent_usage_count{{{HERE}}}, agent)", all_value=ANY,
                       description="An agent by its name")
DOMAIN = query_variable(
    "domain", "Domain",
    f'label_values({{__name__=~"librechat_(unique_users_count_30d|transaction_cost)_by_email_domain",{HERE}}}, '
    'email_domain)',
    all_value=ANY, description="What follows the @ of a user's e-mail address")
GROUP = query_variable("group", "Group", f"label_values(librechat_active_users_by_group_30d{{{HERE}}}, group)",
                       all_value=ANY, description="A group of LibreChat")

WINDOW = choice_variable(
    "window", "Window", f"label_values(librechat_model_cost_usd{{{HERE}}}, window)", "30d",
    description="24h, 7d and 30d slide; month is this calendar month so far, in the exporter's TIMEZONE")
USER = query_variable("user", "User", f"label_values(librechat_user_last_seen_timestamp_seconds{{{HERE}}}, user)",
                      all_value=ANY, description="A user as USER_LABEL shows it; only with EMIT_PER_USER_METRICS")

# A counter begins anew there, and so do the figures that are made of it.
STARTED = annotation("Exporter started", "blue",
                     "1000 * (process_start_time_seconds{@} and on (job, instance) librechat_up{@})",
                     "{{instance}}")
