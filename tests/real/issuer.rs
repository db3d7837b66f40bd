//! A real OpenID provider (`issuer.mjs`) that can be stopped, started again, and given new keys.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::http;
use crate::process::Process;
use crate::prometheus::Jobs;
use crate::servers::{eventually, fetched, free_port};

/// The only client of the provider, and its secret.
const CLIENT: (&str, &str) = ("prometheus", "secret-of-the-client-of-the-test");

/// The audience of tokens for [`Resource::Rs256`] and [`Resource::Es256`].
pub(crate) const AUDIENCE: &str = "librechat-exporter";

/// The scope that tests ask for when a token shall be enough.
pub(crate) const SCOPE: &str = "metrics:read";

/// What a token is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Resource {
    /// The exporter, signed with RSA.
    Rs256,
    /// The exporter, signed with an elliptic curve.
    Es256,
    /// Something else.
    Other,
}

impl Resource {
    const fn url(self) -> &'static str {
        match self {
            Self::Rs256 => "https://rs256.example",
            Self::Es256 => "https://es256.example",
            Self::Other => "https://other.example",
        }
    }
}

/// One provider. Dropping it kills it.
pub(crate) struct Issuer {
    port: u16,
    folder: TempDir,
    process: Option<Process>,
}

impl Issuer {
    /// Starts one with new keys.
    pub(crate) async fn start() -> Self {
        let folder = TempDir::with_prefix("issuer").unwrap();
        let mut issuer = Self { port: free_port(), folder, process: None };
        issuer.restart().await;
        issuer
    }

    /// Starts it on its port, with the keys it had, and waits until it publishes them.
    pub(crate) async fn restart(&mut self) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real/issuer.mjs");
        let modules = fetched("node/node_modules/oidc-provider");
        let mut node = Command::new("node");
        node.arg(script).arg(modules.parent().unwrap()).arg(self.port.to_string()).arg(self.keys());
        let mut process = Process::start("node (20 or newer; Debian: apt-get install nodejs)", node);
        eventually("the issuer publishes its keys", async || {
            process.expect_alive();
            let keys = http::get(self.port, "/jwks", &[]).await.map_err(|error| error.to_string())?;
            if keys.status == 200 { Ok(()) } else { Err(keys.text()) }
        })
        .await;
        self.process = Some(process);
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.process = None;
    }

    /// Starts it again with new keys and without the old ones.
    pub(crate) async fn rotate(&mut self) {
        self.kill();
        fs::remove_file(self.keys()).unwrap();
        self.restart().await;
    }

    fn keys(&self) -> std::path::PathBuf {
        self.folder.path().join("keys.json")
    }

    /// Its name: what `METRICS_OAUTH2_ISSUER` is set to.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The `oauth2` block of a scrape job, as Prometheus and vmagent have it.
    pub(crate) fn job(&self, resource: Resource, scope: &str) -> String {
        let (client, secret) = CLIENT;
        format!(
            "oauth2:\n  client_id: {client}\n  client_secret: {secret}\n  token_url: {}/token\n  \
             scopes: ['{scope}']\n  endpoint_params: {{resource: '{}'}}",
            self.url(),
            resource.url()
        )
    }

    /// `prometheus/scrape/oauth2.yml`, for tokens of this issuer and the exporter at `port`.
    pub(crate) fn shipped_job(&self, resource: Resource, port: u16) -> Jobs {
        let changes = [
            ("librechat-exporter:9087", format!("127.0.0.1:{port}")),
            ("https://idp.example.com/oauth2/token", format!("{}/token", self.url())),
            ("https://librechat-exporter.example.com", resource.url().to_owned()),
        ];
        let jobs = Jobs::shipped("oauth2.yml", &changes.each_ref().map(|(from, to)| (*from, to.as_str())));
        jobs.file("librechat-client-secret", CLIENT.1);
        jobs
    }

    /// A token, asked for as scrapers do.
    pub(crate) async fn token(&self, resource: Resource, scope: &str) -> String {
        let (client, secret) = CLIENT;
        let body = format!("grant_type=client_credentials&scope={scope}&resource={}", resource.url());
        let request = reqwest::Client::new()
            .post(format!("{}/token", self.url()))
            .basic_auth(client, Some(secret))
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(body);
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        let token = answer["access_token"].as_str();
        token.unwrap_or_else(|| panic!("no token: {answer}")).to_owned()
    }
}
