//! A pass over sources that end at an instant, and over documents that a test makes up.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use prometheus_client::registry::Registry;

use super::*;
use crate::librechat::collector::{fold, moment};
use crate::librechat::demo::Demo;
use crate::librechat::indexes::Indexes;
use crate::librechat::record::fields::Oddities;
use crate::librechat::record::{Message, Record, User};
use crate::librechat::source::{Contents, Identity};
use crate::librechat::status::Status;

const NOW: u64 = 1_795_247_940;
const HOUR: u64 = 3_600;

fn at(second: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(second)
}

fn now() -> SystemTime {
    at(NOW)
}

fn instants(from: u64, to: u64, step: u64) -> Instants {
    Instants::new(at(from), Some(at(to)), Duration::from_secs(step), now()).unwrap()
}

/// A source that ends at an instant: of the demo, or of documents that a test makes up.
#[derive(Clone)]
struct Cut {
    demo: Option<Arc<Demo>>,
    documents: Vec<(Identity, Record<'static>)>,
    until: Moment,
}

impl Cut {
    fn of(documents: Vec<(Identity, Record<'static>)>) -> Self {
        Self { demo: None, documents, until: Moment(i64::MAX) }
    }

    fn has(&self, identity: Identity, record: &Record<'_>) -> bool {
        match identity {
            Identity::Regular(position) => position.time() <= self.until,
            Identity::Irregular(_) => record.created().is_none_or(|created| created <= self.until),
        }
    }
}

impl Source for Cut {
    const NAME: &'static str = "a part";

    async fn check(&self) -> Result<Option<Duration>, SourceError> {
        Ok(None)
    }

    async fn prepare(&self) -> Result<Contents, SourceError> {
        Ok(Contents { database: Self::NAME.into(), collections: 1, elsewhere: None })
    }

    async fn read(
        &self,
        collection: Collection,
        mut visit: impl FnMut(Record<'_>, &Oddities) + Send,
    ) -> Result<(), SourceError> {
        for range in [Range::ALL, Range::IRREGULAR] {
            self.read_range(collection, range, u64::MAX, |seen| visit(seen.record, seen.oddities)).await?;
        }
        Ok(())
    }

    async fn indexes(&self) -> Result<Indexes, SourceError> {
        Ok(Indexes::default())
    }

    async fn count(&self, _collection: Collection) -> Result<Option<u64>, SourceError> {
        Ok(None)
    }

    async fn count_range(&self, _collection: Collection, _range: Range) -> Result<u64, SourceError> {
        Ok(0)
    }

    async fn read_range(
        &self,
        collection: Collection,
        range: Range,
        limit: u64,
        mut visit: impl FnMut(Seen<'_>) + Send,
    ) -> Result<(), SourceError> {
        let mut visit = |seen: Seen<'_>| {
            if self.has(seen.identity, &seen.record) {
                visit(seen);
            }
        };
        if let Some(demo) = &self.demo {
            return demo.read_range(collection, range, limit, visit).await;
        }
        let oddities = Oddities::default();
        let of_range = self.documents.iter().filter(|(identity, record)| {
            record.collection() == collection && range.contains(identity.position())
        });
        for (identity, record) in of_range.take(usize::try_from(limit).unwrap_or(usize::MAX)) {
            let (identity, record) = (*identity, record.clone());
            visit(Seen { identity, fingerprint: 0, record, oddities: &oddities });
        }
        Ok(())
    }

    async fn read_updated(
        &self,
        _collection: Collection,
        _since: Moment,
        _index: &str,
        _visit: impl FnMut(Seen<'_>) + Send,
    ) -> Result<(), SourceError> {
        Ok(())
    }
}

type Values = BTreeMap<String, f64>;

fn figures(samples: Samples) -> Values {
    let text = samples.render();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.rsplit_once(' ').unwrap())
        .map(|(s, v)| (s.to_owned(), v.parse().unwrap()))
        .collect()
}

/// What `once --at` an instant says of what was there by then, but for the bound on all series.
async fn once(source: &Cut, until: Moment) -> Values {
    let status = Status::register(&mut Registry::default(), now);
    let cut = Cut { until, ..source.clone() };
    figures(fold(&cut, &status, &Options::default(), until).await.unwrap().export(until))
}

/// The figures of each instant: those of folds, and those of events.
async fn backfilled(source: &Cut, instants: Instants) -> Vec<(Moment, Values, Values)> {
    let mut pass = Backfill::new(source, Options::default(), instants);
    pass.read_irregular().await.unwrap();
    let mut all = Vec::new();
    let mut made = Vec::new();
    for at in instants.iter() {
        made.extend(pass.advance(at).await.unwrap());
    }
    while let Some(last) = pass.made().await.unwrap() {
        made.push(last);
    }
    assert!(made.is_sorted_by_key(|(at, _)| *at));
    assert_eq!(made.len(), instants.iter().len());
    for (at, samples) in made {
        let is_of_events = |name: &str| Events::families().any(|family| name.starts_with(family.name));
        let (events, mut folds): (Values, Values) =
            figures(samples).into_iter().partition(|(name, _)| is_of_events(name));
        folds.retain(|name, _| !name.starts_with("librechat_exporter_series_dropped"));
        all.push((at, folds, events));
    }
    all
}

fn assert_equal(found: &Values, expected: &Values, at: Moment) {
    let names = |figures: &Values| figures.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(found), names(expected), "{at:?}");
    for (name, value) in expected {
        let off = (found[name] - value).abs();
        assert!(off <= 1e-9 * value.abs().max(1.0), "{name} at {at:?}: {} is not {value}", found[name]);
    }
}

fn demo() -> Cut {
    Cut { demo: Some(Arc::new(Demo::new(1, now))), documents: Vec::new(), until: Moment(i64::MAX) }
}

#[tokio::test]
async fn an_instant_is_what_a_database_that_ends_there_comes_to() {
    let source = demo();
    let instants = instants(NOW - 30 * 24 * HOUR, NOW, 121 * HOUR);
    let all = backfilled(&source, instants).await;
    assert_eq!(all.len(), 6);
    for (at, folds, _) in &all {
        assert_equal(folds, &once(&source, *at).await, *at);
    }
    let messages = |at: usize| all[at].1["librechat_message_count"];
    assert!(messages(0) > 0.0 && messages(5) > messages(0));
}

#[tokio::test]
async fn counters_begin_at_the_first_instant_and_count_what_was_made_since() {
    let source = demo();
    let (from, to) = (NOW - 2 * 24 * HOUR, NOW);
    let created = |events: &Values| -> f64 {
        let of = events.iter().filter(|(name, _)| name.starts_with("librechat_messages_created_total"));
        of.map(|(_, value)| value).sum()
    };
    let mut ends = Vec::new();
    // The same however far the instants are apart.
    for step in [2 * HOUR, 24 * HOUR, 48 * HOUR] {
        let all = backfilled(&source, instants(from, to, step)).await;
        let [first, last] = [all.first().unwrap(), all.last().unwrap()];
        assert!(first.2.values().all(|value| *value == 0.0), "{:?}", first.2);
        let made = last.1["librechat_message_count"] - first.1["librechat_message_count"];
        assert_eq!(created(&last.2), made);
        let mut earlier = &first.2;
        for (at, _, events) in &all {
            assert!(earlier.iter().all(|(name, value)| events[name] >= *value), "{at:?}");
            earlier = events;
        }
        ends.push(last.2.clone());
    }
    for end in &ends {
        assert_equal(end, &ends[0], moment(at(to)));
    }
}

#[tokio::test]
async fn documents_without_an_objectid_are_of_their_creation_and_without_one_were_always_there() {
    let user = |created: Option<u64>| {
        let created = created.map(|second| moment(at(second)));
        Record::User(User { created, ..User::default() })
    };
    let regular = |second: u64| Identity::Regular(Position::at(moment(at(second))));
    let source = Cut::of(vec![
        (Identity::Irregular(1), user(None)),
        (Identity::Irregular(2), user(Some(1_000_000))),
        (Identity::Irregular(3), user(Some(1_000_061))),
        (Identity::Irregular(4), user(Some(2_000_000))),
        // The second of an instant belongs to it.
        (regular(1_000_060), user(None)),
        (regular(1_000_061), user(None)),
        (regular(2_000_000), user(None)),
        (Identity::Irregular(5), Record::Message(Message { created: None, ..Message::default() })),
    ]);
    let all = backfilled(&source, instants(1_000_000, 1_000_120, 60)).await;
    let counts = |name: &str| -> Vec<f64> { all.iter().map(|(_, folds, _)| folds[name]).collect() };
    assert_eq!(counts("librechat_user_count"), [2.0, 3.0, 5.0]);
    assert_eq!(counts("librechat_message_count"), [1.0; 3]);
    for (at, folds, _) in &all {
        assert_equal(folds, &once(&source, *at).await, *at);
    }
}

#[tokio::test]
async fn a_collection_is_read_piece_by_piece_and_each_document_once() {
    let position = |number: u8| {
        let mut position = Position::at(moment(at(1_000)));
        position.0[11] = number;
        position
    };
    let end = |second: u64| Position::at(moment(at(second)));
    let documents =
        (0..10).map(|number| (Identity::Regular(position(number)), Record::Message(Message::default())));
    let source = Cut::of(documents.collect());
    for limit in 1..12 {
        let mut cursor = Cursor { limit, ..Cursor::new(Collection::Messages) };
        let mut seen = Vec::new();
        for until in [position(4), position(4), position(9), end(8_000), end(9_000)] {
            while cursor.is_before(until) {
                let before = seen.len();
                let read = cursor.read(&source, until, |found| seen.push(found.identity)).await.unwrap();
                assert_eq!(seen.len() - before, usize::try_from(read).unwrap());
            }
        }
        assert_eq!(seen, (0..10).map(|number| Identity::Regular(position(number))).collect::<Vec<_>>());
        assert!(!cursor.is_before(end(900_000)), "it is known that nothing follows");
    }
}
