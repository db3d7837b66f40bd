# shellcheck shell=bash
# The images that the Dockerfile and the compose files begin with, under their own names, made of what can be had without
# a registry of images: Debian's packages, this machine's Rust, the mongod and the Prometheus of the tests, and mongosh
# from npm. So what is built and run here is all but those bases. Sourced by run, after engine.sh.
# shellcheck disable=SC2154 # $servers and $engine are of other files

parts=$servers/engine/parts
mongosh_version=2.5.8

# Debian 12 with what the stand-ins need: a C compiler, systemd, mongod's libraries, busybox for wget.
debian_packages=gcc,libc6-dev,ca-certificates,tzdata,systemd,systemd-sysv,libcurl4,libssl3,libstdc++6,busybox-static

fetch_image_parts() {
    local mirror
    mkdir -p "$parts"
    npm_package mongosh "$mongosh_version" engine/parts/mongosh
    # The unit's `kill`, which servers have and so small a Debian has not.
    if [[ ! -x $engine/bin/kill ]]; then
        debian_index
        unpack_debian procps engine
    fi
    if ! sha256sum --check --status "$parts/vendor.stamp" 2>/dev/null; then
        rm -rf "$parts/vendor"
        cargo vendor --locked --quiet --versioned-dirs "$parts/vendor" >/dev/null
        sha256sum Cargo.lock >"$parts/vendor.stamp"
    fi
    if [[ -e $parts/debian.tar && $(cat "$parts/debian.packages" 2>/dev/null) == "$debian_packages" ]]; then return; fi
    # shellcheck disable=SC2016
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Component: main' | grep --max-count=1 '/debian/$') ||
        fail 'apt has no source of Debian packages (Debian: see sources.list(5))'
    rm -rf "$parts/root"
    DEBOOTSTRAP_DIR=$engine/usr/share/debootstrap "$engine/usr/sbin/debootstrap" --variant=minbase \
        --include="$debian_packages" bookworm "$parts/root" "$mirror" >"$parts/debootstrap.log" 2>&1 ||
        fail "debootstrap failed; see $parts/debootstrap.log"
    tar --create --file "$parts/debian.tar" --directory "$parts/root" --one-file-system --exclude=./dev/* --exclude=./proc/* \
        --exclude=./var/cache/apt/archives/*.deb --exclude=./var/lib/apt/lists/* .
    rm -rf "$parts/root"
    printf '%s\n' "$debian_packages" >"$parts/debian.packages"
    printf 'fetched a Debian 12 for images\n'
}

# image NAME STAMP COMMAND...: runs the command, which makes the image, unless the one that is there has this stamp.
image() {
    local name=$1 stamp=$2 file
    file=$parts/stamp-$(tr -c '[:alnum:]\n' - <<<"$name")
    shift 2
    if [[ $(cat "$file" 2>/dev/null) == "$stamp" ]] && docker image inspect "$name" >/dev/null 2>&1; then return; fi
    "$@" "$name"
    printf '%s\n' "$stamp" >"$file"
    printf 'made an image for %s\n' "$name"
}



debian_image() {
    docker import "$parts/debian.tar" "$1" >/dev/null
}

# The image of Rust has its toolchain and keeps what cargo fetched; this one has the machine's own, and what Cargo.lock
# names, so that the build needs no network.
rust_image() {
    local context=$parts/rust
    rm -rf "$context"
    mkdir -p "$context"
    cp -r "$(rustc --print sysroot)" "$context/toolchain"
    rm -rf "$context/toolchain/share" "$context/toolchain/lib/rustlib/src"
    mv "$parts/vendor" "$context/vendor"
    cat >"$context/config.toml" <<'TOML'
[source.crates-io]
replace-with = "vendored"
[source.vendored]
directory = "/usr/local/rust/vendor"
TOML
    docker build --quiet --tag "$1" --file - "$context" >/dev/null <<'DOCKERFILE'
FROM debian-stand-in
ENV PATH=/usr/local/rust/toolchain/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    CARGO_HOME=/usr/local/cargo
COPY toolchain /usr/local/rust/toolchain
COPY vendor /usr/local/rust/vendor
COPY config.toml /usr/local/cargo/config.toml
DOCKERFILE
    mv "$context/vendor" "$parts/vendor"
    rm -rf "$context"
}

# As distroless' static image: certificates, time zones, an nsswitch.conf, a user, and no program.
static_image() {
    local root=$parts/static
    rm -rf "$root"
    mkdir -p "$root/etc" "$root/tmp" "$root/home/nonroot"
    tar --extract --file "$parts/debian.tar" --directory "$root" ./etc/ssl/certs/ca-certificates.crt ./usr/share/zoneinfo
    printf 'hosts: files dns\n' >"$root/etc/nsswitch.conf"
    printf 'root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n' >"$root/etc/passwd"
    printf 'root:x:0:\nnonroot:x:65532:\n' >"$root/etc/group"
    chmod 1777 "$root/tmp"
    tar --create --directory "$root" . | docker import --change 'USER 65532' - "$1" >/dev/null
    rm -rf "$root"
}

prometheus_image() {
    local context=$parts/prometheus
    mkdir -p "$context"
    cp "$servers/bin/prometheus" "$context/"
    docker build --quiet --tag "$1" --file - "$context" >/dev/null <<'DOCKERFILE'
FROM debian-stand-in
COPY prometheus /bin/prometheus
RUN ln -s /bin/busybox /usr/local/bin/wget && mkdir /prometheus && chown 65534:65534 /prometheus
USER 65534
VOLUME /prometheus
WORKDIR /prometheus
ENTRYPOINT ["/bin/prometheus"]
DOCKERFILE
}

# The official image's entry point as far as compose.yaml needs it: on an empty folder it starts mongod for itself alone,
# makes the first user and runs the scripts, and then starts mongod with authentication.
mongo_image() {
    local context=$parts/mongo
    rm -rf "$context"
    mkdir -p "$context"
    cp "$servers/bin/mongod" "$(command -v node)" tests/deploy/containers/mongo-entrypoint.sh "$context/"
    cp -r "$parts/mongosh/node_modules" "$context/"
    docker build --quiet --tag "$1" --file - "$context" >/dev/null <<'DOCKERFILE'
FROM debian-stand-in
COPY mongod node /usr/local/bin/
COPY node_modules /usr/local/lib/mongosh/node_modules
COPY mongo-entrypoint.sh /usr/local/bin/docker-entrypoint.sh
RUN ln -s ../lib/mongosh/node_modules/.bin/mongosh /usr/local/bin/mongosh \
    && chmod 755 /usr/local/bin/docker-entrypoint.sh \
    && mkdir -p /data/db /data/configdb \
    && chown -R 999:999 /data
VOLUME /data/db /data/configdb
ENTRYPOINT ["/usr/local/bin/docker-entrypoint.sh"]
CMD ["mongod"]
DOCKERFILE
    rm -rf "$context"
}

# What compose files and the Dockerfile begin with, so that a new version there is a new name here.
named_image() {
    sed -nE "s#^(FROM .*|[[:space:]]*image:) ?($1:[^ ]*).*#\2#p" Dockerfile compose.yaml | head -n 1
}

base_images() {
    local debian
    debian=$(stat --format='%s %Y' "$parts/debian.tar")
    image debian-stand-in "$debian" debian_image
    image "$(named_image rust)" "$debian $(rustc --version) $(sha256sum <Cargo.lock)" rust_image
    image "$(named_image 'gcr.io/distroless/static-debian12')" "$debian" static_image
    image "$(named_image prom/prometheus)" "$debian" prometheus_image
    image "$(named_image mongo)" "$debian $mongosh_version $(sha256sum <tests/deploy/containers/mongo-entrypoint.sh)" mongo_image
}

# The image itself, from the Dockerfile as it stands and without a network; compose finds it by its name.
program_image() {
    local name container
    name=$(sed -nE 's#^ *image: (ghcr.io/.*)#\1#p' compose.yaml)
    REVISION=$(git rev-parse HEAD)
    export REVISION
    docker build --network none --progress plain --build-arg REVISION="$REVISION" --tag "$name" . >target/image.log 2>&1 || {
        tail -n 40 target/image.log >&2
        fail 'the image was not built; all of it is in target/image.log'
    }
    container=$(docker create "$name")
    docker cp "$container:/librechat-exporter" target/image-program
    docker rm "$container" >/dev/null
    printf 'built %s: %s bytes of program\n' "$name" "$(stat --format=%s target/image-program)"
}
