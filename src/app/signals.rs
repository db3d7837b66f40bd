//! Signals: the first of SIGTERM and SIGINT drains, the second cuts, SIGHUP reads files again.

use std::sync::Arc;

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, watch};

/// Installed before anything is served, so that no signal is missed.
#[derive(Debug)]
pub struct Signals {
    hangups: Arc<Notify>,
    stops: watch::Receiver<u32>,
}

impl Signals {
    /// # Errors
    /// The operating system lets us watch no signals.
    pub fn install() -> anyhow::Result<Self> {
        let watch_signal = |kind| signal(kind).context("signals cannot be watched");
        let mut terminate = watch_signal(SignalKind::terminate())?;
        let mut interrupt = watch_signal(SignalKind::interrupt())?;
        let mut hangup = watch_signal(SignalKind::hangup())?;
        let hangups = Arc::<Notify>::default();
        let notify = Arc::clone(&hangups);
        let (count, stops) = watch::channel(0);
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = terminate.recv() => count.send_modify(|count| *count += 1),
                    _ = interrupt.recv() => count.send_modify(|count| *count += 1),
                    _ = hangup.recv() => notify.notify_one(),
                }
            }
        });
        Ok(Self { hangups, stops })
    }

    pub fn hangups(&self) -> Arc<Notify> {
        Arc::clone(&self.hangups)
    }

    /// Does something at each SIGHUP, beside what [`Self::hangups`] leads to.
    ///
    /// # Errors
    /// As [`Self::install`].
    pub fn on_hangup(act: impl Fn() + Send + 'static) -> anyhow::Result<()> {
        let mut hangup = signal(SignalKind::hangup()).context("signals cannot be watched")?;
        tokio::spawn(async move {
            while hangup.recv().await.is_some() {
                act();
            }
        });
        Ok(())
    }

    pub async fn first(&self) {
        self.reach(1).await;
    }

    pub async fn second(&self) {
        self.reach(2).await;
    }

    async fn reach(&self, number: u32) {
        // The sender lives as long as the runtime.
        let _ = self.stops.clone().wait_for(|count| *count >= number).await;
    }
}
