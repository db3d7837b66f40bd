#!/usr/bin/env bash
# What the fold costs: fills a real mongod with made-up messages, serves it with the program of the shipped profile, and watches both.
# Prints a table. mongod is fetched into .servers/. A million messages take some gigabytes in the folder for temporary files.
#
#     bash benches/fold.sh [MESSAGES [standalone|replica-set]]        # 100000 on both when they are not given
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=tests/servers/fetch.sh
source tests/servers/fetch.sh

fetch_mongod
export REAL_SERVERS_DIR=$servers
exec cargo bench --profile dist --locked --bench fold -- "$@"
