# shellcheck shell=bash
# The steps of the Dockerfile as far as they go without a Docker engine: its context as .dockerignore leaves it, its
# build command as it stands there, and its final stage's needs: the shared libraries, user and health check.
# Sourced by .ci/run.

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

# The command of the Dockerfile's RUN that calls cargo, without its mounts.
image_build_command() {
    sed -e ':join' -e '/\\$/{N;s/\\\n//;b join' -e '}' Dockerfile |
        grep -E '^RUN .*cargo build' | sed -E 's/^RUN +//; s/--mount=[^ ]+ +//g'
}

image_steps() {
    local context=$PWD/target/image root command library
    # The build's cache mount: kept from run to run.
    mkdir -p target/image-cache
    image_context "$context"
    ln -s ../image-cache "$context/target"
    command=$(image_build_command)
    [[ -n $command ]] || fail "the Dockerfile has no RUN that calls cargo build"
    root=$(mktemp -d)
    chmod 755 "$root"
    printf '%s\n' "$command"
    (
        cd "$context" || exit
        unset CARGO_TARGET_DIR
        REVISION=$(git rev-parse HEAD) OUT=$root/librechat-exporter bash -euo pipefail -c "$command"
    )

    # What the base image (distroless cc, Debian 12) has, and no more.
    while read -r library; do
        case $library in
        linux-vdso.so.1 | libc.so.6 | libm.so.6 | libgcc_s.so.1 | /lib64/ld-linux-x86-64.so.2 | /lib/ld-linux-aarch64.so.1) ;;
        *) fail "the program needs $library, which the final image does not have" ;;
        esac
    done < <(ldd "$root/librechat-exporter" | awk '{print $1}')
    "$root/librechat-exporter" --version
    image_health_check "$root/librechat-exporter"
    printf '%s bytes\n' "$(stat --format=%s "$root/librechat-exporter")"
    rm -rf "$root"
}

# The health check as the image would run it: from an empty environment, as the image's user where that can be, in a
# folder where nobody may write. It must fail while nothing serves, and hold while `demo` does.
image_health_check() {
    local program=$1 port=19087 demo tries user as=()
    grep -q '"/librechat-exporter", "healthcheck"' Dockerfile || fail "the Dockerfile has no HEALTHCHECK in exec form"
    user=$(sed -nE 's/^USER ([0-9]+):([0-9]+)$/--reuid=\1 --regid=\2/p' Dockerfile)
    [[ -n $user ]] || fail "the Dockerfile's USER is not a pair of numbers"
    # shellcheck disable=SC2206 # two words on purpose
    if [[ $(id -u) == 0 ]]; then as=(setpriv $user --clear-groups); fi
    as+=(env -i "PORT=$port" HOST=127.0.0.1 "$program")

    if (cd / && "${as[@]}" healthcheck); then fail "healthcheck holds though nothing serves"; fi
    (cd / && exec "${as[@]}" demo) &
    demo=$!
    for ((tries = 0; tries < 100; tries++)); do
        if (cd / && "${as[@]}" healthcheck) 2>/dev/null; then break; fi
        kill -0 "$demo" 2>/dev/null || fail "demo ended at once"
        sleep 0.1
    done
    kill -TERM "$demo"
    wait "$demo" || fail "demo did not end with 0 on SIGTERM"
    ((tries < 100)) || fail "healthcheck never held while demo was serving"
}
