#!/usr/bin/env bash
# How many scrapes a second the exporter answers: wrk against the `demo` of the shipped profile, for each way in, beside
# nginx serving the same bytes from a file. Prints a table. Needs curl; wrk and nginx are fetched into .servers/.
#
#     bash benches/scrape.sh [DURATION]        # 5s for each row when it is not given
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=tests/servers/fetch.sh
source tests/servers/fetch.sh

duration=${1:-5s}
port=19087
nginx_port=19088
token=0123456789abcdef0123456789abcdef
user=prometheus
password=bench-password
# Of the password, bcrypt with cost 10. The dollar signs are its own.
# shellcheck disable=SC2016
hash='$2b$10$wv68etVFk//vgjzi1TDdHuMkO89eAgwINEcbCJzGBP87.KKYka0na'

scratch=$(mktemp -d)
running=
stop() {
    if [[ -n $running ]]; then kill "$running" && wait "$running" || true; fi
    running=
}
trap 'stop; rm -rf "$scratch"' EXIT

# await URL: until it answers with anything but an error of the connection.
await() {
    curl --silent --output /dev/null --retry 100 --retry-delay 0 --retry-max-time 30 --retry-all-errors --fail "$1"
}

# exporter NAME=VALUE...: demo with these settings and without limits on requests.
exporter() {
    stop
    env -i "PATH=$PATH" LOG_FORMAT=text LOG_LEVEL=warn HOST=127.0.0.1 PORT=$port RATE_LIMIT_MAX=0 \
        HEALTH_RATE_LIMIT_MAX=0 "$@" target/dist/librechat-exporter demo 2>"$scratch/exporter.log" &
    running=$!
    await "http://127.0.0.1:$port/readyz"
}

# nginx with the bytes that the exporter serves, plain and compressed.
static() {
    stop
    local name temporary=''
    for name in client_body proxy fastcgi uwsgi scgi; do
        temporary+="${name}_temp_path $scratch/$name; "
    done
    cat >"$scratch/nginx.conf" <<CONFIGURATION
daemon off; master_process off; pid $scratch/nginx.pid;
events { worker_connections 512; }
http {
    access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000; open_file_cache max=10; $temporary
    server {
        listen 127.0.0.1:$nginx_port;
        root $scratch/www;
        default_type text/plain;
        gzip_static on;
    }
}
CONFIGURATION
    "$servers/bin/nginx" -p "$scratch" -c "$scratch/nginx.conf" -e stderr &
    running=$!
    await "http://127.0.0.1:$nginx_port/metrics"
}

# measure NAME STATUS URL HEADER...: one row, after making sure that the answers are what the row says.
measure() {
    local name=$1 status=$2 url=$3 header headers=() answer
    shift 3
    for header in "$@"; do headers+=(-H "$header"); done
    answer=$(curl --silent --output /dev/null --write-out '%{http_code} %{size_download}' "${headers[@]}" "$url")
    [[ ${answer% *} == "$status" ]] || fail "$name: $url answers $answer, not $status"
    LD_LIBRARY_PATH=$servers/debian/usr/lib/$(uname -m)-linux-gnu \
        "$servers/bin/wrk" -t1 -c8 -d"$duration" --latency "${headers[@]}" "$url" >"$scratch/wrk.txt"
    if [[ $status == 200 ]] && grep -E 'Non-2xx|Socket errors' "$scratch/wrk.txt"; then fail "$name: not all answers were good"; fi
    awk -v name="$name" -v size="${answer#* }" '
        /^ +50%/ { p50 = $2 }
        /^ +99%/ { p99 = $2 }
        /^Requests\/sec/ { rate = $2 }
        END { printf "| %s | %d | %d | %s | %s |\n", name, size, rate, p50, p99 }' "$scratch/wrk.txt"
}

fetch_bench_tools
cargo build --profile dist --locked --quiet
metrics=http://127.0.0.1:$port/metrics
gzip='Accept-Encoding: gzip'
bearer="Authorization: Bearer $token"
basic="Authorization: Basic $(printf '%s:%s' $user $password | base64)"

printf '| answer | bytes | requests a second | p50 | p99 |\n|---|---|---|---|---|\n'
exporter
mkdir "$scratch/www"
curl --silent --output "$scratch/www/metrics" "$metrics"
curl --silent --header "$gzip" --output "$scratch/www/metrics.gz" "$metrics"
measure 'open' 200 "$metrics"
measure 'open, gzip' 200 "$metrics" "$gzip"
exporter METRICS_BEARER_TOKEN=$token
measure 'bearer' 200 "$metrics" "$bearer"
measure 'bearer, gzip' 200 "$metrics" "$bearer" "$gzip"
measure '401, no credentials' 401 "$metrics"
exporter METRICS_BASIC_AUTH_USER=$user METRICS_BASIC_AUTH_PASSWORD=$password
measure 'Basic' 200 "$metrics" "$basic"
measure 'Basic, gzip' 200 "$metrics" "$basic" "$gzip"
exporter METRICS_BASIC_AUTH_USER=$user METRICS_BASIC_AUTH_PASSWORD="$hash"
measure 'Basic, bcrypt hash' 200 "$metrics" "$basic"
measure 'Basic, bcrypt hash, gzip' 200 "$metrics" "$basic" "$gzip"
exporter METRICS_BEARER_TOKEN=$token METRICS_BRUTE_FORCE_PROTECTION=false
measure '401, wrong token' 401 "$metrics" 'Authorization: Bearer wrong'
static
measure 'nginx, the same bytes as a file' 200 "http://127.0.0.1:$nginx_port/metrics"
measure 'nginx, the same bytes, gzip' 200 "http://127.0.0.1:$nginx_port/metrics" "$gzip"
