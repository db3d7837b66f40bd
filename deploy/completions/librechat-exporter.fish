# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_librechat_exporter_global_optspecs
	string join \n h/help V/version
end

function __fish_librechat_exporter_needs_command
	# Figure out if the current invocation already has a command.
	set -l cmd (commandline -opc)
	set -e cmd[1]
	argparse -s (__fish_librechat_exporter_global_optspecs) -- $cmd 2>/dev/null
	or return
	if set -q argv[1]
		# Also print the command, so this can be used to figure out what it is.
		echo $argv[1]
		return 1
	end
	return 0
end

function __fish_librechat_exporter_using_subcommand
	set -l cmd (__fish_librechat_exporter_needs_command)
	test -z "$cmd"
	and return 1
	contains -- $cmd[1] $argv
end

complete -c librechat-exporter -n "__fish_librechat_exporter_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c librechat-exporter -n "__fish_librechat_exporter_needs_command" -s V -l version -d 'Print version'
complete -c librechat-exporter -n "__fish_librechat_exporter_needs_command" -f -a "serve" -d 'Serve the metrics of the LibreChat at MONGO_URI (the default)'
complete -c librechat-exporter -n "__fish_librechat_exporter_needs_command" -f -a "demo" -d 'Serve the metrics of an embedded synthetic LibreChat that keeps living; needs no MongoDB'
complete -c librechat-exporter -n "__fish_librechat_exporter_needs_command" -f -a "once" -d 'Read the database once, print the metrics and exit'
complete -c librechat-exporter -n "__fish_librechat_exporter_needs_command" -f -a "backfill" -d 'Write what the metrics were at instants of the past, for Prometheus: as OpenMetrics with timestamps'
complete -c librechat-exporter -n "__fish_librechat_exporter_needs_command" -f -a "report" -d 'Print usage and cost of a period, by user, group, domain, model, agent or day, and exit'
complete -c librechat-exporter -n "__fish_librechat_exporter_needs_command" -f -a "check-config" -d 'Check the settings, print those that are not the default, and say what is read, served and asked of callers'
complete -c librechat-exporter -n "__fish_librechat_exporter_needs_command" -f -a "settings" -d 'Print every variable with its default and what it means'
complete -c librechat-exporter -n "__fish_librechat_exporter_needs_command" -f -a "healthcheck" -d 'Ask the local /health; exits with 0 when it answers 200, else with 1'
complete -c librechat-exporter -n "__fish_librechat_exporter_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c librechat-exporter -n "__fish_librechat_exporter_using_subcommand serve" -l web.config.file -d 'A web configuration file (TLS, Basic users, headers, rate limit), as WEB_CONFIG_FILE' -r
complete -c librechat-exporter -n "__fish_librechat_exporter_using_subcommand serve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c librechat-exporter -n "__fish_librechat_exporter_using_subcommand demo" -l seed -d 'What the synthetic LibreChat is made from: the same seed gives the same one' -r
complete -c librechat-exporter -n "__fish_librechat_exporter_using_subcommand demo" -l web.config.file -d 'A web configuration file (TLS, Basic users, headers, rate limit), as WEB_CONFIG_FILE' -r
complete -c librechat-exporter -n "__fish_librechat_exporter_using_subcommand demo" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c librechat-exporter -n "__fish_librechat_exporter_using_subcommand once" -l at -d 'The instant that all windows end at, as RFC 3339 has it (2026-01-31T12:00:00Z), or a date, which is its first instant in UTC; now when it is absent' -r
complete -c librechat-exporter -n "__fish_librechat_exporter_using_subcommand once" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c librechat-exporter -n "__fish_librechat_exporter_using_subcommand backfill" -l from -d 'The first instant, as RFC 3339 has it (2025-01-01T12:00:00Z), or a date, which is its first instant in UTC' -r
complete -c librechat-exporter -n "__fish_librechat_exporter_using_subcommand backfill" -l to -d 'The last instant at most; now when it is absent. Where an exporter serves already: when it began to' -r
complete -c librechat-exporter -n "__fish_librechat_exporter_using_subcommand backfill" -l step -d 'How far the instants are apart: 1h, 1d. At most 11,000 instants' -r
complete -c librechat-exporter -n "__fish_librechat_exporter_using_subcommand backfill" -l label -d 'A label that every series gets, as name=value, once or several times. To join what Prometheus scrapes, give the job and the instance that it has there' -r
complete -c librechat-exporter -n "__fish_librechat_exporter_using_subcommand backfill" -l output -d 'The file to write, in place of the one that is there; standard output when it is absent' -r -F
complete -c librechat-exporter -n "__fish_librechat_exporter_using_subcommand backfill" -l seed -d 'What the synthetic LibreChat is made from' -r
complete -c librechat-exporter -n "__fish_librechat_exporter_using_subcommand backfill" -l demo -d 'Read the embedded synthetic LibreChat in place of a database'
complete -c librechat-exporter -n "__fish_librechat_exporter_using_subcommand backfill" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c librechat-exporter -n "__fish_librechat_exporter_using_subcommand report" -l from -d 'The first instant: a date, which begins in TIMEZONE, or an instant as RFC 3339 has it; the beginning of this month when it is absent' -r
complete -c librechat-exporter -n "__fish_librechat_exporter_using_subcommand report" -l to -d 'The end, which is not part of the report: a date or an instant; now when it is absent' -r
complete -c librechat-exporter -n "__fish_librechat_exporter_using_subcommand report" -l by -d 'One or two of user, group, domain, model, agent and day; a single row when it is absent. Who is in several groups counts in each. By model or agent, messages are answers; else they are questions' -r
complete -c librechat-exporter -n "__fish_librechat_exporter_using_subcommand report" -l format -d 'How it is written: table, csv, json, markdown or html' -r
complete -c librechat-exporter -n "__fish_librechat_exporter_using_subcommand report" -l currency -d 'Another currency, shown in a column of its own; needs --rate' -r
complete -c librechat-exporter -n "__fish_librechat_exporter_using_subcommand report" -l rate -d 'What one US dollar costs in it' -r
complete -c librechat-exporter -n "__fish_librechat_exporter_using_subcommand report" -l demo -d 'Report on the synthetic LibreChat of `demo` instead of a database'
complete -c librechat-exporter -n "__fish_librechat_exporter_using_subcommand report" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c librechat-exporter -n "__fish_librechat_exporter_using_subcommand check-config" -l all -d 'Print every variable, those with their defaults too'
complete -c librechat-exporter -n "__fish_librechat_exporter_using_subcommand check-config" -l connect -d 'Also connect to MongoDB, and say what it can do and what it refuses'
complete -c librechat-exporter -n "__fish_librechat_exporter_using_subcommand check-config" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c librechat-exporter -n "__fish_librechat_exporter_using_subcommand settings" -s h -l help -d 'Print help'
complete -c librechat-exporter -n "__fish_librechat_exporter_using_subcommand healthcheck" -l url -d 'What to ask instead of /health on HOST and PORT' -r
complete -c librechat-exporter -n "__fish_librechat_exporter_using_subcommand healthcheck" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c librechat-exporter -n "__fish_librechat_exporter_using_subcommand help; and not __fish_seen_subcommand_from serve demo once backfill report check-config settings healthcheck help" -f -a "serve" -d 'Serve the metrics of the LibreChat at MONGO_URI (the default)'
complete -c librechat-exporter -n "__fish_librechat_exporter_using_subcommand help; and not __fish_seen_subcommand_from serve demo once backfill report check-config settings healthcheck help" -f -a "demo" -d 'Serve the metrics of an embedded synthetic LibreChat that keeps living; needs no MongoDB'
complete -c librechat-exporter -n "__fish_librechat_exporter_using_subcommand help; and not __fish_seen_subcommand_from serve demo once backfill report check-config settings healthcheck help" -f -a "once" -d 'Read the database once, print the metrics and exit'
complete -c librechat-exporter -n "__fish_librechat_exporter_using_subcommand help; and not __fish_seen_subcommand_from serve demo once backfill report check-config settings healthcheck help" -f -a "backfill" -d 'Write what the metrics were at instants of the past, for Prometheus: as OpenMetrics with timestamps'
complete -c librechat-exporter -n "__fish_librechat_exporter_using_subcommand help; and not __fish_seen_subcommand_from serve demo once backfill report check-config settings healthcheck help" -f -a "report" -d 'Print usage and cost of a period, by user, group, domain, model, agent or day, and exit'
complete -c librechat-exporter -n "__fish_librechat_exporter_using_subcommand help; and not __fish_seen_subcommand_from serve demo once backfill report check-config settings healthcheck help" -f -a "check-config" -d 'Check the settings, print those that are not the default, and say what is read, served and asked of callers'
complete -c librechat-exporter -n "__fish_librechat_exporter_using_subcommand help; and not __fish_seen_subcommand_from serve demo once backfill report check-config settings healthcheck help" -f -a "settings" -d 'Print every variable with its default and what it means'
complete -c librechat-exporter -n "__fish_librechat_exporter_using_subcommand help; and not __fish_seen_subcommand_from serve demo once backfill report check-config settings healthcheck help" -f -a "healthcheck" -d 'Ask the local /health; exits with 0 when it answers 200, else with 1'
complete -c librechat-exporter -n "__fish_librechat_exporter_using_subcommand help; and not __fish_seen_subcommand_from serve demo once backfill report check-config settings healthcheck help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
