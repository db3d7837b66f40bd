//! The demo lives on between refreshes: what is kept current is what a fresh reading comes to.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use prometheus_client::registry::Registry;

use super::shard::Shard;
use super::shards::SMALL;
use super::*;
use crate::librechat::collector::{fold, moment};
use crate::librechat::demo::Demo;
use crate::librechat::source::{Position, Range};

const START: u64 = 1_795_247_940;

static NOW: AtomicU64 = AtomicU64::new(START);

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(NOW.load(Ordering::Relaxed))
}

/// The series and their values.
fn lines(folds: &Folds, at: Moment) -> Vec<(String, f64)> {
    let text = folds.export(at).render();
    let samples = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.rsplit_once(' '));
    samples.map(|(series, value)| (series.to_owned(), value.parse().unwrap())).collect()
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_current_is_what_a_fresh_reading_comes_to() {
    let demo = Demo::new(3, now);
    let status = Status::register(&mut Registry::default(), now);
    let mut sync = Sync::new(&Options::default(), Duration::from_secs(86_400));
    for minutes in [0, 1, 30] {
        NOW.fetch_add(minutes * 60, Ordering::Relaxed);
        let at = moment(now());
        demo.prepare().await.unwrap();
        let kept = sync.refresh(&demo, &status, at).await.unwrap();
        let fresh = fold(&demo, &status, &Options::default(), at).await.unwrap();
        let (kept, fresh) = (lines(&kept, at), lines(&fresh, at));
        assert_eq!(kept.len(), fresh.len());
        for ((kept_series, kept), (series, fresh)) in kept.iter().zip(&fresh) {
            assert_eq!(kept_series, series, "{minutes} minutes later");
            // Sums in another order differ in their last digits.
            let close = (kept - fresh).abs() <= 1e-9 * kept.abs().max(fresh.abs());
            assert!(close, "{series}: {kept}, not {fresh}, {minutes} minutes later");
        }
    }
    assert!(sync.holdings.collections.iter().any(|shards| shards.list.iter().any(|shard| shard.is_settled)));
}

#[test]
fn an_open_shard_of_old_documents_is_closed_so_that_it_is_not_read_each_time() {
    let at = Moment(1_795_247_940_000);
    let empty = Folds::new(&Options::default(), at);
    for (minutes, shards_after) in [(59, 1), (61, 2)] {
        let last = Position::at(at.before(minutes * MINUTE));
        let mut open = Shard::new(Range::ALL, empty.clone(), at);
        (open.count, open.last) = (SMALL + 1, Some(last));
        let mut shards = Shards::new(Collection::Files);
        shards.list.push(open);
        let mut settled = 0;
        shards.settle(at, &empty, |shard| settled += shard.count);
        assert_eq!((shards.list.len(), settled > 0), (shards_after, shards_after == 2), "{minutes} minutes");
        let open = shards.list.last().unwrap();
        assert!(open.is_open() && open.range.contains(last.next()));
        assert_eq!(open.range.contains(Some(last)), open.count > 0, "{minutes} minutes");
    }
}

#[test]
fn a_shard_is_due_after_a_part_of_the_age_of_its_newest_document() {
    let verified = Moment(1_795_247_940_000);
    let after = |seconds: i64| Moment(verified.0 + seconds * 1_000);
    let mut shard = Shard::new(Range::ALL, Folds::new(&Options::default(), verified), verified);
    assert!(shard.is_due(verified), "of what is empty, or has other ids, no age is known");
    shard.last = Some(Position::at(after(-32 * 60)));
    assert!(!shard.is_due(after(61)));
    assert!(shard.is_due(after(62)));
}

#[test]
fn positions_follow_each_other() {
    let position = |last: [u8; 3]| {
        let mut bytes = [1; 12];
        bytes[9..].copy_from_slice(&last);
        Position(bytes)
    };
    assert_eq!(position([1, 2, 3]).next(), Some(position([1, 2, 4])));
    assert_eq!(position([1, 255, 255]).next(), Some(position([2, 0, 0])));
    assert_eq!(Position([255; 12]).next(), None);
    assert_eq!(Position::at(Moment(0x0102_0304 * 1_000 + 999)).0[..5], [1, 2, 3, 4, 0]);
    assert_eq!(Position::at(Moment(i64::MIN)), Position([0; 12]));
}
