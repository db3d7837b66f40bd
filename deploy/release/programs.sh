#!/usr/bin/env bash
# The static programs, one folder for each platform (linux_amd64, …), out of the same build as the image's.
#
#     REVISION=COMMIT deploy/release/programs.sh FOLDER PLATFORM...      # say: dist/programs linux/amd64 linux/arm64
set -euo pipefail
folder=$(realpath -m "$1")
shift
cd "$(dirname "$0")/../.."
for platform in "$@"; do
    # shellcheck disable=SC2086 # several words on purpose
    docker build ${DOCKER_BUILD_OPTIONS:-} --target program --platform "$platform" --build-arg REVISION="$REVISION" \
        --output "type=local,dest=$folder/${platform//\//_}" .
done
