//! Answers to what cannot be parsed. hyper gives them by itself, before there is a request to hand on, as a bare head;
//! here they get the headers and the body that every refusal has.
//!
//! Invariant: whatever is not exactly such an answer of hyper's passes as it is.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What hyper's answers begin and end with; between them stand a status and a date.
const BEGINNING: &str = "HTTP/1.1 4";
const BARE: &str = "\r\nconnection: close\r\ncontent-length: 0\r\n";
const END: &str = "\r\n\r\n";

/// A stream on which such answers are completed as they are written.
#[derive(Debug)]
pub struct Completed<S> {
    stream: S,
    answer: Option<Answer>,
}

/// One that is being written.
#[derive(Debug)]
struct Answer {
    rest: Bytes,
    /// How much of what hyper writes it stands for.
    stands_for: usize,
}

impl Answer {
    fn of(bytes: &[u8]) -> Option<Self> {
        let text = str::from_utf8(bytes).ok().filter(|text| text.starts_with(BEGINNING))?;
        let (status, date) = text.strip_suffix(END)?.split_once(BARE)?;
        let (_, phrase) = status.get("HTTP/1.1 ".len()..)?.split_once(' ')?;
        if [status, date].iter().any(|line| line.contains('\r')) {
            return None;
        }
        let rest = format!(
            "{status}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\ncache-control: no-store\r\n\
             x-content-type-options: nosniff\r\nconnection: close\r\n{date}{END}{phrase}\n",
            phrase.len() + 1
        );
        Some(Self { rest: rest.into(), stands_for: bytes.len() })
    }
}

impl<S> Completed<S> {
    pub fn new(stream: S) -> Self {
        Self { stream, answer: None }
    }
}

impl<S: AsyncWrite + Unpin> Completed<S> {
    /// Writes the answer that `bytes` are completed to, if they are one; else `None`.
    fn poll_answer(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Option<Poll<io::Result<usize>>> {
        if self.answer.is_none() {
            self.answer = Answer::of(bytes);
        }
        let answer = self.answer.as_mut()?;
        let result = loop {
            if answer.rest.is_empty() {
                break Poll::Ready(Ok(answer.stands_for));
            }
            match Pin::new(&mut self.stream).poll_write(context, &answer.rest) {
                Poll::Ready(Ok(0)) => break Poll::Ready(Ok(0)),
                Poll::Ready(Ok(written)) => answer.rest.advance(written),
                other => break other,
            }
        };
        if result.is_ready() {
            self.answer = None;
        }
        Some(result)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Completed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Completed<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.poll_answer(context, buffer) {
            Some(result) => result,
            None => Pin::new(&mut self.stream).poll_write(context, buffer),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let [only] = buffers
            && let Some(result) = self.poll_answer(context, only)
        {
            return result;
        }
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
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    const HYPERS: &str = "HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\
                          date: Sat, 01 Jan 2000 00:00:00 GMT\r\n\r\n";

    async fn sent(text: &str) -> String {
        // Narrow, so that every write is a partial one.
        let (ours, mut theirs) = duplex(7);
        let mut stream = Completed::new(ours);
        let write = async {
            stream.write_all(text.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
        };
        let mut bytes = String::new();
        let (_, read) = tokio::join!(write, theirs.read_to_string(&mut bytes));
        read.unwrap();
        bytes
    }

    #[tokio::test]
    async fn completes_what_hyper_answers_by_itself() {
        let text = sent(HYPERS).await;
        let (head, body) = text.split_once(END).unwrap();
        assert_eq!(body, "Request Header Fields Too Large\n");
        assert!(head.starts_with("HTTP/1.1 431 Request Header Fields Too Large\r\n"), "{head}");
        let lines = ["cache-control: no-store", "x-content-type-options: nosniff", "content-length: 32"];
        for line in lines.into_iter().chain(["connection: close", "date: Sat, 01 Jan 2000 00:00:00 GMT"]) {
            assert_eq!(head.lines().filter(|found| *found == line).count(), 1, "{line}: {head}");
        }
    }

    #[tokio::test]
    async fn leaves_everything_else_as_it_is() {
        let more = format!("{HYPERS}and more");
        let ours = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\ncache-control: no-store\r\n\r\n";
        for text in ["", "up 1\n", &more, ours, &HYPERS.replace("431", "200"), &HYPERS[..HYPERS.len() - 1]] {
            assert_eq!(sent(text).await, text);
        }
    }
}
