//! The page at `/`, by the convention of exporters: name, version, links. No figures, no secrets, no script.

use std::future::Ready;
use std::future::ready;

use axum::response::{Html, IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use http::header::CONTENT_SECURITY_POLICY;
use sha2::{Digest as _, Sha256};

use super::Surface;
use super::path::MetricsPath;
use crate::telemetry::{REVISION, VERSION};

const STYLE: &str = "
:root { color-scheme: light dark; --bar: #1d4ed8; --text: #1f2937; --quiet: #6b7280; --back: #ffffff; --line: #e5e7eb; --link: #1d4ed8 }
@media (prefers-color-scheme: dark) { :root { --bar: #1e3a8a; --text: #e5e7eb; --quiet: #9ca3af; --back: #111827; --line: #374151; --link: #93c5fd } }
* { box-sizing: border-box }
body { margin: 0; font: 16px/1.5 system-ui, -apple-system, \"Segoe UI\", Roboto, sans-serif; color: var(--text); background: var(--back) }
header { background: var(--bar); color: #ffffff; padding: 1rem 0 }
header h1, main { max-width: 46rem; margin: 0 auto; padding: 0 1rem }
h1 { font-size: 1.5rem; font-weight: 600 }
dl { margin: 1.5rem 0; border-top: 1px solid var(--line) }
dl div { display: flex; flex-wrap: wrap; gap: 0 1.5rem; padding: .6rem 0; border-bottom: 1px solid var(--line) }
dt { min-width: 9rem; font-weight: 600; overflow-wrap: anywhere }
dd { margin: 0; color: var(--quiet) }
a { color: var(--link) }
p.version { color: var(--quiet); font-size: .875rem }
";

/// The handler of a listener's landing page, which links to what that listener serves.
pub fn page(
    surface: Surface,
    metrics: &MetricsPath,
) -> impl Fn() -> Ready<Response> + Clone + Send + Sync + 'static {
    let (html, policy) = (html(surface, metrics), policy());
    move || {
        let mut response = Html(html.clone()).into_response();
        response.headers_mut().extend(policy.clone().map(|policy| (CONTENT_SECURITY_POLICY, policy)));
        ready(response)
    }
}

/// Nothing but the style above, which is named by its digest.
fn policy() -> Option<HeaderValue> {
    let digest = STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).ok()
}

fn html(surface: Surface, metrics: &MetricsPath) -> String {
    let mut links = Vec::new();
    if surface.has_metrics() {
        links.push((metrics.as_str(), "Metrics", "for Prometheus; may ask for a credential"));
    }
    if surface.has_probes() {
        links.push(("/health", "Health", "whether MongoDB answers"));
        links.push(("/livez", "Live", "whether this process answers"));
        links.push(("/readyz", "Ready", "whether there are figures to read"));
    }
    let rows: String = links
        .into_iter()
        .map(|(path, name, text)| {
            format!("<div><dt><a href=\"{path}\">{name}</a></dt><dd>{text}</dd></div>\n")
        })
        .collect();
    let repository = env!("CARGO_PKG_REPOSITORY");
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>LibreChat Exporter</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <header><h1>LibreChat Exporter</h1></header>\n<main>\n\
         <p>Usage, cost, quality and health of a LibreChat as Prometheus metrics.</p>\n<dl>\n{rows}</dl>\n\
         <p><a href=\"{repository}#readme\">Documentation</a></p>\n\
         <p class=\"version\">librechat-exporter {VERSION} ({REVISION})</p>\n</main>\n</body>\n</html>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn row_14_9_the_policy_allows_the_style_and_nothing_else() {
        let response = page(Surface::Whole, &MetricsPath::default())().await;
        let policy = response.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
        let html = html(Surface::Whole, &MetricsPath::default());
        let style = html.split_once("<style>").and_then(|(_, rest)| rest.split_once("</style>")).unwrap().0;
        assert!(policy.contains(&STANDARD.encode(Sha256::digest(style))), "{policy}");
        assert!(policy.starts_with("default-src 'none'; "), "{policy}");
        assert!(!html.contains("<script") && !html.contains("style=\""));
    }

    #[test]
    fn links_to_what_the_listener_serves() {
        let metrics: MetricsPath = "/librechat/metrics".parse().unwrap();
        let has = |surface, path: &str| html(surface, &metrics).contains(&format!("href=\"{path}\""));
        assert!(has(Surface::Whole, "/librechat/metrics") && has(Surface::Whole, "/health"));
        assert!(!has(Surface::Whole, "/metrics"));
        assert!(!has(Surface::Public, "/librechat/metrics") && has(Surface::Public, "/readyz"));
        assert!(has(Surface::Metrics, "/librechat/metrics") && !has(Surface::Metrics, "/health"));
    }
}
