//! An HTTP/1.1 client that sends exactly the bytes that it is told to, well-formed or not, and shows exactly what came.

use std::io::{Error, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream, UnixStream};
use tokio::time::timeout;

use crate::program::DEADLINE;

/// An answer as it came.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// `HTTP/1.1 200 OK`.
    pub(crate) status_line: String,
    /// Header lines in order, names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let body = start(&self.body);
        f.debug_tuple("Response").field(&self.status_line).field(&self.headers).field(&body).finish()
    }
}

impl Response {
    /// The only header of this name (in lower case); panics when there are two.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let values = self.all(name);
        assert!(values.len() < 2, "{name} comes twice: {self:?}");
        values.first().copied()
    }

    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// All headers but those that differ from one answer to the next by their nature.
    pub(crate) fn lasting_headers(&self) -> Vec<(String, String)> {
        self.headers.iter().filter(|(name, _)| name != "date").cloned().collect()
    }

    /// The whole answer, for searching.
    pub(crate) fn raw(&self) -> Vec<u8> {
        let mut bytes = format!("{}\n{:?}\n", self.status_line, self.headers).into_bytes();
        bytes.extend(&self.body);
        bytes
    }
}

/// The text of a request, made line by line.
#[derive(Clone)]
pub(crate) struct Request(Vec<u8>);

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", start(&self.0))
    }
}

impl Request {
    pub(crate) fn new(line: &str) -> Self {
        Self(format!("{line}\r\nHost: localhost\r\n").into_bytes())
    }

    pub(crate) fn get(path: &str) -> Self {
        Self::new(&format!("GET {path} HTTP/1.1"))
    }

    pub(crate) fn header(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.line([name.as_bytes(), b": ", value.as_ref()].concat())
    }

    /// A header line as it is, without its end.
    pub(crate) fn line(mut self, line: impl AsRef<[u8]>) -> Self {
        self.0.extend(line.as_ref());
        self.0.extend(b"\r\n");
        self
    }

    pub(crate) fn lines<L: AsRef<[u8]>>(self, lines: &[L]) -> Self {
        lines.iter().fold(self, Self::line)
    }

    /// The last of a connection.
    pub(crate) fn last(self) -> Vec<u8> {
        self.header("Connection", "close").bytes()
    }

    pub(crate) fn bytes(mut self) -> Vec<u8> {
        self.0.extend(b"\r\n");
        self.0
    }
}

/// Where a server listens.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target<'a> {
    Tcp(SocketAddr),
    /// From an address of our choice: all of 127.0.0.0/8 is ours.
    From(Ipv4Addr, SocketAddr),
    Unix(&'a Path),
}

pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// One connection.
pub(crate) struct Connection {
    stream: Box<dyn Stream>,
    unread: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(target: Target<'_>) -> Result<Self, Error> {
        let stream: Box<dyn Stream> = match target {
            Target::Tcp(address) => Box::new(TcpStream::connect(address).await?),
            Target::From(source, address) => {
                let socket = TcpSocket::new_v4()?;
                socket.bind(SocketAddr::new(IpAddr::V4(source), 0))?;
                Box::new(socket.connect(address).await?)
            }
            Target::Unix(path) => Box::new(UnixStream::connect(path).await?),
        };
        Ok(Self { stream, unread: Vec::new() })
    }

    /// Over what is connected already.
    pub(crate) fn over(stream: impl Stream + 'static) -> Self {
        Self { stream: Box::new(stream), unread: Vec::new() }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) -> Result<(), Error> {
        patiently(self.stream.write_all(bytes)).await
    }

    /// The next answer; `head` says that it answers a HEAD request, so that no body follows.
    pub(crate) async fn receive(&mut self, head: bool) -> Result<Response, Error> {
        loop {
            if let Some((response, length)) = parse(&self.unread, head) {
                self.unread.drain(..length);
                return Ok(response);
            }
            let length = patiently(self.stream.read_buf(&mut self.unread)).await?;
            if length == 0 {
                let unread = String::from_utf8_lossy(&self.unread).into_owned();
                return Err(Error::new(ErrorKind::UnexpectedEof, format!("closed after {unread:?}")));
            }
        }
    }

    /// Whatever comes until the other side closes. One that resets the connection has closed it, too.
    pub(crate) async fn rest(&mut self) -> Result<Vec<u8>, Error> {
        let mut bytes = std::mem::take(&mut self.unread);
        match patiently(self.stream.read_to_end(&mut bytes)).await {
            Ok(_) => Ok(bytes),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(bytes),
            Err(error) => Err(error),
        }
    }
}

impl Connection {
    /// As [`Connection::rest`], for a clock that jumps.
    pub(crate) async fn rest_however_long(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let _ = self.stream.read_to_end(&mut bytes).await;
        bytes
    }
}

async fn patiently<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    timeout(DEADLINE, work).await.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))
}

/// Sends what may be refused halfway, reads until the other side closes, and gives the first answer, if there is one.
pub(crate) async fn exchange(target: Target<'_>, bytes: &[u8]) -> Option<Response> {
    let mut connection = Connection::open(target).await.unwrap_or_else(|error| panic!("{target:?}: {error}"));
    // A server that has seen enough answers and closes before all is sent.
    let _ = connection.send(bytes).await;
    let answer =
        connection.rest().await.unwrap_or_else(|error| panic!("no end of {:?}: {error}", start(bytes)));
    parse(&answer, bytes.starts_with(b"HEAD ")).map(|(response, _)| response)
}

/// As [`exchange`], where there must be an answer.
pub(crate) async fn ask(target: Target<'_>, bytes: &[u8]) -> Response {
    exchange(target, bytes).await.unwrap_or_else(|| panic!("no answer to {:?}", start(bytes)))
}

fn start(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(300)]).into_owned()
}

/// The answer at the beginning of `bytes` and its length; `None` while something of it is missing. Every answer of the
/// exporter announces its length.
fn parse(bytes: &[u8], head: bool) -> Option<(Response, usize)> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let text = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = text.split("\r\n");
    let status_line = lines.next()?.to_owned();
    let status = status_line.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let announced = headers.iter().find(|(name, _)| name == "content-length")?.1.parse::<usize>().ok()?;
    let whole = end + 4 + if head { 0 } else { announced };
    let body = bytes.get(end + 4..whole)?.to_vec();
    Some((Response { status, status_line, headers, body }, whole))
}
