//! `healthcheck`: for a container without a shell.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use http::StatusCode;

use super::block_on;
use crate::config;
use crate::config::areas::Tls;
use crate::http::listener::{Address, Host};
use crate::vars::Vars;

const PATIENCE: Duration = Duration::from_secs(5);

pub(super) fn healthcheck(mut vars: Vars, url: Option<&str>) -> anyhow::Result<ExitCode> {
    let mut client =
        reqwest::Client::builder().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none()).no_proxy();
    let url = match url {
        Some(url) => url.to_owned(),
        None => {
            let listen = config::listen(&mut vars);
            let tls = Tls::read(&mut vars);
            // A default instead of what was meant might be somebody else, in good health.
            if let Some(problem) = vars.take_findings().0.first() {
                bail!("{problem}");
            }
            if let Host::Unix(path) = &listen.public.host {
                client = client.unix_socket(path.as_path());
            }
            // The certificate is our own and names the host that others use.
            client = client.tls_danger_accept_invalid_certs(true);
            let is_tls = tls.tls_cert_file.is_some() && (tls.tls_health.0 || listen.metrics.is_none());
            local_url(&listen.public, is_tls)
        }
    };
    let client = client.build().context("the client cannot be made")?;
    block_on(async move {
        let response = client.get(&url).send().await.map_err(reqwest::Error::without_url);
        let status = response.with_context(|| format!("{} does not answer", without_query(&url)))?.status();
        // Row B7: asked too often is alive, and a container must not be killed for what others ask.
        if !status.is_success() && status != StatusCode::TOO_MANY_REQUESTS {
            bail!("{} answers {status}", without_query(&url));
        }
        Ok(ExitCode::SUCCESS)
    })
}

fn local_url(address: &Address, is_tls: bool) -> String {
    let scheme = if is_tls { "https" } else { "http" };
    let host = match &address.host {
        Host::Unix(_) => "localhost".to_owned(),
        Host::Name(name) => match name.as_str() {
            "0.0.0.0" => "127.0.0.1".to_owned(),
            "::" => "[::1]".to_owned(),
            address if address.contains(':') => format!("[{address}]"),
            name => name.to_owned(),
        },
    };
    format!("{scheme}://{host}:{}/health", address.port)
}

fn without_query(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}
