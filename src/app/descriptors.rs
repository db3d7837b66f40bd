//! Descriptors: as many as the system lets us have, and how many of them are for connections.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::{debug, warn};

use crate::http::connections::MAX;

/// For MongoDB, the provider, files that are read, standard streams, timers and signals.
const RESERVED: u64 = 64;

/// Fewer connections than this on a listener, and it can hardly be used.
const FEW: usize = 16;

/// Raises the soft limit to the hard one, as programs in Go do, and gives what then holds; `None` is no limit.
pub fn raise() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return current;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => maximum,
        Err(error) => {
            debug!("the limit of descriptors stays as it is: {error}");
            current
        }
    }
}

/// How many connections each of `listeners` may have.
pub fn connections_of_each(limit: Option<u64>, listeners: usize) -> usize {
    let Some(limit) = limit else { return MAX };
    let room = usize::try_from(limit.saturating_sub(RESERVED)).unwrap_or(usize::MAX);
    let each = (room / listeners.max(1)).clamp(1, MAX);
    if each < FEW {
        warn!(
            limit,
            each,
            "few descriptors are allowed, so few connections are accepted; raise LimitNOFILE or ulimit -n"
        );
    }
    each
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_room_for_the_rest() {
        let cases = [
            (None, 2, 512),
            (Some(1_048_576), 2, 512),
            (Some(1024), 1, 512),
            (Some(1024), 2, 480),
            (Some(256), 2, 96),
            (Some(64), 1, 1),
            (Some(10), 2, 1),
        ];
        for (limit, listeners, each) in cases {
            assert_eq!(connections_of_each(limit, listeners), each, "{limit:?} {listeners}");
        }
    }
}
