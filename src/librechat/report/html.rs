//! A report as one page that needs nothing else: no script, no font, no request; it prints well.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::layout::{Figure, Sheet};
use super::text::shown;

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#57606a;--line:#d0d7de;--bar:#2f6fdf;--paper:#fff}\
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9aa4af;--line:#30363d;--bar:#6ea8fe;--paper:#0d1117}}\
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:70rem;margin:2rem auto;padding:0 1rem}\
h1{font-size:1.5rem;margin:0}p{color:var(--soft);margin:.25rem 0 1.5rem}\
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}\
th,td{padding:.35rem .6rem;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}\
th.label,td.label{text-align:left;white-space:normal;overflow-wrap:anywhere}\
tfoot td,tfoot th{font-weight:600;border-top:2px solid var(--ink)}\
figure{margin:0 0 2rem}figcaption{color:var(--soft);margin-bottom:.5rem}svg{width:100%;height:auto}\
svg rect{fill:var(--bar)}svg text{fill:var(--ink);font:12px system-ui,sans-serif}\
@media print{:root{color-scheme:light;--ink:#000;--soft:#444;--line:#999;--bar:#555;--paper:#fff}body{margin:0;max-width:none}\
thead{display:table-header-group}tr{break-inside:avoid}}";

/// Rows that a chart has; the table has all.
const BARS: usize = 30;
/// Of a row of the chart, in units of its picture.
const HEIGHT: usize = 22;
const WIDTH: f64 = 960.0;
const LABELS: f64 = 260.0;
const AMOUNTS: f64 = 110.0;
/// Characters that fit beside a bar.
const LONGEST_LABEL: usize = 38;

pub fn html(sheet: &Sheet<'_>) -> String {
    let dimensions: Vec<_> = sheet.dimensions().collect();
    let columns = sheet.columns();
    let heading = |name: &str| name.replace('_', " ");
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "LibreChat usage, " (sheet.period()) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { "LibreChat usage" @if !dimensions.is_empty() { " by " (dimensions.join(" and ")) } }
                p { (sheet.period()) }
                (chart(sheet))
                div.scroll {
                    table {
                        thead { tr {
                            @for name in &dimensions { th.label scope="col" { (heading(name)) } }
                            @for name in &columns { th scope="col" { (heading(name)) } }
                        } }
                        tbody { @for (labels, figures) in sheet.rows() { tr {
                            @for label in labels { td.label { (label.as_deref().unwrap_or("–")) } }
                            @for figure in figures { td { (shown(figure)) } }
                        } } }
                        tfoot { tr {
                            @if !dimensions.is_empty() { th.label scope="row" colspan=(dimensions.len()) { "total" } }
                            @for figure in sheet.total() { td { (shown(figure)) } }
                        } }
                    }
                }
            }
        }
    };
    page.into_string()
}

/// Bars of the cost of the first rows, which are the largest ones or the first days.
fn chart(sheet: &Sheet<'_>) -> Markup {
    let rows: Vec<_> = sheet.report.rows.iter().take(BARS).collect();
    let most = rows.iter().map(|(_, figures)| figures.usage.usd).fold(0.0, f64::max);
    if most <= 0.0 || sheet.report.by.dimensions().is_empty() {
        return html! {};
    }
    let (rate, code) =
        sheet.currency.map_or((1.0, "USD"), |currency| (currency.rate, currency.code.as_str()));
    html! {
        figure {
            figcaption { "Cost in " (code) @if rows.len() < sheet.report.rows.len() { " of the first " (rows.len()) } }
            svg viewBox=(format!("0 0 {WIDTH} {}", rows.len() * HEIGHT)) role="img" aria-label="Cost, as in the table" {
                @for (index, (labels, figures)) in rows.iter().enumerate() {
                    @let label = labels.iter().map(|label| label.as_deref().unwrap_or("–")).collect::<Vec<_>>().join(" · ");
                    @let width = figures.usage.usd / most * (WIDTH - LABELS - AMOUNTS);
                    @let top = index * HEIGHT;
                    text x=(LABELS - 8.0) y=(top + 15) text-anchor="end" { (shortened(&label)) }
                    rect x=(LABELS) y=(top + 3) width=(format!("{width:.1}")) height=(HEIGHT - 6) rx="2" {}
                    text x=(format!("{:.1}", LABELS + width + 8.0)) y=(top + 15) {
                        (shown(Figure::Money(figures.usage.usd * rate)))
                    }
                }
            }
        }
    }
}

fn shortened(label: &str) -> String {
    if label.chars().count() <= LONGEST_LABEL {
        return label.to_owned();
    }
    label.chars().take(LONGEST_LABEL - 1).chain(['…']).collect()
}
