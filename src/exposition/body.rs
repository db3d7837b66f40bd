//! Bodies in every content coding: a large part that is compressed once, when it is first asked for, and a small one that
//! differs each time, put together without compressing the large part again.
//!
//! gzip (RFC 1952) is one member: the deflate stream of the large part is flushed to a byte boundary, that of the small
//! part follows with the final block, and the two checksums are combined. A second member would be valid too, but there
//! are clients that stop at the first. zstd is two frames (RFC 8878 section 3 allows any number).

use std::sync::OnceLock;

use bytes::Bytes;
use crc32fast::Hasher;
use flate2::{Compress, Compression, FlushCompress, Status};

/// `Content-Encoding` of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    Identity,
    Gzip,
    Zstd,
}

impl Coding {
    /// The value of `Content-Encoding`; none for the identity.
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Zstd => Some("zstd"),
        }
    }
}

/// A body in every coding that somebody asked for: the first one waits for it.
#[derive(Debug)]
pub struct Coded {
    identity: Bytes,
    deflate: OnceLock<Deflated>,
    zstd: OnceLock<Bytes>,
}

#[derive(Debug)]
struct Deflated {
    bytes: Bytes,
    checksum: Hasher,
}

impl Coded {
    pub fn new(body: impl Into<Bytes>) -> Self {
        Self { identity: body.into(), deflate: OnceLock::new(), zstd: OnceLock::new() }
    }

    pub fn identity(&self) -> &[u8] {
        &self.identity
    }

    fn deflate(&self) -> &Deflated {
        self.deflate.get_or_init(|| {
            let mut checksum = Hasher::new();
            checksum.update(&self.identity);
            let bytes = deflate(&self.identity, Compression::fast(), FlushCompress::Sync).into();
            Deflated { bytes, checksum }
        })
    }

    fn zstd(&self) -> &Bytes {
        self.zstd.get_or_init(|| zstd_frame(&self.identity, 3).into())
    }
}

/// One body of `head`, when there is one, and `tail`.
pub fn splice(coding: Coding, head: Option<&Coded>, tail: Bytes) -> Vec<Bytes> {
    match coding {
        Coding::Identity => head.map(|head| head.identity.clone()).into_iter().chain([tail]).collect(),
        Coding::Gzip => gzip(head, &tail),
        Coding::Zstd => {
            let tail = Bytes::from(zstd_frame(&tail, 1));
            head.map(|head| head.zstd().clone()).into_iter().chain([tail]).collect()
        }
    }
}

/// RFC 1952 section 2.3: deflate, no flags, no time, unknown operating system.
const GZIP_HEADER: &[u8] = &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

fn gzip(head: Option<&Coded>, tail: &[u8]) -> Vec<Bytes> {
    let mut checksum = Hasher::new();
    checksum.update(tail);
    let mut last = deflate(tail, Compression::fast(), FlushCompress::Finish);
    let mut length = tail.len();
    if let Some(head) = head {
        let mut whole = head.deflate().checksum.clone();
        whole.combine(&checksum);
        checksum = whole;
        length += head.identity.len();
    }
    last.extend(checksum.finalize().to_le_bytes());
    // Modulo 2^32, as the RFC has it.
    #[expect(clippy::cast_possible_truncation)]
    last.extend((length as u32).to_le_bytes());
    let head = head.map(|head| head.deflate().bytes.clone());
    [Bytes::from_static(GZIP_HEADER)].into_iter().chain(head).chain([Bytes::from(last)]).collect()
}

/// A raw deflate stream (RFC 1951), ended by a sync flush or by its final block.
fn deflate(bytes: &[u8], level: Compression, flush: FlushCompress) -> Vec<u8> {
    let mut stream = Compress::new(level, false);
    let mut out = Vec::with_capacity(bytes.len() / 8 + 1024);
    let mut rest = bytes;
    loop {
        let before = stream.total_in();
        // Errors are for misuse of a finished stream, which the loop rules out.
        let Ok(status) = stream.compress_vec(rest, &mut out, flush) else { return out };
        let taken = usize::try_from(stream.total_in() - before).unwrap_or(usize::MAX);
        rest = rest.get(taken..).unwrap_or_default();
        let flushed = rest.is_empty() && out.len() < out.capacity();
        if status == Status::StreamEnd || (flushed && !matches!(flush, FlushCompress::Finish)) {
            return out;
        }
        out.reserve(out.capacity().max(1024));
    }
}

fn zstd_frame(bytes: &[u8], level: i32) -> Vec<u8> {
    // The only failures are of memory and of level, and the level is a constant.
    zstd::bulk::compress(bytes, level).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn parts() -> [(Option<String>, String); 4] {
        let large: String = (0..40_000).map(|n| format!("metric{{label=\"{n}\"}} {}\n", n * 7)).collect();
        [
            (Some(large.clone()), "tail 1\n".into()),
            (Some(large), String::new()),
            (Some(String::new()), "tail 2\n".repeat(2_000)),
            (None, "alone\n".into()),
        ]
    }

    #[test]
    fn one_gzip_member_holds_both_parts() {
        for (head, tail) in parts() {
            let expected = format!("{}{tail}", head.clone().unwrap_or_default());
            let body = splice(Coding::Gzip, head.map(Coded::new).as_ref(), tail.into()).concat();
            let mut text = String::new();
            // This decoder reads one member and checks its checksum and length.
            let mut decoder = flate2::bufread::GzDecoder::new(&body[..]);
            decoder.read_to_string(&mut text).unwrap();
            assert!(text == expected, "{} bytes differ", expected.len());
            assert!(decoder.into_inner().is_empty(), "something follows the member");
        }
    }

    #[test]
    fn zstd_frames_hold_both_parts() {
        for (head, tail) in parts() {
            let expected = format!("{}{tail}", head.clone().unwrap_or_default());
            let body = splice(Coding::Zstd, head.map(Coded::new).as_ref(), tail.into()).concat();
            assert!(zstd::stream::decode_all(&body[..]).unwrap() == expected.as_bytes());
        }
    }
}
