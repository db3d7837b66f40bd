#!/usr/bin/env bash
# What the settings of the profiles `dist` (shipped) and `release` (tried) cost and give: the processor time of a build from nothing, the size of the
# program, and the processor time of its start as `demo` (which makes and folds a LibreChat) and of a scrape. Processor
# time, since that changes less with whatever else the machine does. Prints a table, the profiles as they stand in
# Cargo.toml first. Needs curl; wrk is fetched into .servers/.
#
#     bash benches/profile.sh
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=tests/servers/fetch.sh
source tests/servers/fetch.sh

port=19087
running=
stop() {
    if [[ -n $running ]]; then kill "$running" && wait "$running" || true; fi
    running=
}
scratch=$(mktemp -d "$PWD/target/profile.XXXXXX")
trap 'stop; rm -rf "$scratch"' EXIT

# build PROFILE [SETTING...]: with these settings of it, as TOML. Leaves the program in $scratch and its cost in $cost.
build() {
    local TIMEFORMAT='%U %S' profile=$1 setting settings=()
    shift
    for setting in "$@"; do settings+=(--config "profile.$profile.$setting"); done
    cost=$({ time cargo build "${settings[@]}" --profile "$profile" --locked --quiet --target-dir "$scratch/target" >&2; } 2>&1 |
        tail -n 1 | awk '{printf "%d", $1 + $2}')
    mv "$scratch/target/$profile/librechat-exporter" "$scratch/program"
    rm -rf "$scratch/target"
}

# The processor time of the exporter so far, in microseconds, user and system.
processor_time() {
    awk -v tick="$(getconf CLK_TCK)" '{print int(($14 + $15) * 1000000 / tick)}' "/proc/$running/stat"
}

# scrapes DURATION HEADER...: how many wrk has made.
scrapes() {
    local duration=$1
    shift
    LD_LIBRARY_PATH=$(library_path) "$servers/bin/wrk" -t1 -c8 -d"$duration" "$@" "http://127.0.0.1:$port/metrics" |
        awk '/requests in/ {print $1}'
}

# per_scrape [HEADER...]: microseconds of processor time.
per_scrape() {
    local before count
    before=$(processor_time)
    count=$(scrapes 5s "$@")
    printf '%s' $((($(processor_time) - before) / count))
}

# row NAME PROFILE [SETTING...]
row() {
    local start cost
    printf '| %s ' "$1"
    build "${@:2}"
    env -i HOST=127.0.0.1 PORT=$port RATE_LIMIT_MAX=0 HEALTH_RATE_LIMIT_MAX=0 LOG_LEVEL=error "$scratch/program" demo &
    running=$!
    curl --silent --output /dev/null --retry 100 --retry-delay 0 --retry-all-errors --fail "http://127.0.0.1:$port/readyz"
    start=$(($(processor_time) / 1000))
    scrapes 1s >/dev/null
    printf '| %s | %s | %s | %s | %s |\n' "$cost" "$(stat --format=%s "$scratch/program")" "$start" "$(per_scrape)" \
        "$(per_scrape -H 'Accept-Encoding: gzip')"
    stop
}

fetch_bench_tools
printf '| profile | build, s | bytes | start, ms | scrape, µs | scrape with gzip, µs |\n|---|---|---|---|---|---|\n'
row 'dist: level 3, fat LTO, one unit, unwinding' dist
row 'release: level 1, no LTO' release
row 'dist, aborting' dist 'panic="abort"'
row 'dist, level s' dist 'opt-level="s"'
row 'dist, thin LTO' dist 'lto="thin"'
