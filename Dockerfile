# syntax=docker/dockerfile:1

# Debian 12's C library on both sides: aws-lc and zstd are C code, and what is tested is what is shipped. A static
# musl build would be one file less to trust, but slower (its allocator), and another program than the tested one.
FROM rust:1.95.0-bookworm AS build
WORKDIR /src
COPY . .
# The commit, for `--version`: the context holds no .git.
ARG REVISION=unknown
ENV REVISION=${REVISION}
ARG OUT=/librechat-exporter
# The caches keep the dependencies compiled between builds, whatever changes in the sources.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin librechat-exporter \
    && cp target/release/librechat-exporter "${OUT}"

# The C library, CA certificates and nothing else: no shell, no package manager.
FROM gcr.io/distroless/cc-debian12:nonroot
ARG REVISION=unknown
LABEL org.opencontainers.image.title="librechat-exporter" \
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
