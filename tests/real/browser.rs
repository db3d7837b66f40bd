//! A browser as far as cookies go: curl with a cookie jar, which keeps and sends them by RFC 6265, with the list of public
//! suffixes. It knows no `SameSite`: whatever it sends, a browser sends at most.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;
use tokio::task::spawn_blocking;

use crate::http::Response;
use crate::proxies::Proxy;
use crate::servers::command;

/// What a browser says that it would like to see.
pub(crate) const PAGE: &str = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

/// One browser with its cookies, for which every host name is this machine.
pub(crate) struct Browser {
    port: u16,
    authority: Option<PathBuf>,
    folder: TempDir,
}

impl Browser {
    /// One that talks to the proxy.
    pub(crate) fn of(proxy: &Proxy) -> Self {
        let folder = TempDir::with_prefix("browser").unwrap();
        let browser = Self { port: proxy.port, authority: proxy.authority.clone(), folder };
        File::create(browser.jar()).unwrap();
        browser
    }

    fn jar(&self) -> PathBuf {
        self.folder.path().join("jar")
    }

    /// The same browser with the same cookies, when another proxy has taken the place of the first.
    pub(crate) fn moved_to(self, proxy: &Proxy) -> Self {
        Self { port: proxy.port, authority: proxy.authority.clone(), ..self }
    }

    /// The command for one request, with more arguments of curl.
    pub(crate) fn command(&self, host: &str, path: &str, arguments: &[&str]) -> Command {
        // The first argument: no settings of whoever runs the tests.
        let mut curl = command("curl");
        curl.args([
            "--disable",
            "--silent",
            "--show-error",
            "--include",
            "--raw",
            "--http1.1",
            "--path-as-is",
        ]);
        curl.args(["--max-time", "30", "--noproxy", "*", "--no-buffer"]);
        curl.args(["--resolve", &format!("*:{}:127.0.0.1", self.port)]);
        // From standard input, since curl reads a file a second time at its end and so revives what was just deleted.
        curl.args(["--cookie", "-", "--cookie-jar"]).arg(self.jar()).args(arguments);
        let scheme = match &self.authority {
            Some(authority) => {
                curl.arg("--cacert").arg(authority);
                "https"
            }
            None => "http",
        };
        curl.arg(format!("{scheme}://{host}:{}{path}", self.port));
        curl
    }

    /// One request with more arguments of curl.
    pub(crate) async fn ask(&self, host: &str, path: &str, arguments: &[&str]) -> Response {
        let mut command = self.command(host, path, arguments);
        command.stdin(File::open(self.jar()).unwrap());
        let output = spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "https://{host}{path}: {said}");
        Response::parse(&output.stdout)
            .unwrap_or_else(|| panic!("{host}{path}: not a whole answer: {output:?}"))
    }

    /// The names of the cookies that it has, each with the host that may get it, sorted.
    pub(crate) fn cookies(&self) -> Vec<String> {
        let jar = fs::read_to_string(self.jar()).unwrap();
        let lines = jar.lines().map(|line| line.strip_prefix("#HttpOnly_").unwrap_or(line));
        let fields =
            lines.map(|line| line.split('\t').collect::<Vec<_>>()).filter(|fields| fields.len() == 7);
        let mut cookies: Vec<_> = fields.map(|fields| format!("{} {}", fields[5], fields[0])).collect();
        cookies.sort();
        cookies
    }
}
