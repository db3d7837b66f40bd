//! Which failures of a query pass, and how long to wait before it is asked again, alone: what a refresh has read is kept.

use std::time::Duration;

use mongodb::error::{Error, ErrorKind};
use tokio::time::{sleep, timeout};

use super::SILENCE;
use super::query::Failure;

/// A server that goes, comes, or is being elected (codes of its `error_codes.yml`).
const TRANSIENT: &[i32] = &[
    6, 7, 43, 50, 63, 89, 91, 133, 134, 189, 202, 234, 262, 317, 358, 384, 9001, 10107, 11600, 11602, 13388,
    13435, 13436,
];
/// Azure Cosmos DB: too many requests for what is paid for.
const THROTTLED: i32 = 16_500;

/// How often a query is asked again after having been throttled, and after another passing failure.
const AFTER_THROTTLING: u32 = 10;
const AFTER_FAILURE: u32 = 2;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Whether what a code of the server says is likely to pass.
pub(super) fn is_passing(code: i32) -> bool {
    code == THROTTLED || TRANSIENT.contains(&code)
}

/// Asks again, alone, when a command failed in a way that passes.
///
/// # Errors
/// What remains of it; a server that is silent.
pub(super) async fn ask<T, F: Future<Output = mongodb::error::Result<T>>>(
    ask: impl Fn() -> F,
) -> Result<T, Failure> {
    let mut patience = Patience::default();
    loop {
        let Ok(answer) = timeout(SILENCE, ask()).await else {
            return Err(Failure::source(format!("MongoDB did not answer for {SILENCE:?}")));
        };
        match answer {
            Ok(answer) => return Ok(answer),
            Err(error) => match patience.pause(&error) {
                Some(pause) => sleep(pause).await,
                None => return Err(Failure::Driver(error)),
            },
        }
    }
}

/// How often a query has been asked again.
#[derive(Debug, Default)]
pub(super) struct Patience {
    throttled: u32,
    failed: u32,
}

impl Patience {
    /// The pause before the query is asked again; `None` when it has failed for good.
    pub(super) fn pause(&mut self, error: &Error) -> Option<Duration> {
        let ErrorKind::Command(command) = error.kind.as_ref() else { return None };
        let is_throttled = command.code == THROTTLED || retry_after(&command.message).is_some();
        let (tries, most) = if is_throttled {
            (&mut self.throttled, AFTER_THROTTLING)
        } else if is_passing(command.code) {
            (&mut self.failed, AFTER_FAILURE)
        } else {
            return None;
        };
        if *tries >= most {
            return None;
        }
        let growing = FIRST_PAUSE.saturating_mul(1 << *tries);
        *tries += 1;
        Some(retry_after(&command.message).unwrap_or(growing).min(LONGEST_PAUSE))
    }
}

/// What a throttled server asks for: `RetryAfterMs=34` is in its message.
fn retry_after(message: &str) -> Option<Duration> {
    let (_, rest) = message.split_once("RetryAfterMs=")?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok().map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d13_a_throttled_server_says_how_long_to_wait() {
        let message =
            "Error=16500, RetryAfterMs=34, Details='Response status code does not indicate success'";
        assert_eq!(retry_after(message), Some(Duration::from_millis(34)));
        assert_eq!(retry_after("RetryAfterMs=soon"), None);
        assert_eq!(retry_after("too many requests"), None);
    }
}
