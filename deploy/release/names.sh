#!/usr/bin/env bash
# What a release is called, one NAME=VALUE a line: all of it derives from Cargo.toml. With a tag, fails unless it is the
# version's.
#
#     deploy/release/names.sh [TAG]
set -euo pipefail
cd "$(dirname "$0")/../.."

field() {
    sed -nE "/^\[package\]/,/^\[/s/^$1 = \"(.*)\"/\1/p" Cargo.toml
}

version=$(field version)
repository=$(field repository)
path=${repository#https://github.com/}
if [[ -z $version || $path == "$repository" ]]; then
    printf '%s: Cargo.toml has no version, or no repository on github.com\n' "$0" >&2
    exit 1
fi
if (($# > 0)) && [[ $1 != "v$version" ]]; then
    printf '%s: the tag is %s, but Cargo.toml has the version %s: the tag should be v%s\n' "$0" "$1" "$version" "$version" >&2
    exit 1
fi
# Registries know no capital letters.
path=${path,,}
printf '%s=%s\n' version "$version" repository "$repository" image "ghcr.io/$path" charts "oci://ghcr.io/${path%/*}/charts"
