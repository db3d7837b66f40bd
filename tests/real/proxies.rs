//! nginx, HAProxy, Caddy and Traefik with the configurations of `examples/proxies`: the very files, in which only ports,
//! addresses and folders are replaced.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::certificates::Authority;
use crate::http;
use crate::process::Process;
use crate::servers::{command, eventually, free_port};

/// The user whom the examples with Basic Authentication let in here.
pub(crate) const USER: (&str, &str) = ("alice", "password-of-the-proxy");

/// The ports that the examples listen on; each has one of them.
const LISTEN: [&str; 3] = ["8080", "8087", "8443"];

/// The folders in which the examples have their files.
const FOLDERS: [&str; 4] = ["/etc/nginx/", "/etc/haproxy/", "/etc/caddy/", "/etc/traefik/"];

/// The proxies with examples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Appends to the line `X-Forwarded-For` of the client.
    Nginx,
    /// Adds a line after those of the client.
    HaProxy,
    /// Replaces what the client sent.
    Caddy,
    /// Replaces what the client sent; cannot rewrite cookies.
    Traefik,
}

/// What a proxy is for: one folder of examples each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    /// The exporter alone.
    Exporter,
    /// The exporter alone, on a Unix socket.
    Socket,
    /// LibreChat behind Basic Authentication, the exporter beside it.
    Basic,
    /// LibreChat and its companions under one host name.
    OneOrigin,
    /// LibreChat at `chat.example.com`, the exporter at `metrics.example.com`.
    Siblings,
    /// A companion beside LibreChat and another exporter, guarded by `/auth`.
    ForwardAuth,
}

/// The ports of what stands behind a proxy; what a case does not have is not looked at.
#[derive(Clone, Copy)]
pub(crate) struct Behind {
    pub(crate) exporter: u16,
    pub(crate) librechat: u16,
    pub(crate) companion: u16,
    pub(crate) node: u16,
}

impl Case {
    /// All of them.
    pub(crate) const ALL: [Self; 6] =
        [Self::Exporter, Self::Socket, Self::Basic, Self::OneOrigin, Self::Siblings, Self::ForwardAuth];

    /// The proxies that have an example of it.
    pub(crate) fn kinds(self) -> &'static [Kind] {
        match self {
            // What Traefik cannot: connect to a socket, change a part of a cookie.
            Self::Socket | Self::Siblings => &Kind::REWRITING,
            // HAProxy has nothing that asks for every request, but in Lua.
            Self::ForwardAuth => &Kind::ASKING,
            Self::Exporter | Self::Basic | Self::OneOrigin => &Kind::ALL,
        }
    }
}

impl Default for Behind {
    /// Nothing: no test is given a port so low.
    fn default() -> Self {
        Self { exporter: 9, librechat: 9, companion: 9, node: 9 }
    }
}

impl Kind {
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [Self::Nginx, Self::HaProxy, Self::Caddy, Self::Traefik];

    /// Those that can change cookies.
    pub(crate) const REWRITING: [Self; 3] = [Self::Nginx, Self::HaProxy, Self::Caddy];

    /// Those that ask somebody else whether a request may pass.
    pub(crate) const ASKING: [Self; 3] = [Self::Nginx, Self::Caddy, Self::Traefik];

    /// Whether the client's own `X-Forwarded-For` gets past it.
    pub(crate) fn passes_on_what_the_client_says(self) -> bool {
        matches!(self, Self::Nginx | Self::HaProxy)
    }

    /// Its examples for a case, below `examples/proxies`: the file that it is started with comes first.
    pub(crate) fn examples(self, case: Case) -> Vec<PathBuf> {
        let folder = match case {
            Case::Exporter => "exporter",
            Case::Socket => "socket",
            Case::Basic => "basic",
            Case::OneOrigin => "one-origin",
            Case::Siblings => "siblings",
            Case::ForwardAuth => "forward-auth",
        };
        let files = match self {
            Self::Nginx => vec![format!("{folder}/nginx.conf")],
            Self::HaProxy => vec![format!("{folder}/haproxy.cfg")],
            Self::Caddy => vec![format!("{folder}/Caddyfile")],
            Self::Traefik => vec!["traefik.yaml".to_owned(), format!("{folder}/traefik.yaml")],
        };
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/proxies");
        files.into_iter().map(|file| root.join(file)).collect()
    }

    /// What the examples call the file that `text` is of, in the proxy's own folder.
    fn place(self, example: &Path, first: bool) -> &str {
        match self {
            Self::Traefik if !first => "dynamic.yaml",
            _ => example.file_name().unwrap().to_str().unwrap(),
        }
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
                haproxy.arg("-db").arg("-f").arg(configuration).arg("-f").arg(folder.join("users.cfg"));
                haproxy
            }
            Self::Caddy => {
                let mut caddy = command("caddy");
                caddy.args(["run", "--adapter", "caddyfile", "--config"]).arg(configuration);
                // Where it keeps its state.
                caddy.env("HOME", folder).env("XDG_CONFIG_HOME", folder).env("XDG_DATA_HOME", folder);
                caddy
            }
            Self::Traefik => {
                let mut traefik = command("traefik");
                traefik.arg(format!("--configFile={}", configuration.display())).current_dir(folder);
                traefik
            }
        }
    }

    /// The files with [`USER`] that the examples with Basic Authentication name, as each proxy wants them.
    fn write_users(self, folder: &Path) {
        let (name, password) = USER;
        let hash = bcrypt::hash(password, 4).unwrap();
        let (file, text) = match self {
            Self::Nginx | Self::Traefik => ("librechat.users", format!("{name}:{hash}\n")),
            Self::HaProxy => ("users.cfg", format!("userlist librechat\n    user {name} password {hash}\n")),
            Self::Caddy => ("librechat.users", format!("{name} {hash}\n")),
        };
        fs::write(folder.join(file), text).unwrap();
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

/// What an example says outside of comments.
fn code(text: &str) -> String {
    text.lines().filter(|line| !line.trim_start().starts_with('#')).collect::<Vec<_>>().join("\n")
}

/// A running proxy. Dropping it kills it.
pub(crate) struct Proxy {
    /// Where it listens, on all addresses.
    pub(crate) port: u16,
    /// The certificate of the authority to trust, where it speaks TLS.
    pub(crate) authority: Option<PathBuf>,
    _process: Process,
    _folder: TempDir,
}

impl Proxy {
    /// Starts the example, and waits until it passes a request on.
    pub(crate) async fn start(kind: Kind, case: Case, behind: Behind) -> Self {
        Self::start_changed(kind, case, behind, str::to_owned).await
    }

    /// The same with `change` made to the example: for showing what a line of it is for.
    pub(crate) async fn start_changed(
        kind: Kind,
        case: Case,
        behind: Behind,
        change: impl Fn(&str) -> String,
    ) -> Self {
        let port = free_port();
        let folder = TempDir::with_prefix("proxy").unwrap();
        kind.write_users(folder.path());
        let authority = (case == Case::Siblings).then(|| write_certificates(folder.path()));
        let written = write_examples(kind, case, &folder, port, behind, change);
        let mut process = Process::start(&format!("{kind:?}"), kind.command(&written, folder.path()));
        eventually(&format!("{kind:?} passes requests on"), async || {
            process.expect_alive();
            let answer = match case {
                Case::Exporter | Case::Socket => http::get(port, "/livez", &[]).await,
                Case::Basic | Case::OneOrigin | Case::ForwardAuth => http::get(port, "/health", &[]).await,
                // It has read its configuration when it listens.
                Case::Siblings => {
                    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await;
                    return stream.map(drop).map_err(|error| error.to_string());
                }
            };
            let answer = answer.map_err(|error| error.to_string())?;
            if answer.status == 200 { Ok(()) } else { Err(format!("{answer:?}\n{}", process.output())) }
        })
        .await;
        Self { port, authority, _process: process, _folder: folder }
    }
}

/// Writes the examples of the case into `folder` as they are, less what must differ here; gives the file to start with.
fn write_examples(
    kind: Kind,
    case: Case,
    folder: &TempDir,
    port: u16,
    behind: Behind,
    change: impl Fn(&str) -> String,
) -> PathBuf {
    let examples = kind.examples(case);
    let read = |path: &PathBuf| {
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let texts: Vec<String> = examples.iter().map(read).collect();
    let all = code(&texts.concat());
    let listen: Vec<_> = LISTEN.into_iter().filter(|port| all.contains(port)).collect();
    assert_eq!(listen.len(), 1, "{examples:?} listen on {listen:?}");
    let mut replacements = vec![(listen[0].to_owned(), port.to_string())];
    let companions: &[_] = match case {
        Case::Exporter => &[("9087", behind.exporter)],
        // Its path is changed by the test.
        Case::Socket => &[],
        Case::Basic | Case::Siblings => &[("9087", behind.exporter), ("3080", behind.librechat)],
        Case::OneOrigin => {
            &[("9087", behind.exporter), ("3080", behind.librechat), ("3081", behind.companion)]
        }
        Case::ForwardAuth => &[
            ("9087", behind.exporter),
            ("3080", behind.librechat),
            ("3081", behind.companion),
            ("9100", behind.node),
        ],
    };
    for (example, real) in companions {
        let address = format!("127.0.0.1:{example}");
        let uses = all.matches(&address).count();
        assert_eq!(uses, 1, "{examples:?}: {address} stands in {uses} places");
        replacements.push((address, format!("127.0.0.1:{real}")));
    }
    let here = format!("{}/", folder.path().display());
    replacements.extend(FOLDERS.map(|folder| (folder.to_owned(), here.clone())));
    let mut written = Vec::new();
    for (index, (example, text)) in examples.iter().zip(texts).enumerate() {
        let text = replacements.iter().fold(text, |text, (from, to)| text.replace(from, to));
        let path = folder.path().join(kind.place(example, index == 0));
        fs::write(&path, change(&text)).unwrap();
        written.push(path);
    }
    written.swap_remove(0)
}

/// A certificate for every host below `example.com` and `example.net`, as files that the examples name; gives the one of
/// its authority.
fn write_certificates(folder: &Path) -> PathBuf {
    let authority = Authority::new("authority");
    let identity = authority.issue_for(&["*.example.com", "*.example.net"], "example.com", 2100);
    let [cert, key] = identity.write(folder, "example.com").map(|path| fs::read_to_string(path).unwrap());
    fs::write(folder.join("example.com.pem"), cert + &key).unwrap();
    let path = folder.join("authority.crt");
    fs::write(&path, authority.pem()).unwrap();
    path
}
