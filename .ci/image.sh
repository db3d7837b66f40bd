# shellcheck shell=bash
# The steps of the Dockerfile as far as they go without a Docker engine: its context as .dockerignore leaves it, its
# build command as it stands there with the environment of each architecture's stage, and its final stage's needs: a
# static program, user and health check. For amd64 only where tests/deploy/containers/run has built no image, which takes
# longer to compile than everything else. Sourced by .ci/run, after tests/servers/fetch.sh.
# shellcheck disable=SC2154 # $servers is of that file

# image_context FOLDER: copies what .dockerignore lets in. It names every path with `!` after a `*`.
image_context() {
    local folder=$1 path
    grep -qx '\*' .dockerignore || fail ".dockerignore does not begin by leaving out everything"
    rm -rf "$folder"
    mkdir -p "$folder"
    while read -r path; do
        cp -r --parents "$path" "$folder"
    done < <(sed -n 's/^!//p' .dockerignore)
}

# The Dockerfile with each instruction on one line.
image_instructions() {
    sed -e ':join' -e '/\\$/{N;s/\\\n *//;b join' -e '}' Dockerfile
}

# The command of the Dockerfile's RUN that calls cargo, without its mounts.
image_build_command() {
    image_instructions | grep -E '^RUN .*cargo build' | sed -E 's/^RUN +//; s/--mount=[^ ]+ +//g'
}

# image_environment ARCHITECTURE: what the ENV of its stage sets, one NAME=VALUE a line.
image_environment() {
    image_instructions | awk -v stage="build-$1" '/^FROM / {inside = $NF == stage} inside && /^ENV / {$1 = ""; print}' |
        tr ' ' '\n' | grep '='
}

image_steps() {
    image_context "$PWD/target/image"
    # The build's cache mount: kept from run to run.
    mkdir -p target/image-cache
    ln -s ../image-cache target/image/target
    # Since the build is for a named target, flags for it stay away from what runs while building.
    if [[ ! -e target/image-program ]]; then image_program amd64; fi
    if [[ $(uname -m) != x86_64 ]]; then
        printf 'the program for arm64 was not built: the compiler for it comes for x86-64 only\n'
    elif ! rustup target add aarch64-unknown-linux-gnu; then
        printf 'the program for arm64 was not built: Rust'\''s standard library for it could not be fetched\n'
    else
        fetch_cross_compiler
        PATH=$servers/cross/usr/bin:$PATH image_program arm64 "$servers/cross/usr/bin/qemu-aarch64-static"
    fi
}

# image_program ARCHITECTURE [RUNNER]: builds the program for it, and runs it, by RUNNER where the machine cannot.
image_program() {
    local architecture=$1 root command environment program
    shift
    command=$(image_build_command)
    [[ -n $command ]] || fail "the Dockerfile has no RUN that calls cargo build"
    mapfile -t environment < <(image_environment "$architecture")
    ((${#environment[@]} == 2)) || fail "the Dockerfile's stage build-$architecture does not set target and linker"
    root=$(mktemp -d)
    chmod 755 "$root"
    program=$root/librechat-exporter
    printf '%s: %s %s\n' "$architecture" "${environment[*]}" "$command"
    (
        cd target/image || exit
        unset CARGO_TARGET_DIR
        env "${environment[@]}" REVISION="$(git rev-parse HEAD)" OUT="$program" \
            LD_LIBRARY_PATH="$servers/cross/usr/lib/x86_64-linux-gnu" bash -euo pipefail -c "$command"
    )
    # The base image has no C library.
    if readelf --wide --program-headers --dynamic "$program" | grep -E 'INTERP|NEEDED'; then
        fail "the program for $architecture is not static"
    fi
    "$@" "$program" --version
    image_health_check "$@" "$program"
    printf '%s: %s bytes\n' "$architecture" "$(stat --format=%s "$program")"
    rm -rf "$root"
}

# image_health_check [RUNNER] PROGRAM: the health check as the image would run it: from an empty environment, as the
# image's user where that can be, in a folder where nobody may write. It must fail while nothing serves, and hold while
# `demo` does, also by a name, which the program has to look up without a C library beside it.
image_health_check() {
    local port=19087 demo tries user as=()
    grep -q '"/librechat-exporter", "healthcheck"' Dockerfile || fail "the Dockerfile has no HEALTHCHECK in exec form"
    user=$(sed -nE 's/^USER ([0-9]+):([0-9]+)$/--reuid=\1 --regid=\2/p' Dockerfile)
    [[ -n $user ]] || fail "the Dockerfile's USER is not a pair of numbers"
    # shellcheck disable=SC2206 # two words on purpose
    if [[ $(id -u) == 0 ]]; then as=(setpriv $user --clear-groups); fi
    as+=(env -i "PORT=$port" HOST=127.0.0.1 "$@")

    if (cd / && "${as[@]}" healthcheck); then fail "healthcheck holds though nothing serves"; fi
    (cd / && exec "${as[@]}" demo) &
    demo=$!
    for ((tries = 0; tries < 100; tries++)); do
        if (cd / && "${as[@]}" healthcheck --url "http://localhost:$port/health") 2>/dev/null; then break; fi
        kill -0 "$demo" 2>/dev/null || fail "demo ended at once"
        sleep 0.1
    done
    ((tries < 100)) || fail "healthcheck never held while demo was serving"
    (cd / && "${as[@]}" healthcheck) || fail "healthcheck holds by name but not by address"
    kill -TERM "$demo"
    wait "$demo" || fail "demo did not end with 0 on SIGTERM"
}
