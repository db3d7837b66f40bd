//! Changes as a source tells of them: where, not what. What is there now is read.

use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::AbortHandle;

use super::{Position, SourceError};
use crate::librechat::record::Collection;

/// Changes that wait to be taken. Beyond that the source waits, too: it can tell of them later.
const WAITING: usize = 4_096;

/// Something is not what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A document came, changed or went; `None` when its `_id` is no ObjectId.
    Document(Collection, Option<Position>),
    /// Everything may have changed: a collection was dropped, or renamed.
    Everything,
    /// There will be no more, because of this. It may go on from here.
    Broken(SourceError),
}

/// From when on changes are told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    Now,
    /// After the last change that was told of.
    WhereItBroke,
}

/// What a source says when it is asked to tell of changes.
#[derive(Debug)]
pub enum Watched {
    Changes(Changes),
    /// It no longer knows what happened since it broke off.
    Lost,
    /// It has no change stream for us, and why.
    Impossible(String),
    /// It could not be asked, which may pass.
    Failed(SourceError),
}

/// The changes of a source. Dropping it ends the telling.
#[derive(Debug)]
pub struct Changes {
    receiver: Receiver<Change>,
    /// Taken from the receiver while waiting, and not yet handed out.
    first: Option<Change>,
    teller: AbortHandle,
}

impl Drop for Changes {
    fn drop(&mut self) {
        self.teller.abort();
    }
}

impl Changes {
    /// Those that `tell` sends.
    pub fn told_by<F: Future<Output = ()> + Send + 'static>(tell: impl FnOnce(Sender<Change>) -> F) -> Self {
        let (sender, receiver) = channel(WAITING);
        let teller = tokio::spawn(tell(sender)).abort_handle();
        Self { receiver, first: None, teller }
    }

    /// Waits until there is one. May be dropped without losing one.
    pub async fn arrived(&mut self) {
        if self.first.is_none() {
            self.first = self.receiver.recv().await;
            if self.first.is_none() {
                // The last one said so.
                std::future::pending::<()>().await;
            }
        }
    }

    /// The next one, when there is one already.
    pub fn take(&mut self) -> Option<Change> {
        self.first.take().or_else(|| self.receiver.try_recv().ok())
    }
}
