#!/usr/bin/env bash
# An archive for each platform's program, with what belongs beside it (manual pages, completions, the unit of systemd,
# license), and SHA256SUMS over everything in the folder. Made twice from the same commit it is the same, byte for byte.
#
#     deploy/release/archives.sh PROGRAMS FOLDER      # PROGRAMS: as programs.sh leaves them
set -euo pipefail
programs=$(realpath "$1")
mkdir -p "$2"
folder=$(realpath "$2")
cd "$(dirname "$0")/../.."
version=$(deploy/release/names.sh | sed -n 's/^version=//p')
# When the commit was made; without git, the beginning of the epoch.
date=@$(git log -1 --format=%ct 2>/dev/null || printf 0)

for program in "$programs"/*/librechat-exporter; do
    platform=$(basename "$(dirname "$program")")
    name=librechat-exporter-$version-${platform//_/-}
    scratch=$(mktemp -d)
    mkdir "$scratch/$name"
    install -m 755 "$program" "$scratch/$name/librechat-exporter"
    install -m 644 LICENSE README.md CHANGELOG.md deploy/systemd/librechat-exporter.service "$scratch/$name/"
    cp -r deploy/man deploy/completions "$scratch/$name/"
    chmod -R u=rwX,go=rX "$scratch/$name"
    tar --create --directory "$scratch" --sort=name --mtime="$date" --owner=0 --group=0 --numeric-owner "$name" |
        gzip --no-name --best >"$folder/$name.tar.gz"
    rm -rf "$scratch"
    printf '%s\n' "$name.tar.gz"
done

cd "$folder"
find . -maxdepth 1 -type f ! -name 'SHA256SUMS*' -printf '%P\n' | LC_ALL=C sort | xargs sha256sum >SHA256SUMS
