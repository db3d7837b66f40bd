# For linux/amd64 and linux/arm64, compiled on the machine that builds, whatever the target: no emulation. Needs BuildKit.
# The program is static: Debian 12's C library is linked in, the very one it is tested with (musl's allocator is slower,
# and the tests would be of another program). Names are looked up by `files` and `dns`, which that library has built in.
# The C compiler (aws-lc and zstd are C code) and Rust's library are fetched where the building machine has another kind.
FROM --platform=$BUILDPLATFORM rust:1.95.0-bookworm AS build-amd64
ENV CARGO_BUILD_TARGET=x86_64-unknown-linux-gnu \
    CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER=x86_64-linux-gnu-gcc
# hadolint ignore=DL3008
RUN if ! command -v x86_64-linux-gnu-gcc; then \
        apt-get update \
        && apt-get install --yes --no-install-recommends gcc-x86-64-linux-gnu libc6-dev-amd64-cross \
        && rm -rf /var/lib/apt/lists/* \
        && rustup target add x86_64-unknown-linux-gnu; \
    fi

FROM --platform=$BUILDPLATFORM rust:1.95.0-bookworm AS build-arm64
ENV CARGO_BUILD_TARGET=aarch64-unknown-linux-gnu \
    CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
# hadolint ignore=DL3008
RUN if ! command -v aarch64-linux-gnu-gcc; then \
        apt-get update \
        && apt-get install --yes --no-install-recommends gcc-aarch64-linux-gnu libc6-dev-arm64-cross \
        && rm -rf /var/lib/apt/lists/* \
        && rustup target add aarch64-unknown-linux-gnu; \
    fi

# hadolint ignore=DL3006
FROM build-${TARGETARCH} AS build
WORKDIR /src
COPY . .
# The commit, for `--version`: the context holds no .git.
ARG REVISION=unknown
ENV REVISION=${REVISION}
ARG OUT=/librechat-exporter
# The caches keep the dependencies compiled between builds, whatever changes in the sources.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    RUSTFLAGS="-C target-feature=+crt-static" cargo build --profile dist --locked --bin librechat-exporter \
    && cp "target/$CARGO_BUILD_TARGET/dist/librechat-exporter" "${OUT}"

# The program alone, for archives (deploy/release/programs.sh).
FROM scratch AS program
COPY --from=build /librechat-exporter /librechat-exporter

# CA certificates, time zones and an nsswitch.conf: no C library, no shell, no package manager.
FROM gcr.io/distroless/static-debian12:nonroot
ARG REVISION=unknown
LABEL org.opencontainers.image.title="librechat-exporter" \
      org.opencontainers.image.source="https://github.com/librechat-exporter/librechat-exporter" \
      org.opencontainers.image.url="https://github.com/librechat-exporter/librechat-exporter" \
      org.opencontainers.image.description="Prometheus exporter for LibreChat, behind a guarded /metrics" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /librechat-exporter /librechat-exporter
# Writes nothing: run it with --read-only. A number, so that Kubernetes can see that it is not root.
USER 65532:65532
EXPOSE 9087
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 \
    CMD ["/librechat-exporter", "healthcheck"]
ENTRYPOINT ["/librechat-exporter"]
CMD ["serve"]
