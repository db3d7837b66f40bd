"""Exporter: does it read, does it let in whom it should, does it have what it needs?"""

from panels import annotation, bars, dashboard, fact, row, series, stat, table, words
from variables import INSTANCE, JOB, STARTED, TENANT

REQUESTS = "librechat_exporter_auth_requests_total"
JWKS_AGE = "time() - min(librechat_exporter_jwks_last_success_timestamp_seconds{@} > 0)"
OWN = " and on (job, instance) librechat_up{@}"

DASHBOARD = dashboard(
    "librechat-exporter",
    "LibreChat / Exporter",
    "The exporter itself: refreshes, age of the figures, decisions on requests, keys, limits, resources.",
    variables=[JOB, TENANT, INSTANCE],
    scope=("job", "tenant", "instance"),
    annotations=[
        STARTED,
        annotation("Figures are from", "green", "1000 * librechat_exporter_snapshot_timestamp_seconds{@}",
                   "{{instance}}", enable=False),
    ],
    panels=[
        row("State"),
        stat("Scraped", "Whether Prometheus reaches every exporter chosen.", "none", "min(up{@})", graph="none",
             thresholds=[(None, "red"), (1, "green")], mappings=words(_0=("down", "red"), _1=("up", "green"))),
        stat("Refreshes", "Whether the last refresh succeeded.", "none", "min(librechat_up{@})", graph="none",
             thresholds=[(None, "red"), (1, "green")], mappings=words(_0=("failing", "red"), _1=("ok", "green"))),
        stat("MongoDB", "Whether MongoDB answers.", "none", "min(librechat_exporter_mongo_connected{@})", graph="none",
             thresholds=[(None, "red"), (1, "green")], mappings=words(_0=("lost", "red"), _1=("connected", "green"))),
        stat("Age of the figures", "Time since the instant that the figures are of.", "s",
             "time() - min(librechat_exporter_snapshot_timestamp_seconds{@})", decimals=0,
             thresholds=[(None, "green"), (120, "yellow"), (600, "red")]),
        stat("Guarded", "Whether /metrics asks for anything.", "none", "min(librechat_exporter_auth_enabled{@})",
             graph="none",
             thresholds=[(None, "orange"), (1, "green")], mappings=words(_0=("open", "orange"),
                                                                         _1=("guarded", "green"))),
        stat("First fold", "How much of the first reading of history is done.", "percentunit",
             "min(librechat_exporter_first_fold_progress_ratio{@})", graph="none", min=0, max=1,
             thresholds=[(None, "yellow"), (1, "green")]),
        table("Builds", "What runs, and how it finds changes.",
              [("instance", "Instance"), ("version", "Version"), ("revision", "Revision"),
               ("mode", "Changes are found by")],
              [("Started", "dateTimeAsIso", "1000 * max by (instance, version, revision, mode) "
                "(process_start_time_seconds{@} * on (job, instance) group_left (version, revision) "
                "librechat_exporter_build_info{@} * on (job, instance) group_left (mode) "
                "librechat_exporter_sync_mode{@})")], size=(24, 5)),

        row("Refreshes"),
        series("Time of a refresh", "How long reading what changed takes.", "s",
               [(f"histogram_quantile({quantile}, sum by (le) "
                 f"(rate(librechat_exporter_refresh_duration_seconds_bucket{{@}}"
                 "[$__rate_interval])))", name) for quantile, name in ((0.5, "half within"), (0.99, "99 % within"))]),
        series("Refreshes", "Each minute, by result.", "cpm",
               [("60 * sum by (result) (rate(librechat_exporter_refreshes_total{@}[$__rate_interval]))",
                 "{{result}}")]),
        series("Documents read", "Each second, by why they were read.", "short",
               [("sum by (reason) (rate(librechat_exporter_documents_read_total{@}[$__rate_interval]))", "{{reason}}")],
               stack=True),
        series("Not verified for", "How long ago the part of history that was verified least recently was verified.",
               "s", [("max by (instance) (librechat_exporter_oldest_unverified_seconds{@})", "{{instance}}")],
               thresholds=[(None, "transparent"), (172800, "red")]),
        table("Odd documents", "Documents with a field of an odd type, which the figures that it feeds leave out.",
              [("collection", "Collection"), ("reason", "Field")],
              [("Documents", "short", "sum by (collection, reason) (librechat_exporter_documents_skipped_total{@}) "
                                      "> 0")],
              size=(8, 8)),
        table("Label values dropped", "Values beyond METRICS_MAX_LABEL_VALUES, which went into other or were left out.",
              [("family", "Family")],
              [("Values", "short", "max by (family) (librechat_exporter_label_values_dropped{@}) > 0")], size=(8, 8)),
        table("Indexes that would help", "Indexes that MongoDB lacks and the exporter would use.",
              [("collection", "Collection"), ("key", "Key")],
              [("Missing", "short", "max by (collection, key) (librechat_exporter_missing_indexes{@}) > 0")],
              size=(8, 8)),

        row("Who asks"),
        series("Decisions", "Requests for what is guarded each minute, by what was decided.", "cpm",
               [(f"60 * sum by (outcome) (rate({REQUESTS}{{@}}[$__rate_interval]))", "{{outcome}}")]),
        series("Refused", "Requests that were not let in each minute, by why.", "cpm",
               [(f'60 * sum by (method, reason) (rate({REQUESTS}{{@ outcome!="allow"}}[$__rate_interval])) > 0',
                 "{{method}} {{reason}}")], noValue="none"),
        series("Answers", "Each minute, by endpoint and status.", "cpm",
               [("60 * sum by (endpoint, status) (rate(librechat_exporter_http_requests_total{@}[$__rate_interval]))",
                 "{{endpoint}} {{status}}")], stack=True),
        series("Limits", "Requests refused by a rate limit each minute, and addresses that are locked for guessing "
                         "now.",
               "short", [("60 * sum by (endpoint) (rate(librechat_exporter_rate_limited_total{@}[$__rate_interval]))",
                 "limited {{endpoint}}"),
                ("sum(librechat_exporter_auth_locked_addresses{@})", "locked addresses")],
               thresholds=[(None, "transparent"), (1, "red")]),
        bars("Methods", "Requests let in since the exporter started, by how.", "short",
             f'sum by (method) ({REQUESTS}{{@ outcome="allow"}})', "{{method}}", size=(12, 8)),
        table("Refused in the time shown", "Counted since the left edge of this page.",
              [("method", "Method"), ("reason", "Reason"), ("outcome", "Outcome")],
              [("Requests", "short", f'sum by (method, reason, outcome) (increase({REQUESTS}{{@ '
                                     f'outcome!="allow"}}[$__range])) > 0')]),

        row("Keys and certificates"),
        stat("Issuer's keys", "Keys of the OpenID issuer that are in use.", "short",
             "sum(librechat_exporter_jwks_keys{@})", graph="none"),
        stat("Keys are", "Whether the keys of the issuer are older than their lifetime, or missing.", "none",
             "max(librechat_exporter_jwks_stale{@})", graph="none", thresholds=[(None, "green"), (1, "red")],
             mappings=words(_0=("fresh", "green"), _1=("stale", "red"))),
        stat("Age of the keys", "Time since the keys of the issuer were last fetched.", "s", JWKS_AGE, decimals=0,
             thresholds=[(None, "green"), (3600, "yellow"), (7200, "red")], noValue="no issuer"),
        stat("Certificate expires in", "Of the exporter's own certificate, where it has one.", "s",
             "min(librechat_exporter_tls_certificate_expiry_timestamp_seconds{@}) - time()", decimals=0,
             thresholds=[(None, "red"), (604800, "yellow"), (2592000, "green")], noValue="no TLS"),
        stat("Leaked keys", "Keys that the issuer publishes together with their private half.", "short",
             "sum(librechat_exporter_jwks_leaked_keys{@})", graph="none", thresholds=[(None, "green"), (1, "red")]),
        fact("Files read again", "Changes of secret and certificate files since the exporter started.", "short",
             "sum by (result) (librechat_exporter_secret_reloads_total{@})", legend="{{result}}"),
        series("Fetches of keys", "Attempts to fetch the issuer's keys each hour, by result.", "short",
               [("3600 * sum by (result) (rate(librechat_exporter_jwks_refreshes_total{@}[$__rate_interval]))",
                 "{{result}}")]),
        series("Fetches spared", "Tokens with an unknown key for which the issuer was not asked, since it was asked "
                                 "enough.",
               "cpm", [("60 * sum(rate(librechat_exporter_jwks_refused_refreshes_total{@}[$__rate_interval]))",
                        "spared")]),

        row("Resources"),
        series("CPU", "Share of one core.", "percentunit",
               [(f"rate(process_cpu_seconds_total{{@}}[$__rate_interval]){OWN}", "{{instance}}")], size=(8, 8)),
        series("Memory", "Resident memory.", "bytes", [(f"process_resident_memory_bytes{{@}}{OWN}", "{{instance}}")],
               size=(8, 8), thresholds=[(None, "transparent"), (157286400, "red")]),
        series("Open files", "Open file descriptors, connections among them, of those allowed.", "percentunit",
               [(f"process_open_fds{{@}} / process_max_fds{{@}}{OWN}", "{{instance}}")], size=(8, 8),
               thresholds=[(None, "transparent"), (0.8, "red")]),
        series("Time of a scrape", "As Prometheus sees it.", "s",
               [("max by (instance) (scrape_duration_seconds{@})", "{{instance}}")]),
        series("Samples of a scrape", "Series that the exporter gives Prometheus.", "short",
               [("sum by (instance) (scrape_samples_scraped{@})", "{{instance}}")]),
    ],
)
