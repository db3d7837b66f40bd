//! The page at `/`, by the convention of exporters: name, version, links. No figures, no secrets.

use std::future::Ready;
use std::future::ready;

use axum::response::Html;

use super::Surface;
use crate::telemetry::VERSION;

/// The handler of a listener's landing page, which links to what that listener serves.
pub fn page(surface: Surface) -> impl Fn() -> Ready<Html<String>> + Clone + Send + Sync + 'static {
    let html = html(surface);
    move || ready(Html(html.clone()))
}

fn html(surface: Surface) -> String {
    let mut paths = Vec::new();
    if surface.has_metrics() {
        paths.push("/metrics");
    }
    if surface.has_probes() {
        paths.extend(["/health", "/livez", "/readyz"]);
    }
    let links: String =
        paths.iter().map(|path| format!("<li><a href=\"{path}\">{path}</a></li>\n")).collect();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>librechat-exporter</title></head>\n\
         <body>\n<h1>librechat-exporter</h1>\n<p>Version {VERSION}</p>\n<ul>\n{links}</ul>\n</body>\n</html>\n"
    )
}
