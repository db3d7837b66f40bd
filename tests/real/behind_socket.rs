//! The exporter on a Unix socket behind real proxies, and behind HAProxy that speaks the PROXY protocol.

use std::fs;
use std::process::Command;

use tempfile::TempDir;

use crate::certificates::Authority;
use crate::exporter::Exporter;
use crate::http::{get, get_from};
use crate::process::Process;
use crate::proxies::{Behind, Case, Proxy};
use crate::servers::{command, eventually, free_port};

const ALICE: [u8; 4] = [127, 0, 0, 2];
const BOB: [u8; 4] = [127, 0, 0, 3];
const TOKEN: &str = "a-token-of-at-least-sixteen-characters";
const RIGHT: (&str, &str) = ("Authorization", "Bearer a-token-of-at-least-sixteen-characters");

#[tokio::test]
async fn proxies_reach_a_socket_and_say_who_asks() {
    for kind in Case::Socket.kinds().iter().copied() {
        let folder = TempDir::with_prefix("socket").unwrap();
        let path = folder.path().join("exporter.sock");
        let host = format!("unix:{}", path.display());
        // As in a folder that only the two may enter.
        let settings = [
            ("HOST", &*host),
            ("METRICS_SOCKET_MODE", "0666"),
            // As which a socket counts. Not all of loopback, of which the clients are here: they would be proxies too.
            ("TRUST_PROXY", "127.0.0.1"),
            ("METRICS_ALLOWED_IPS", "127.0.0.2"),
            ("METRICS_BEARER_TOKEN", TOKEN),
        ];
        let _exporter = Exporter::spawn("demo", &settings);
        let to_here =
            |text: &str| text.replace("/run/librechat-exporter/exporter.sock", path.to_str().unwrap());
        let proxy = Proxy::start_changed(kind, Case::Socket, Behind::default(), to_here).await;
        let status = async |from, headers: &[(&str, &str)]| {
            get_from(from, proxy.port, "/metrics", headers).await.unwrap().status
        };
        assert_eq!(status(ALICE, &[RIGHT]).await, 200, "{kind:?}");
        assert_eq!(status(ALICE, &[]).await, 401, "{kind:?}");
        assert_eq!(status(BOB, &[RIGHT]).await, 403, "{kind:?}");
        assert_eq!(status(BOB, &[RIGHT, ("X-Forwarded-For", "127.0.0.2")]).await, 403, "{kind:?}");
    }
}

/// HAProxy that passes on bytes to the exporter at that port, with its own header in front of them.
async fn haproxy(folder: &TempDir, option: &str, exporter: u16) -> (u16, Process) {
    let port = free_port();
    let text = format!(
        "defaults\n    mode tcp\n    timeout connect 5s\n    timeout client 30s\n    timeout server 30s\n\
         listen metrics\n    bind 127.0.0.1:{port}\n    server exporter 127.0.0.1:{exporter} {option}\n"
    );
    let configuration = folder.path().join(format!("{option}.cfg"));
    fs::write(&configuration, text).unwrap();
    let mut haproxy = command("haproxy");
    haproxy.arg("-db").arg("-f").arg(&configuration);
    (port, Process::start("haproxy", haproxy))
}

#[tokio::test]
async fn row_b9_haproxy_names_its_clients_by_the_proxy_protocol() {
    let folder = TempDir::with_prefix("haproxy").unwrap();
    let settings =
        [("PROXY_PROTOCOL", "true"), ("TRUST_PROXY", "127.0.0.1"), ("METRICS_ALLOWED_IPS", "127.0.0.2")];
    let exporter = Exporter::demo(&settings).await;
    for option in ["send-proxy", "send-proxy-v2"] {
        let (port, _haproxy) = haproxy(&folder, option, exporter.port).await;
        eventually(&format!("HAProxy with {option} passes connections on"), async || {
            get(port, "/livez", &[]).await.map_err(|error| error.to_string())
        })
        .await;
        let status = async |from| get_from(from, port, "/metrics", &[]).await.unwrap().status;
        assert_eq!(status(ALICE).await, 200, "{option}");
        assert_eq!(status(BOB).await, 403, "{option}");
    }
}

#[tokio::test]
async fn row_b9_tls_begins_behind_the_header() {
    let folder = TempDir::with_prefix("haproxy").unwrap();
    let authority = Authority::new("servers");
    let [cert, key] = authority.issue("exporter", 2100).write(folder.path(), "server");
    let ca = folder.path().join("authority.crt");
    fs::write(&ca, authority.pem()).unwrap();
    let settings = [
        ("PROXY_PROTOCOL", "true"),
        ("TRUST_PROXY", "127.0.0.1"),
        ("METRICS_ALLOWED_IPS", "127.0.0.2"),
        ("TLS_CERT_FILE", cert.as_str()),
        ("TLS_KEY_FILE", key.as_str()),
    ];
    let exporter = Exporter::spawn("demo", &settings);
    let (port, _haproxy) = haproxy(&folder, "send-proxy-v2", exporter.port).await;
    let curl = |from: &str, path: &str| {
        let mut curl = Command::new("curl");
        curl.args([
            "-sS",
            "-o",
            "/dev/null",
            "-w",
            "%{http_code}",
            "--interface",
            from,
            "--max-time",
            "60",
            "--cacert",
        ]);
        // The name in the certificate.
        let output = curl.arg(&ca).arg(format!("https://127.0.0.1:{port}{path}")).output().unwrap();
        let [status, said] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        if status == "000" { said } else { status }
    };
    eventually("the exporter is ready", async || match curl("127.0.0.2", "/readyz") {
        status if status == "200" => Ok(()),
        status => Err(status),
    })
    .await;
    assert_eq!(curl("127.0.0.2", "/metrics"), "200");
    assert_eq!(curl("127.0.0.3", "/metrics"), "403");
}
