//! Tests of the protocol buffers: a decoder of their own reads what was written.

use super::*;
use crate::exposition::buckets::Buckets;
use crate::exposition::family::Family as Described;
use crate::exposition::samples::Samples;

/// The fields of a message: numbers, and bytes of what is not a number.
fn fields(mut bytes: &[u8]) -> Vec<(u64, u64, &[u8])> {
    fn varint(bytes: &mut &[u8]) -> u64 {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (first, rest) = bytes.split_first().unwrap();
            *bytes = rest;
            value |= u64::from(first & 0x7f) << shift;
            if first & 0x80 == 0 {
                break;
            }
        }
        value
    }
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let (number, length) = match key & 7 {
            0 => (varint(&mut bytes), 0),
            1 => (0, 8),
            2 => (0, usize::try_from(varint(&mut bytes)).unwrap()),
            kind => panic!("{kind}"),
        };
        let (content, rest) = bytes.split_at(length);
        fields.push((key >> 3, number, content));
        bytes = rest;
    }
    fields
}

/// The messages that lie one behind the other, each behind its length.
fn families(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut messages = Vec::new();
    while !bytes.is_empty() {
        // A length is a varint: as a field of this number nobody knows it, but it reads the same.
        let mut length = 0_usize;
        for shift in (0..).step_by(7) {
            let (first, rest) = bytes.split_first().unwrap();
            bytes = rest;
            length |= usize::from(first & 0x7f) << shift;
            if first & 0x80 == 0 {
                break;
            }
        }
        let (message, rest) = bytes.split_at(length);
        messages.push(message);
        bytes = rest;
    }
    messages
}

fn double(bytes: &[u8]) -> f64 {
    f64::from_le_bytes(bytes.try_into().unwrap())
}

/// Everything in one line for each family, metric and part of a histogram.
fn dump(bytes: &[u8]) -> Vec<String> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let mut lines = Vec::new();
    for family in families(bytes) {
        let all = |field| fields(family).into_iter().filter(move |(number, ..)| *number == field);
        let one = |field| all(field).map(|(_, _, content)| text(content)).collect::<String>();
        let kind = all(3).map(|(_, kind, _)| kind).next().unwrap();
        lines.push(format!("{} {kind} {:?} {:?}", one(1), one(2), one(5)));
        for (_, _, metric) in all(4) {
            let mut labels = Vec::new();
            for (field, _, content) in fields(metric) {
                let parts = fields(content);
                match field {
                    1 => labels.push(format!("{}={}", text(parts[0].2), text(parts[1].2))),
                    7 => lines.extend(histogram(&labels, &parts)),
                    _ => {
                        let since =
                            parts.iter().find(|(field, ..)| *field == 3).map(|(_, _, at)| fields(at)[0].1);
                        lines.push(format!(" {labels:?} {} since {since:?}", double(parts[0].2)));
                    }
                }
            }
        }
    }
    lines
}

fn histogram(labels: &[String], parts: &[(u64, u64, &[u8])]) -> Vec<String> {
    let part = |(field, number, content): &(u64, u64, &[u8])| match field {
        1 => format!("count {number}"),
        2 => format!("sum {}", double(content)),
        3 => format!("bucket {:?}", (double(fields(content)[1].2), fields(content)[0].1)),
        6 => format!("threshold {}", double(content).log2()),
        9 | 12 => format!("span {field} {:?}", (fields(content)[0].1, fields(content)[1].1)),
        10 | 13 => format!("deltas {field} {content:?}"),
        15 => format!("since {}", fields(content)[0].1),
        field => format!("{field} {number}"),
    };
    [format!(" {labels:?}")].into_iter().chain(parts.iter().map(|p| format!("  {}", part(p)))).collect()
}

const CREATED: SystemTime = SystemTime::UNIX_EPOCH;

#[test]
fn rewrites_families_labels_and_values_and_says_since_when_counters_count() {
    let openmetrics = "# HELP a Seen \\\"so\\\" far \\\\ here.\n\
                       # TYPE a counter\n\
                       a_total{l=\"# TYPE \\\"x\\\\\"} 1\n\
                       a_total{l=\"\"} 2.5\n\
                       # HELP empty Nothing.\n\
                       # TYPE empty gauge\n\
                       # HELP c_total A gauge in spite of its name.\n\
                       # TYPE c_total gauge\n\
                       c_total 4.0\n\
                       # HELP d_seconds Odd.\n\
                       # TYPE d_seconds unknown\n\
                       # UNIT d_seconds seconds\n\
                       d_seconds -1\n\
                       # EOF\n";
    let created = CREATED + Duration::from_secs(1_700_000_000);
    assert_eq!(
        dump(&rewrite(openmetrics, &Natives::new(), created)),
        [
            r#"a_total 0 "Seen \"so\" far \\ here." """#,
            r##" ["l=# TYPE \"x\\"] 1 since Some(1700000000)"##,
            r#" ["l="] 2.5 since Some(1700000000)"#,
            r#"c_total 1 "A gauge in spite of its name." """#,
            " [] 4 since None",
            r#"d_seconds 3 "Odd." "seconds""#,
            " [] -1 since None",
        ]
    );
    assert!(rewrite("", &Natives::new(), created).is_empty());
}

#[test]
fn histograms_have_their_classic_and_their_native_buckets() {
    static SECONDS: Described<2> = Described::histogram("b_seconds", ["endpoint", "model"], "Time");
    let mut buckets = Buckets::new(&[0.5, 2.0]);
    [0.0, 1.0, 1.0, 4.0].into_iter().for_each(|value| buckets.observe(value));
    let mut samples = Samples::default();
    samples.push_buckets(&SECONDS, ["a", "quote\"d"], &Buckets::new(&[0.5, 2.0]));
    samples.push_buckets(&SECONDS, ["b", ""], &buckets);
    let natives = samples.natives();
    assert_eq!(
        dump(&rewrite(&samples.render(), &natives, CREATED + Duration::from_secs(7))),
        [
            "b_seconds 4 \"Time.\" \"\"",
            r#" ["endpoint=a", "model=quote\"d"]"#,
            "  sum 0",
            "  count 0",
            "  bucket (0.5, 0)",
            "  bucket (2.0, 0)",
            "  bucket (inf, 0)",
            "  5 6",
            "  threshold -128",
            "  7 0",
            "  since 7",
            r#" ["endpoint=b", "model="]"#,
            "  sum 6",
            "  count 4",
            "  bucket (0.5, 1)",
            "  bucket (2.0, 3)",
            "  bucket (inf, 4)",
            "  5 6",
            "  threshold -128",
            "  7 1",
            "  span 12 (0, 1)",
            "  span 12 (30, 1)",
            "  deltas 13 [4, 1]",
            "  since 7",
        ]
    );
}
