//! OpenMetrics text to Prometheus' text format 0.0.4: a pure rewrite of what `prometheus-client` writes.
//!
//! What differs, and is changed: a counter's HELP and TYPE carry its sample name, with `_total`; `# UNIT` and `# EOF` do
//! not exist; a double quote in a help text is not escaped. Exemplars are not expected: we write none.

/// Rewrites a whole exposition, or any part of it that begins and ends with a line.
pub fn rewrite(openmetrics: &str) -> String {
    let mut classic = String::with_capacity(openmetrics.len());
    let mut lines = openmetrics.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let suffix = match lines.peek() {
                Some(next) if is_counter(next) => "_total",
                _ => "",
            };
            let (name, help) = rest.split_once(' ').unwrap_or((rest, ""));
            push(&mut classic, &["# HELP ", name, suffix, " ", &help.replace("\\\"", "\"")]);
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            match rest.strip_suffix(" counter") {
                Some(name) => push(&mut classic, &["# TYPE ", name, "_total counter"]),
                None => push(&mut classic, &[line]),
            }
        } else if !line.starts_with('#') {
            push(&mut classic, &[line]);
        }
    }
    classic
}

fn is_counter(line: &str) -> bool {
    line.starts_with("# TYPE ") && line.ends_with(" counter")
}

fn push(text: &mut String, parts: &[&str]) {
    for part in parts {
        text.push_str(part);
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rewrites_what_differs_and_nothing_else() {
        let openmetrics = "# HELP a Seen \\\"so\\\" far \\\\ here.\n\
                           # TYPE a counter\n\
                           a_total{l=\"# TYPE x counter\"} 1\n\
                           # HELP b_seconds Time.\n\
                           # TYPE b_seconds histogram\n\
                           # UNIT b_seconds seconds\n\
                           b_seconds_bucket{le=\"+Inf\"} 0\n\
                           # HELP c_total A gauge in spite of its name.\n\
                           # TYPE c_total gauge\n\
                           c_total 4.0\n\
                           # EOF\n";
        let classic = "# HELP a_total Seen \"so\" far \\\\ here.\n\
                       # TYPE a_total counter\n\
                       a_total{l=\"# TYPE x counter\"} 1\n\
                       # HELP b_seconds Time.\n\
                       # TYPE b_seconds histogram\n\
                       b_seconds_bucket{le=\"+Inf\"} 0\n\
                       # HELP c_total A gauge in spite of its name.\n\
                       # TYPE c_total gauge\n\
                       c_total 4.0\n";
        assert_eq!(rewrite(openmetrics), classic);
    }
}
