//! `healthcheck`: for a container without a shell.

use std::error::Error;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
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
        Some(url) => address(url)?,
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
        let response = client.get(&url).send().await;
        let response = response.map_err(|error| anyhow!("{}: {}", without_query(&url), reason(&error)))?;
        let status = response.status();
        // Row B7: asked too often is alive, and a container must not be killed for what others ask.
        if !status.is_success() && status != StatusCode::TOO_MANY_REQUESTS {
            bail!("{} answers {status}", without_query(&url));
        }
        Ok(ExitCode::SUCCESS)
    })
}

fn address(text: &str) -> anyhow::Result<String> {
    match reqwest::Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(text.to_owned()),
        _ => bail!("--url: {} is not an address like http://127.0.0.1:9087/health", without_query(text)),
    }
}

/// What went wrong, without the layers that it went through.
fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {} s", PATIENCE.as_secs());
    }
    let mut innermost: &dyn Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    match innermost.downcast_ref::<io::Error>().map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused) => "connection refused".into(),
        Some(io::ErrorKind::ConnectionReset) => "the connection was cut".into(),
        Some(io::ErrorKind::NotFound) => "there is no such socket".into(),
        _ => innermost.to_string(),
    }
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
