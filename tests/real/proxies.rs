//! nginx, HAProxy and Caddy with the configurations of `examples/proxies`, in front of an exporter.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::http;
use crate::process::Process;
use crate::servers::{command, eventually, free_port};

/// The ports that the examples listen on and send to.
const EXAMPLE_LISTEN: &str = "8087";
const EXAMPLE_EXPORTER: &str = "127.0.0.1:9087";

/// The proxies with an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Appends to the line `X-Forwarded-For` of the client.
    Nginx,
    /// Adds a line after those of the client.
    HaProxy,
    /// Replaces what the client sent.
    Caddy,
}

impl Kind {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Nginx, Self::HaProxy, Self::Caddy];

    /// The example as it is shipped.
    pub(crate) fn example(self) -> PathBuf {
        let file = match self {
            Self::Nginx => "nginx.conf",
            Self::HaProxy => "haproxy.cfg",
            Self::Caddy => "Caddyfile",
        };
        Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/proxies").join(file)
    }

    /// The command that runs `configuration` in the foreground, as one process.
    fn command(self, configuration: &Path, folder: &Path) -> Command {
        match self {
            Self::Nginx => {
                let main = nginx_main(configuration, folder);
                let mut nginx = command("nginx");
                nginx.arg("-p").arg(folder).arg("-c").arg(main).args(["-e", "stderr"]);
                nginx
            }
            Self::HaProxy => {
                let mut haproxy = command("haproxy");
                haproxy.arg("-db").arg("-f").arg(configuration);
                haproxy
            }
            Self::Caddy => {
                let mut caddy = command("caddy");
                caddy.args(["run", "--adapter", "caddyfile", "--config"]).arg(configuration);
                // Where it keeps its state.
                caddy.env("HOME", folder).env("XDG_CONFIG_HOME", folder).env("XDG_DATA_HOME", folder);
                caddy
            }
        }
    }
}

/// The example is for the `http` context, as files in conf.d are; what Debian's main file would say is said here.
fn nginx_main(example: &Path, folder: &Path) -> PathBuf {
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {};\n", folder.join(name).display()))
        .concat();
    let text = format!(
        "daemon off;\nmaster_process off;\npid {};\nevents {{}}\nhttp {{\naccess_log off;\n{temporary}include {};\n}}\n",
        folder.join("nginx.pid").display(),
        example.display()
    );
    let main = folder.join("main.conf");
    fs::write(&main, text).unwrap();
    main
}

/// A running proxy. Dropping it kills it.
pub(crate) struct Proxy {
    /// Where it listens, on all addresses.
    pub(crate) port: u16,
    _process: Process,
    _folder: TempDir,
}

impl Proxy {
    /// Starts the example with only its ports changed, and waits until `/livez` of the exporter answers through it.
    pub(crate) async fn start(kind: Kind, exporter: u16) -> Self {
        let port = free_port();
        let example = kind.example();
        let text =
            fs::read_to_string(&example).unwrap_or_else(|error| panic!("{}: {error}", example.display()));
        let code: Vec<_> = text.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
        for needed in [EXAMPLE_LISTEN, EXAMPLE_EXPORTER] {
            let uses = code.iter().filter(|line| line.contains(needed)).count();
            assert_eq!(uses, 1, "{}: {needed} stands in {uses} places", example.display());
        }
        let text = text
            .replace(EXAMPLE_LISTEN, &port.to_string())
            .replace(EXAMPLE_EXPORTER, &format!("127.0.0.1:{exporter}"));
        let folder = TempDir::with_prefix("proxy").unwrap();
        let configuration = folder.path().join(example.file_name().unwrap());
        fs::write(&configuration, text).unwrap();
        let mut process = Process::start(&format!("{kind:?}"), kind.command(&configuration, folder.path()));
        eventually(&format!("{kind:?} passes /livez on"), async || {
            process.expect_alive();
            let answer = http::get(port, "/livez", &[]).await.map_err(|error| error.to_string())?;
            if answer.status == 200 { Ok(()) } else { Err(format!("{answer:?}\n{}", process.output())) }
        })
        .await;
        Self { port, _process: process, _folder: folder }
    }
}
