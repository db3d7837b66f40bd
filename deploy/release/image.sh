#!/usr/bin/env bash
# Builds the image for both architectures and pushes it with a bill of materials and provenance, under its version and as
# `latest` unless the version is a preview (1.0.0-rc.1). Prints NAME@DIGEST, which is what gets signed.
#
#     REVISION=COMMIT deploy/release/image.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
version=$(deploy/release/names.sh | sed -n 's/^version=//p')
image=$(deploy/release/names.sh | sed -n 's/^image=//p')
tags=(--tag "$image:$version")
if [[ $version != *-* ]]; then tags+=(--tag "$image:latest"); fi
metadata=$(mktemp)
docker build --platform linux/amd64,linux/arm64 --build-arg REVISION="$REVISION" "${tags[@]}" --sbom=true --provenance=mode=max \
    --push --metadata-file "$metadata" . >&2
printf '%s@%s\n' "$image" "$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["containerimage.digest"])' "$metadata")"
rm "$metadata"
