//! Content negotiation (RFC 9110 section 12): which format and which coding a scraper wants. Never a 406: a scrape that
//! fails costs a data point, so whoever asks for something else gets the classic text.

use std::cmp::Ordering;

use http::header::{ACCEPT, ACCEPT_ENCODING};
use http::{HeaderMap, HeaderName};

use crate::exposition::Format;
use crate::exposition::body::Coding;

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    pub format: Format,
    pub coding: Coding,
}

impl Accepted {
    pub fn of(headers: &HeaderMap) -> Self {
        Self { format: format(headers), coding: coding(headers) }
    }
}

/// OpenMetrics when it is asked for by name and is at least as welcome as plain text; protocol buffers when they are more
/// welcome than both, or as welcome and named first, as those do who want native histograms.
fn format(headers: &HeaderMap) -> Format {
    let (mut openmetrics, mut classic, mut protobuf) = (0.0_f32, 0.0_f32, 0.0_f32);
    for item in items(headers, &ACCEPT) {
        match known_format(&item) {
            Some(Format::OpenMetrics) => openmetrics = openmetrics.max(item.quality),
            Some(Format::Classic) => classic = classic.max(item.quality),
            // What was named before, and is as welcome, goes first.
            Some(Format::Protobuf) if item.quality > openmetrics.max(classic) => {
                protobuf = protobuf.max(item.quality);
            }
            _ => {}
        }
    }
    if protobuf > 0.0 && protobuf >= openmetrics.max(classic) {
        Format::Protobuf
    } else if openmetrics > 0.0 && openmetrics >= classic {
        Format::OpenMetrics
    } else {
        Format::Classic
    }
}

/// The format that an item names, whatever it says of the escaping of names: ours need none.
fn known_format(item: &Item<'_>) -> Option<Format> {
    let is = |name: &str| item.name.eq_ignore_ascii_case(name);
    let says = |name, values: &[&str]| {
        item.parameter(name).is_some_and(|value| values.iter().any(|known| value.eq_ignore_ascii_case(known)))
    };
    let version_is_good = item.parameter("version").is_none() || says("version", &["1.0.0", "1.0"]);
    if is("application/openmetrics-text") && version_is_good {
        Some(Format::OpenMetrics)
    } else if is("text/plain") {
        Some(Format::Classic)
    } else if is("application/vnd.google.protobuf")
        && says("proto", &["io.prometheus.client.MetricFamily"])
        && says("encoding", &["delimited"])
    {
        Some(Format::Protobuf)
    } else {
        None
    }
}

/// gzip where both are as welcome: every scraper decodes it.
fn coding(headers: &HeaderMap) -> Coding {
    let (mut gzip, mut zstd, mut identity) = (0.0_f32, 0.0_f32, None);
    for item in items(headers, &ACCEPT_ENCODING) {
        match item.name {
            name if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") => {
                gzip = item.quality;
            }
            name if name.eq_ignore_ascii_case("zstd") => zstd = item.quality,
            name if name.eq_ignore_ascii_case("identity") => identity = Some(item.quality),
            _ => {}
        }
    }
    let identity = identity.unwrap_or(0.0);
    match gzip.partial_cmp(&zstd) {
        Some(Ordering::Less) if zstd >= identity => Coding::Zstd,
        Some(Ordering::Greater | Ordering::Equal) if gzip > 0.0 && gzip >= identity => Coding::Gzip,
        _ => Coding::Identity,
    }
}

/// One member of a list like `Accept`.
struct Item<'a> {
    name: &'a str,
    parameters: &'a str,
    quality: f32,
}

impl Item<'_> {
    /// The value of a parameter, without quotes.
    fn parameter(&self, name: &str) -> Option<&str> {
        let parameters = self.parameters.split(';').filter_map(|parameter| parameter.split_once('='));
        let mut values = parameters.filter(|(known, _)| known.trim().eq_ignore_ascii_case(name));
        values.next().map(|(_, value)| value.trim().trim_matches('"'))
    }
}

fn items<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = Item<'a>> {
    let lines = headers.get_all(name).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(|item| {
        let (name, parameters) = item.split_once(';').unwrap_or((item, ""));
        Item { name: name.trim(), parameters, quality: quality(parameters) }
    })
}

/// RFC 9110 section 12.4.2: 0 to 1, and 1 where nothing or nonsense is said.
fn quality(parameters: &str) -> f32 {
    parameters
        .split(';')
        .filter_map(|parameter| parameter.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("q"))
        .and_then(|(_, value)| value.trim().parse::<f32>().ok())
        .filter(|quality| (0.0..=1.0).contains(quality))
        .unwrap_or(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(name: HeaderName, value: &str) -> Accepted {
        Accepted::of(&HeaderMap::from_iter([(name, value.parse().unwrap())]))
    }

    #[test]
    fn scrapers_get_the_format_they_ask_for_and_everyone_else_the_classic_one() {
        let prometheus_3 = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
                            application/openmetrics-text;version=0.0.1;q=0.5,\
                            text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        let prometheus_2 = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                            text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        let native_3 = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,\
                        application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
                        application/openmetrics-text;version=0.0.1;q=0.4,\
                        text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
        let native_2 = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,\
                        application/openmetrics-text;version=1.0.0;q=0.8,\
                        application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        let protobuf =
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";
        let text_first = format!("text/plain, {protobuf}");
        let protobuf_last = format!("application/openmetrics-text;q=0.5,{protobuf};q=0.4");
        let protobuf_never = format!("{protobuf};q=0,*/*");
        let cases = [
            (native_3, Format::Protobuf),
            (native_2, Format::Protobuf),
            (protobuf, Format::Protobuf),
            (&*format!("{protobuf};q=0.7,text/plain;version=0.0.4;q=0.3"), Format::Protobuf),
            (&*format!("{protobuf}, text/plain"), Format::Protobuf),
            (&*format!("{protobuf}, application/openmetrics-text"), Format::Protobuf),
            (&*format!("{protobuf};escaping=underscores"), Format::Protobuf),
            (
                "Application/VND.Google.Protobuf ; Encoding=\"delimited\" ; Proto=\"io.prometheus.client.MetricFamily\"",
                Format::Protobuf,
            ),
            (&*text_first, Format::Classic),
            (&*protobuf_last, Format::OpenMetrics),
            (&*protobuf_never, Format::Classic),
            ("application/vnd.google.protobuf", Format::Classic),
            ("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily", Format::Classic),
            (
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text",
                Format::Classic,
            ),
            (
                "application/vnd.google.protobuf;proto=io.prometheus.write.v2.Request;encoding=delimited",
                Format::Classic,
            ),
            (prometheus_3, Format::OpenMetrics),
            (prometheus_2, Format::OpenMetrics),
            ("application/openmetrics-text", Format::OpenMetrics),
            ("Application/OpenMetrics-Text; Version=\"1.0.0\"", Format::OpenMetrics),
            ("text/plain;version=0.0.4", Format::Classic),
            ("application/openmetrics-text;q=0, */*", Format::Classic),
            ("application/openmetrics-text;version=0.0.1", Format::Classic),
            ("application/openmetrics-text;q=0.2, text/plain;q=0.9", Format::Classic),
            ("application/json", Format::Classic),
            ("text/html,application/xhtml+xml,*/*;q=0.8", Format::Classic),
            ("garbage;;;q=zz", Format::Classic),
            ("", Format::Classic),
        ];
        for (accept, format) in cases {
            assert_eq!(accepted(ACCEPT, accept).format, format, "{accept}");
        }
        assert_eq!(Accepted::of(&HeaderMap::new()).format, Format::Classic);
    }

    #[test]
    fn compresses_where_it_is_asked_for() {
        let cases = [
            ("gzip", Coding::Gzip),
            ("gzip, deflate, br, zstd", Coding::Gzip),
            ("zstd", Coding::Zstd),
            ("zstd, gzip;q=0.5", Coding::Zstd),
            ("gzip;q=0", Coding::Identity),
            ("gzip;q=0.5, identity", Coding::Identity),
            ("identity", Coding::Identity),
            ("br", Coding::Identity),
            ("*", Coding::Identity),
            ("", Coding::Identity),
        ];
        for (header, coding) in cases {
            assert_eq!(accepted(ACCEPT_ENCODING, header).coding, coding, "{header}");
        }
    }
}
