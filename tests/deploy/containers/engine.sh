# shellcheck shell=bash
# A Docker engine out of Debian's packages, unpacked and not installed, with folders and a socket of its own. Sourced by
# run, after tests/servers/fetch.sh.
# shellcheck disable=SC2154 # $servers is of that file

engine=$servers/engine
engine_packages=(docker.io containerd runc tini iptables libip4tc2 libip6tc2 libxtables12 libnftnl11 libnetfilter-conntrack3
    libnfnetlink0 libmnl0 libdevmapper1.02.1 libseccomp2 debootstrap)

# Why no engine can run here, in a few words; nothing where it can.
why_no_engine() {
    if [[ $(id -u) != 0 ]]; then
        printf 'they need root'
    elif [[ $(uname -m) != x86_64 ]]; then
        printf 'the servers in them are for x86-64'
    elif ! unshare --net --mount --pid --fork --mount-proc true 2>/dev/null; then
        printf 'this root may not make namespaces'
    elif ! grep -qw overlay /proc/filesystems; then
        printf 'this kernel has no overlay file system'
    fi
}

fetch_engine() {
    local package
    mkdir -p "$engine"
    if [[ -x $engine/usr/sbin/dockerd ]]; then return; fi
    debian_index
    for package in "${engine_packages[@]}"; do
        unpack_debian "$package" engine
    done
    # Debian chooses between the two with links that only an installation makes.
    ln -sf iptables-legacy "$engine/usr/sbin/iptables"
    ln -sf ip6tables-legacy "$engine/usr/sbin/ip6tables"
}

# In namespaces that were just made.
start_engine() {
    local tries
    ip link set lo up
    export PATH=$engine/usr/bin:$engine/usr/sbin:$servers/tools:$PATH
    export LD_LIBRARY_PATH=$engine/usr/lib/x86_64-linux-gnu:$engine/lib/x86_64-linux-gnu
    export XTABLES_LIBDIR=$engine/usr/lib/x86_64-linux-gnu/xtables
    engine_scratch=$(mktemp -d)
    export DOCKER_HOST=unix://$engine_scratch/docker.sock DOCKER_CONFIG=$engine_scratch DOCKER_BUILDKIT=1
    mkdir -p "$engine/data"
    dockerd --data-root "$engine/data" --exec-root "$engine_scratch/exec" --pidfile "$engine_scratch/pid" \
        --host "$DOCKER_HOST" >"$engine/dockerd.log" 2>&1 &
    engine_process=$!
    for ((tries = 0; tries < 300; tries++)); do
        if docker version >/dev/null 2>&1; then break; fi
        kill -0 "$engine_process" 2>/dev/null || break
        sleep 0.1
    done
    if ! docker version >/dev/null 2>&1; then
        tail -n 20 "$engine/dockerd.log" >&2
        fail 'the Docker engine did not start'
    fi
    # What a run that was ended left behind.
    docker ps --all --quiet | xargs --no-run-if-empty docker rm --force --volumes >/dev/null
    docker network prune --force >/dev/null
    docker volume prune --force >/dev/null
    printf 'Docker engine %s, %s\n' "$(docker version --format '{{.Server.Version}}')" "$(docker info --format '{{.Driver}}')"
}

stop_engine() {
    docker ps --all --quiet | xargs --no-run-if-empty docker rm --force --volumes >/dev/null || true
    kill "$engine_process" && wait "$engine_process" || true
    rm -rf "$engine_scratch"
}
