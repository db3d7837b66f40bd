//! Group F: which format and which coding a scraper gets.

use std::io::Read as _;

use flate2::read::GzDecoder;

use crate::authorization::{ALL, good};
use crate::client::Response;
use crate::program::Program;
use crate::refusal::{Answer, assert_answer};

const CLASSIC: &str = "text/plain; version=0.0.4; charset=utf-8";
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

const PROTOBUF: &str =
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";

/// Prometheus 3 and 2 with native histograms on.
const NATIVE_3: &str = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,\
                        application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
                        application/openmetrics-text;version=0.0.1;q=0.4,\
                        text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,\
                        text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
const NATIVE_2: &str = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,\
                        application/openmetrics-text;version=1.0.0;q=0.8,\
                        application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

const PROMETHEUS_3: &str = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
                            application/openmetrics-text;version=0.0.1;q=0.5,\
                            text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
                            text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
const PROMETHEUS_2: &str = "application/openmetrics-text;version=1.0.0,\
                            application/openmetrics-text;version=0.0.1;q=0.75,\
                            text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

async fn scrape(program: &Program, lines: &[&str]) -> Response {
    let response = program.get("/metrics", &[&[&*good()], lines].concat()).await;
    assert_eq!(response.status, 200, "{lines:?}");
    assert_eq!(response.header("vary"), Some("Accept, Accept-Encoding"), "{lines:?}");
    response
}

#[tokio::test]
async fn rows_338_to_346_openmetrics_is_for_those_who_ask_for_it() {
    let program = Program::demo(ALL).await;
    let many = vec!["application/x-something;q=0.1"; 270].join(",");
    let cases = [
        (338, Some(PROMETHEUS_3), OPENMETRICS),
        (338, Some(PROMETHEUS_2), OPENMETRICS),
        (340, None, CLASSIC),
        (340, Some(""), CLASSIC),
        (340, Some("*/*"), CLASSIC),
        (340, Some(BROWSER), CLASSIC),
        (341, Some("text/plain;version=0.0.4"), CLASSIC),
        (342, Some("application/openmetrics-text;q=0, */*"), CLASSIC),
        (344, Some("application/json"), CLASSIC),
        (344, Some("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily"), CLASSIC),
        (345, Some("garbage;;;q=zz"), CLASSIC),
        (345, Some(";;;,,,=;q"), CLASSIC),
        (345, Some(&*many), CLASSIC),
    ];
    for (row, accept, content_type) in cases {
        let line = accept.map(|accept| format!("Accept: {accept}"));
        let lines: Vec<&str> = line.as_deref().into_iter().collect();
        let response = scrape(&program, &lines).await;
        assert_eq!(response.header("content-type"), Some(content_type), "rows {row}, 346: {accept:?}");
        let text = response.text();
        assert_eq!(text.ends_with("# EOF\n"), content_type == OPENMETRICS, "row {row}: {accept:?}");
        assert!(text.contains("# TYPE librechat_up gauge\n"), "row {row}: {accept:?}");
        assert!(text.lines().any(|line| line.starts_with("process_cpu_seconds_total ")), "row 341: {text}");
    }
}

#[tokio::test]
async fn row_348_and_gzip_and_zstd_what_is_decoded_is_the_exposition() {
    let program = Program::demo(ALL).await;
    let cases = [
        (None, None),
        (Some("identity"), None),
        (Some("gzip;q=0"), None),
        (Some("br"), None),
        (Some("*;q=0"), None),
        (Some("deflate"), None),
        (Some("gzip"), Some("gzip")),
        (Some("GZIP;q=0.5"), Some("gzip")),
        (Some("gzip, deflate, br, zstd"), Some("gzip")),
        (Some("gzip;q=0.5, zstd"), Some("zstd")),
        (Some("zstd"), Some("zstd")),
    ];
    for accept in [None, Some(PROMETHEUS_3)] {
        for (accept_encoding, coding) in cases {
            let mut lines: Vec<String> = accept.iter().map(|accept| format!("Accept: {accept}")).collect();
            lines.extend(accept_encoding.map(|codings| format!("Accept-Encoding: {codings}")));
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            let response = scrape(&program, &lines).await;
            assert_eq!(response.header("content-encoding"), coding, "row 348: {lines:?}");
            let text = match coding {
                None => response.text(),
                Some("gzip") => {
                    let mut text = String::new();
                    GzDecoder::new(&*response.body).read_to_string(&mut text).unwrap();
                    text
                }
                Some(_) => String::from_utf8(zstd::decode_all(&*response.body).unwrap()).unwrap(),
            };
            assert!(text.contains("\nlibrechat_up 1\n"), "{lines:?}");
            assert!(text.contains("# TYPE librechat_exporter_http_requests"), "{lines:?}");
            assert_eq!(text.ends_with("# EOF\n"), accept.is_some(), "{lines:?}");
            assert_eq!(text.matches("# EOF").count(), usize::from(accept.is_some()), "{lines:?}");
        }
    }
}

/// The names of the families of a body: each message is behind its length, and its name is its first field.
fn names(mut body: &[u8]) -> Vec<String> {
    fn varint(body: &mut &[u8]) -> usize {
        let mut value = 0;
        for shift in (0..63).step_by(7) {
            let (first, rest) = body.split_first().unwrap();
            *body = rest;
            value |= usize::from(first & 0x7f) << shift;
            if first & 0x80 == 0 {
                break;
            }
        }
        value
    }
    let mut names = Vec::new();
    while !body.is_empty() {
        let length = varint(&mut body);
        let (mut message, rest) = body.split_at(length);
        body = rest;
        assert_eq!(message[0], 1 << 3 | 2, "a family begins with its name");
        message = &message[1..];
        let length = varint(&mut message);
        names.push(String::from_utf8(message[..length].to_vec()).unwrap());
    }
    names
}

#[tokio::test]
async fn protocol_buffers_are_for_those_who_ask_for_them_first() {
    let program = Program::demo(ALL).await;
    let mut known = Vec::new();
    for (accept, coding) in
        [(NATIVE_3, None), (NATIVE_2, None), (NATIVE_3, Some("gzip")), (NATIVE_3, Some("zstd"))]
    {
        let mut lines = vec![format!("Accept: {accept}")];
        lines.extend(coding.map(|coding| format!("Accept-Encoding: {coding}")));
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let response = scrape(&program, &lines).await;
        assert_eq!(response.header("content-type"), Some(PROTOBUF), "{lines:?}");
        assert_eq!(response.header("content-encoding"), coding, "{lines:?}");
        let body = match coding {
            Some("gzip") => {
                let mut body = Vec::new();
                GzDecoder::new(&*response.body).read_to_end(&mut body).unwrap();
                body
            }
            Some(_) => zstd::decode_all(&*response.body).unwrap(),
            None => response.body.clone(),
        };
        let names = names(&body);
        for name in [
            "librechat_user_count",
            "librechat_answer_seconds",
            "librechat_messages_created_total",
            "librechat_up",
            "process_cpu_seconds_total",
        ] {
            assert_eq!(names.iter().filter(|known| *known == name).count(), 1, "{name}: {names:?}");
        }
        if !known.is_empty() {
            assert_eq!(names, known, "{lines:?}");
        }
        known = names;
    }
}

#[tokio::test]
async fn row_349_refusals_are_never_compressed() {
    let program = Program::demo(ALL).await;
    for coding in ["gzip", "zstd", "gzip, zstd, br"] {
        let response = program.get("/metrics", &[format!("Accept-Encoding: {coding}")]).await;
        assert_answer(&response, Answer::Challenged, (349, coding));
    }
}
