#!/bin/bash
# Stands in for the entry point of the image `mongo`: the first user, the scripts, then mongod as it was asked for.
set -euo pipefail
if [[ ${1:-mongod} != mongod ]]; then exec "$@"; fi
shift || true
if [[ -z ${MONGO_INITDB_ROOT_USERNAME:-} ]]; then exec mongod --bind_ip_all "$@"; fi
if [[ ! -e /data/db/WiredTiger ]]; then
    mongod --bind_ip 127.0.0.1 --port 27018 --logpath /dev/null &
    first=$!
    until mongosh --quiet --port 27018 --eval 'db.runCommand({ping: 1}).ok' >/dev/null 2>&1; do sleep 0.2; done
    ROOT_PASSWORD=$(<"$MONGO_INITDB_ROOT_PASSWORD_FILE") mongosh --quiet --port 27018 admin --eval '
        db.createUser({user: process.env.MONGO_INITDB_ROOT_USERNAME, pwd: process.env.ROOT_PASSWORD, roles: ["root"]})'
    for script in /docker-entrypoint-initdb.d/*.js; do
        mongosh --quiet --port 27018 "${MONGO_INITDB_DATABASE:-test}" --file "$script"
    done
    kill "$first"
    wait "$first"
fi
exec mongod --auth --bind_ip_all "$@"
