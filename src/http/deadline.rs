//! Deadlines of a connection: for a request's head, between requests, and for a client that does not read.
//!
//! hyper's own header timeout runs while a connection is idle too, so that a head may not take long and a scraper that
//! keeps its connection between scrapes cannot both be had with it. Here the two are told apart by what the connection
//! is doing ([`Activity`]).

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// From the first byte of a request to the end of its head; a new connection has as long for its first byte.
const HEAD: Duration = Duration::from_secs(10);
/// Between requests: longer than the usual scrape intervals, so that a scrape need not connect.
const IDLE: Duration = Duration::from_secs(75);
/// For a client to take some of what is sent.
const WRITE: Duration = Duration::from_secs(30);

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Connected, or sending a head.
    Head,
    /// A request is being answered.
    Busy,
    /// An answer is being sent; what is left of it is not all handed over for sending yet.
    Sending,
    /// All of the answer is handed over, and not all of it is written.
    Flushing,
    /// Between requests.
    Idle,
}

/// What a connection is doing, since when: shared by its stream, its requests and the table of connections.
#[derive(Debug)]
pub struct Activity(Mutex<(Phase, Instant)>);

impl Default for Activity {
    fn default() -> Self {
        Self(Mutex::new((Phase::Head, Instant::now())))
    }
}

impl Activity {
    fn current(&self) -> (Phase, Instant) {
        *self.state()
    }

    fn set(&self, phase: Phase) {
        *self.state() = (phase, Instant::now());
    }

    fn state(&self) -> MutexGuard<'_, (Phase, Instant)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request's head is complete.
    pub fn begin_request(&self) {
        self.set(Phase::Busy);
    }

    /// The answer is there, and its body begins to be sent.
    pub fn begin_answer(&self) {
        self.set(Phase::Sending);
    }

    /// Nothing more is to come of the body.
    pub fn end_body(&self) {
        self.advance(Phase::Sending, Phase::Flushing);
    }

    /// Everything that was handed over has been written.
    fn flush(&self) {
        let mut state = self.state();
        if state.0 == Phase::Flushing {
            *state = (Phase::Idle, Instant::now());
        }
    }

    fn receive(&self) {
        let mut state = self.state();
        if state.0 == Phase::Idle {
            *state = (Phase::Head, Instant::now());
        }
    }

    /// Goes on to the next phase without forgetting since when the answer is being sent.
    fn advance(&self, from: Phase, to: Phase) {
        let mut state = self.state();
        if state.0 == from {
            state.0 = to;
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match self.current() {
            (Phase::Head, since) => Some(since + HEAD),
            (Phase::Idle, since) => Some(since + IDLE),
            (Phase::Busy | Phase::Sending | Phase::Flushing, _) => None,
        }
    }

    /// Whether no whole request has come that is not answered yet.
    pub fn awaits_request(&self) -> bool {
        matches!(self.current().0, Phase::Head | Phase::Idle)
    }

    /// Since when the connection has been waiting for its client; `None` while it serves a request. A client that has not
    /// taken its answer after [`WRITE`] is waited for.
    pub fn waiting_since(&self) -> Option<Instant> {
        match self.current() {
            (Phase::Busy, _) => None,
            (Phase::Head | Phase::Idle, since) => Some(since),
            (Phase::Sending | Phase::Flushing, since) => {
                let patient_until = since + WRITE;
                (patient_until <= Instant::now()).then_some(patient_until)
            }
        }
    }
}

/// A stream that fails with [`io::ErrorKind::TimedOut`] when its deadline passes.
#[derive(Debug)]
pub struct Deadlined<S> {
    stream: S,
    activity: Arc<Activity>,
    reading: Pin<Box<Sleep>>,
    writing: Option<Pin<Box<Sleep>>>,
}

impl<S> Deadlined<S> {
    pub fn new(stream: S, activity: Arc<Activity>) -> Self {
        let reading = Box::pin(sleep_until(Instant::now() + HEAD));
        Self { stream, activity, reading, writing: None }
    }

    /// Makes a pending write fail in time.
    fn watch_write<T>(
        &mut self,
        context: &mut Context<'_>,
        result: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if result.is_ready() {
            self.writing = None;
            return result;
        }
        let writing = self.writing.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + WRITE)));
        ready!(writing.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Deadlined<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        if let Poll::Ready(result) = Pin::new(&mut self.stream).poll_read(context, buffer) {
            if buffer.filled().len() > before {
                self.activity.receive();
            }
            return Poll::Ready(result);
        }
        let Some(deadline) = self.activity.deadline() else { return Poll::Pending };
        if self.reading.deadline() != deadline {
            self.reading.as_mut().reset(deadline);
        }
        ready!(self.reading.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Deadlined<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(context, buffer);
        self.watch_write(context, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(context, buffers);
        self.watch_write(context, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_flush(context);
        if matches!(result, Poll::Ready(Ok(()))) {
            self.activity.flush();
        }
        self.watch_write(context, result)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_shutdown(context);
        self.watch_write(context, result)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    fn connection(
        size: usize,
    ) -> (Deadlined<tokio::io::DuplexStream>, Arc<Activity>, tokio::io::DuplexStream) {
        let (ours, theirs) = duplex(size);
        let activity = Arc::new(Activity::default());
        (Deadlined::new(ours, Arc::clone(&activity)), activity, theirs)
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_drips_is_cut_after_ten_seconds() {
        let (mut stream, _, mut client) = connection(64);
        let started = Instant::now();
        let drip = async {
            loop {
                client.write_all(b"G").await.unwrap();
                tokio::time::sleep(Duration::from_secs(3)).await;
            }
        };
        let read = async {
            loop {
                if let Err(error) = stream.read_u8().await {
                    return error.kind();
                }
            }
        };
        let kind = tokio::select! { kind = read => kind, () = drip => unreachable!() };
        assert_eq!((kind, started.elapsed()), (io::ErrorKind::TimedOut, HEAD));
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_is_kept_for_longer_than_a_scrape_interval() {
        let (mut stream, activity, _client) = connection(64);
        activity.begin_request();
        tokio::time::sleep(Duration::from_secs(600)).await;
        activity.begin_answer();
        activity.end_body();
        stream.flush().await.unwrap();
        let idle = Instant::now();
        assert_eq!(stream.read_u8().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(idle.elapsed(), IDLE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_read_is_cut_after_thirty_seconds() {
        let (mut stream, _, _client) = connection(64);
        let started = Instant::now();
        assert_eq!(stream.write_all(&[0; 65]).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(started.elapsed(), WRITE);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_counts_as_served_until_it_is_written_or_not_taken_for_thirty_seconds() {
        let (mut stream, activity, _client) = connection(64);
        activity.begin_request();
        activity.begin_answer();
        stream.flush().await.unwrap();
        assert_eq!(activity.waiting_since(), None, "more is to come");
        activity.end_body();
        assert_eq!(activity.waiting_since(), None, "not written yet");
        stream.flush().await.unwrap();
        assert_eq!(activity.waiting_since(), Some(Instant::now()));

        activity.begin_request();
        activity.begin_answer();
        tokio::time::sleep(WRITE - Duration::from_millis(1)).await;
        assert_eq!(activity.waiting_since(), None);
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(activity.waiting_since().is_some());
    }
}
