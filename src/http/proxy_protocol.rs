//! The PROXY protocol, versions 1 and 2: what a proxy that passes on bytes says of the connection that it passes on.
//!
//! Invariants: exactly the header is read and nothing behind it; whatever is not well-formed ends the connection. Whose
//! word is taken is decided by [`super::serve`]. Specification: haproxy.org, `proxy-protocol.txt`.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::pin::Pin;
use std::task::{Context, Poll};

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};

/// What version 2 begins with.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// The longest line of version 1, with its end.
const MAX_LINE: usize = 107;
/// The most that version 2 may say: an address and its TLVs.
const MAX_LENGTH: usize = 4096;

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A connection of this client.
    Client(IpAddr),
    /// A connection of a client that has no address: over a Unix socket.
    Unix,
    /// A connection of the proxy's own, a health check say, or of which it says nothing.
    Proxy,
}

/// Why a connection is not read on.
#[derive(Debug, Error)]
pub enum HeaderError {
    #[error("it ended or failed within the PROXY header: {0}")]
    Io(#[from] io::Error),
    #[error("it began with a PROXY header that is not well-formed")]
    Malformed,
}

/// Reads a header, if there is one; else gives back what was read.
///
/// # Errors
/// Something that begins as a header does and is none.
pub async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> Result<Result<Source, [u8; 12]>, HeaderError> {
    // Both versions have more bytes than this, as requests and TLS handshakes have.
    let mut start = [0; 12];
    stream.read_exact(&mut start).await?;
    if start == SIGNATURE {
        return read_version_2(stream).await.map(Ok);
    }
    if start.starts_with(b"PROXY ") {
        return read_version_1(stream, &start).await.map(Ok);
    }
    Ok(Err(start))
}

async fn read_version_1<S: AsyncRead + Unpin>(stream: &mut S, start: &[u8]) -> Result<Source, HeaderError> {
    let mut line = start.to_vec();
    while !line.ends_with(b"\r\n") {
        if line.len() >= MAX_LINE {
            return Err(HeaderError::Malformed);
        }
        // One by one: what follows is not ours to read.
        line.push(stream.read_u8().await?);
    }
    let text = str::from_utf8(&line).map_err(|_| HeaderError::Malformed)?.trim_end_matches("\r\n");
    let fields: Vec<&str> = text.split(' ').collect();
    match fields.as_slice() {
        ["PROXY", "UNKNOWN", ..] => Ok(Source::Proxy),
        ["PROXY", family, source, destination, ports @ ..]
            if ports.len() == 2 && ports.iter().all(|port| is_port(port)) =>
        {
            let pair = (source.parse::<IpAddr>(), destination.parse::<IpAddr>());
            match (*family, pair) {
                ("TCP4", (Ok(source @ IpAddr::V4(_)), Ok(IpAddr::V4(_))))
                | ("TCP6", (Ok(source @ IpAddr::V6(_)), Ok(IpAddr::V6(_)))) => {
                    Ok(Source::Client(source.to_canonical()))
                }
                _ => Err(HeaderError::Malformed),
            }
        }
        _ => Err(HeaderError::Malformed),
    }
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

async fn read_version_2<S: AsyncRead + Unpin>(stream: &mut S) -> Result<Source, HeaderError> {
    let mut fixed = [0; 4];
    stream.read_exact(&mut fixed).await?;
    let [version_and_command, family, high, low] = fixed;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length > MAX_LENGTH {
        return Err(HeaderError::Malformed);
    }
    let mut rest = vec![0; length];
    stream.read_exact(&mut rest).await?;
    // Version 2, LOCAL or PROXY.
    match (version_and_command, family) {
        (0x20, _) | (0x21, 0x00) => Ok(Source::Proxy),
        (0x21, 0x11) => {
            let source: [u8; 4] = beginning(&rest, 12)?;
            Ok(Source::Client(Ipv4Addr::from(source).into()))
        }
        (0x21, 0x21) => {
            let source: [u8; 16] = beginning(&rest, 36)?;
            Ok(Source::Client(IpAddr::from(Ipv6Addr::from(source)).to_canonical()))
        }
        (0x21, 0x31) => beginning::<1>(&rest, 216).map(|_| Source::Unix),
        _ => Err(HeaderError::Malformed),
    }
}

/// The first bytes of an address block, which must be there in full; TLVs may follow it.
fn beginning<const N: usize>(rest: &[u8], block: usize) -> Result<[u8; N], HeaderError> {
    let block = rest.get(..block).ok_or(HeaderError::Malformed)?;
    block.first_chunk::<N>().copied().ok_or(HeaderError::Malformed)
}

/// A stream of which some bytes were read and belong to what follows.
#[derive(Debug)]
pub struct Rewound<S> {
    stream: S,
    unread: Vec<u8>,
}

impl<S> Rewound<S> {
    pub fn new(stream: S, unread: Vec<u8>) -> Self {
        Self { stream, unread }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Rewound<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.unread.is_empty() {
            return Pin::new(&mut self.stream).poll_read(context, buffer);
        }
        let fits = self.unread.len().min(buffer.remaining());
        buffer.put_slice(&self.unread.drain(..fits).collect::<Vec<_>>());
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Rewound<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn header(bytes: &[u8]) -> Result<Result<Source, [u8; 12]>, HeaderError> {
        let mut rest = bytes;
        let found = read(&mut rest).await;
        if matches!(found, Ok(Ok(_))) {
            assert_eq!(rest, b"GET /", "exactly the header is read");
        }
        found
    }

    fn version_2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[command, family], &length, rest, b"GET /"].concat()
    }

    fn client(address: &str) -> Source {
        Source::Client(address.parse().unwrap())
    }

    #[tokio::test]
    async fn both_versions_name_the_client() {
        let v4 = [&[10, 1, 1, 1, 10, 1, 1, 2, 0, 1, 0, 2][..], &[0x04, 0, 3, 1, 2, 3]].concat();
        let mut v6 = vec![0; 36];
        v6[0] = 0xfd;
        v6[15] = 9;
        let cases = [
            (b"PROXY TCP4 10.1.1.1 10.1.1.2 1 2\r\nGET /".to_vec(), client("10.1.1.1")),
            (b"PROXY TCP6 fd00::9 ::1 65535 0\r\nGET /".to_vec(), client("fd00::9")),
            (b"PROXY TCP6 ::ffff:10.1.1.1 ::1 1 2\r\nGET /".to_vec(), client("10.1.1.1")),
            (b"PROXY UNKNOWN\r\nGET /".to_vec(), Source::Proxy),
            (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\nGET /".to_vec(), Source::Proxy),
            (version_2(0x21, 0x11, &v4), client("10.1.1.1")),
            (version_2(0x21, 0x11, &v4[..12]), client("10.1.1.1")),
            (version_2(0x21, 0x21, &v6), client("fd00::9")),
            (version_2(0x21, 0x31, &[0; 216]), Source::Unix),
            (version_2(0x21, 0x00, &[]), Source::Proxy),
            (version_2(0x20, 0x00, &[]), Source::Proxy),
            (version_2(0x20, 0x11, &v4), Source::Proxy),
            (version_2(0x20, 0x11, &[0; MAX_LENGTH]), Source::Proxy),
        ];
        for (bytes, expected) in cases {
            assert_eq!(header(&bytes).await.unwrap().unwrap(), expected, "{bytes:?}");
        }
    }

    #[tokio::test]
    async fn what_is_not_well_formed_ends_the_connection() {
        let long = format!("PROXY UNKNOWN {}\r\nGET /", "x".repeat(MAX_LINE));
        let cases = [
            b"PROXY TCP4 10.1.1.1 10.1.1.2 1\r\nGET /".to_vec(),
            b"PROXY TCP4 10.1.1.1 10.1.1.2 1 2 3\r\nGET /".to_vec(),
            b"PROXY TCP4  10.1.1.1 10.1.1.2 1 2\r\nGET /".to_vec(),
            b"PROXY TCP4 10.1.1.1 ::1 1 2\r\nGET /".to_vec(),
            b"PROXY TCP6 10.1.1.1 10.1.1.2 1 2\r\nGET /".to_vec(),
            b"PROXY TCP4 010.1.1.1 10.1.1.2 1 2\r\nGET /".to_vec(),
            b"PROXY TCP4 10.1.1.1 10.1.1.2 1 65536\r\nGET /".to_vec(),
            b"PROXY TCP4 10.1.1.1 10.1.1.2 +1 2\r\nGET /".to_vec(),
            b"PROXY UDP4 10.1.1.1 10.1.1.2 1 2\r\nGET /".to_vec(),
            b"PROXY TCP4 10.1.1.1 10.1.1.2 1 2\nGET /".to_vec(),
            long.into_bytes(),
            version_2(0x11, 0x11, &[0; 12]),
            version_2(0x22, 0x11, &[0; 12]),
            version_2(0x21, 0x11, &[0; 11]),
            version_2(0x21, 0x12, &[0; 12]),
            version_2(0x21, 0x21, &[0; 12]),
            version_2(0x20, 0x00, &[0; MAX_LENGTH + 1]),
            b"PROXY ".to_vec(),
            SIGNATURE.to_vec(),
            b"GET".to_vec(),
        ];
        for bytes in cases {
            assert!(header(&bytes).await.is_err(), "{:?}", String::from_utf8_lossy(&bytes));
        }
    }

    #[tokio::test]
    async fn what_has_no_header_is_read_from_its_beginning() {
        let mut bytes = &b"GET /metrics HTTP/1.1\r\n"[..];
        let start = read(&mut bytes).await.unwrap().unwrap_err();
        let mut all = Vec::new();
        Rewound::new(tokio::io::join(bytes, tokio::io::sink()), start.to_vec())
            .read_to_end(&mut all)
            .await
            .unwrap();
        assert_eq!(all, b"GET /metrics HTTP/1.1\r\n");
    }
}
