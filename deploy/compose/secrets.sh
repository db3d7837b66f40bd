#!/usr/bin/env bash
# Makes the secrets that compose.yaml reads, once: random ones, in files below secrets/. What is there already stays.
#
#     bash deploy/compose/secrets.sh [--mongo-uri URI]     # URI: of a MongoDB elsewhere, for compose.librechat.yaml
set -euo pipefail
cd "$(dirname "$0")/../.."

folder=secrets
uri=''
while (($# > 0)); do
    case $1 in
    --mongo-uri)
        uri=${2:?--mongo-uri needs a connection string}
        shift 2
        ;;
    *)
        printf 'usage: %s [--mongo-uri URI]\n' "$0" >&2
        exit 2
        ;;
    esac
done

# secret NAME VALUE: into its file, unless there is one.
secret() {
    local what='stays as it is'
    if [[ ! -s $folder/$1 ]]; then
        printf '%s\n' "$2" >"$folder/$1"
        what='is new'
    fi
    # Compose binds the file into the container as it is, where another user has to read it (the exporter's is 65532,
    # Prometheus' 65534); the folder keeps everybody else out. A file that you made yourself is often only yours.
    chmod u=rw,go=r "$folder/$1"
    printf '%s %s\n' "$folder/$1" "$what"
}

random() {
    od --read-bytes=32 --address-radix=n --format=x1 /dev/urandom | tr -d ' \n'
}

mkdir -p "$folder"
chmod 700 "$folder"
secret metrics_token "$(random)"
secret grafana_password "$(random)"
if [[ -z $uri ]]; then
    secret mongo_root_password "$(random)"
    secret mongo_librechat_password "$(random)"
    secret mongo_exporter_password "$(random)"
    uri="mongodb://exporter:$(<"$folder/mongo_exporter_password")@mongodb:27017/LibreChat?authSource=admin"
fi
secret mongo_uri "$uri"
printf 'The containers may read these files, whichever user they run as; on this machine only %s may open %s/.\n' "$(id -un)" "$folder"
