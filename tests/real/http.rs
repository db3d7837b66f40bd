//! A plain HTTP/1.1 client that shows exactly what came over the socket: one request a connection, no redirects, no
//! decoding but that of chunks.

use std::io::{Error, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(30);

/// An answer as it came.
#[derive(Debug)]
pub(crate) struct Response {
    /// The status code.
    pub(crate) status: u16,
    /// Header lines in order, names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// The body, without chunk framing.
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// The first header of this name (in lower case).
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Takes apart the bytes of a whole answer; `None` when its framing says that something is missing.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers: Vec<_> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let mut response = Self { status, headers, body: bytes[end + 4..].to_vec() };
        if response.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
            response.body = dechunk(&response.body)?;
        } else if let Some(length) = response.header("content-length")
            && response.body.len() != length.parse::<usize>().ok()?
        {
            return None;
        }
        Some(response)
    }
}

/// Sends a request to `port` and leaves before it is answered.
pub(crate) async fn send_and_leave(port: u16, request: &str) {
    let mut stream = tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
}

/// `GET path` from 127.0.0.1 at `port`, with more headers.
pub(crate) async fn get(port: u16, path: &str, headers: &[(&str, &str)]) -> Result<Response, Error> {
    get_from([127, 0, 0, 1], port, path, headers).await
}

/// The same as a client whose address is another of 127.0.0.0/8.
pub(crate) async fn get_from(
    client: [u8; 4],
    port: u16,
    path: &str,
    headers: &[(&str, &str)],
) -> Result<Response, Error> {
    timeout(PATIENCE, async {
        let socket = TcpSocket::new_v4()?;
        if client != [127, 0, 0, 1] {
            socket.bind(SocketAddr::from((client, 0)))?;
        }
        ask(socket.connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?, path, headers).await
    })
    .await?
}

/// One request over `stream`, whatever it is made of.
pub(crate) async fn ask(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    path: &str,
    headers: &[(&str, &str)],
) -> Result<Response, Error> {
    stream.write_all(request(path, headers).as_bytes()).await?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await?;
    Response::parse(&bytes).ok_or_else(|| Error::new(ErrorKind::UnexpectedEof, "the answer is cut off"))
}

/// The text of a GET request that asks for the connection to be closed after its answer.
pub(crate) fn request(path: &str, headers: &[(&str, &str)]) -> String {
    let mut text = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    text
}

fn dechunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|window| window == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..line]).ok()?, 16).ok()?;
        rest = &rest[line + 2..];
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size + 2..)?;
    }
}
