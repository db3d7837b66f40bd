//! How many events there were in the last while: a sliding window in bounded memory.
//!
//! Up to 32 events are kept one by one. Where more are allowed, those that begin within a 32nd of the window share an
//! entry and leave with the first of them: at most that much too early, never too late.

use std::time::{Duration, Instant};

/// The most entries that one window keeps, of 24 bytes each.
const MAX_ENTRIES: u32 = 32;

/// The shape of all the windows of a table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    length: Duration,
    /// Events this close to the first of an entry join it.
    grain: Duration,
}

impl Shape {
    /// Windows of `length` in which at most `max` events are recorded.
    pub(super) fn new(length: Duration, max: u32) -> Self {
        let grain = if max <= MAX_ENTRIES { Duration::ZERO } else { length / MAX_ENTRIES };
        Self { length, grain }
    }

    pub(super) fn length(&self) -> Duration {
        self.length
    }
}

#[derive(Debug)]
struct Entry {
    first: Instant,
    events: u32,
}

/// The events of one key, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Window(Vec<Entry>);

impl Window {
    /// Forgets the events that are as old as the window is long, and counts the rest.
    pub(super) fn count(&mut self, shape: &Shape, now: Instant) -> u32 {
        let expired =
            self.0.partition_point(|entry| now.saturating_duration_since(entry.first) >= shape.length);
        self.0.drain(..expired);
        self.0.iter().map(|entry| entry.events).sum()
    }

    pub(super) fn record(&mut self, shape: &Shape, now: Instant) {
        match self.0.last_mut() {
            // Threads that raced for the lock may come with a `now` that is a little older: it joins, so that the
            // order holds.
            Some(last) if now <= last.first || now.saturating_duration_since(last.first) < shape.grain => {
                last.events += 1;
            }
            _ => self.0.push(Entry { first: now, events: 1 }),
        }
    }

    /// Forgets one event that was recorded at `at`.
    pub(super) fn give_back(&mut self, at: Instant) {
        let later = self.0.partition_point(|entry| entry.first <= at);
        let Some(index) = later.checked_sub(1) else { return };
        if let Some(entry) = self.0.get_mut(index) {
            entry.events = entry.events.saturating_sub(1);
            if entry.events == 0 {
                self.0.remove(index);
            }
        }
    }

    /// How long until the oldest event is forgotten; zero when there is none.
    pub(super) fn frees_in(&self, shape: &Shape, now: Instant) -> Duration {
        self.0.first().map_or(Duration::ZERO, |oldest| {
            shape.length.saturating_sub(now.saturating_duration_since(oldest.first))
        })
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{RngExt as _, SeedableRng as _};

    use super::*;

    const LENGTH: Duration = Duration::from_secs(60);

    /// Random events, recorded while fewer than `max` are counted; `check` sees each decision with the whole past.
    fn play(max: u32, check: impl Fn(&Window, &[Instant], Instant, bool)) {
        let mut random = StdRng::seed_from_u64(u64::from(max));
        let shape = Shape::new(LENGTH, max);
        let (mut window, mut past, mut now) = (Window::default(), Vec::new(), Instant::now());
        for _ in 0..20_000 {
            now += Duration::from_millis(random.random_range(0..120_000 / u64::from(max)));
            let admitted = window.count(&shape, now) < max;
            check(&window, &past, now, admitted);
            if admitted {
                window.record(&shape, now);
                past.push(now);
            }
        }
    }

    fn within(past: &[Instant], now: Instant, length: Duration) -> usize {
        past.iter().rev().take_while(|event| now - **event < length).count()
    }

    #[test]
    fn a_few_events_are_counted_exactly() {
        for max in [1, 5, 32] {
            play(max, |_, past, now, admitted| {
                assert_eq!(admitted, within(past, now, LENGTH) < max as usize);
            });
        }
    }

    #[test]
    fn many_events_are_counted_to_a_32nd_of_the_window_in_bounded_memory() {
        for max in [33, 120, 600] {
            play(max, |window, past, now, admitted| {
                if admitted {
                    assert!(within(past, now, LENGTH - LENGTH / MAX_ENTRIES) < max as usize);
                } else {
                    assert!(within(past, now, LENGTH) >= max as usize);
                }
                assert!(window.0.len() <= MAX_ENTRIES as usize + 1, "{}", window.0.len());
            });
        }
    }

    #[test]
    fn what_is_given_back_does_not_count() {
        for max in [5, 120] {
            let (shape, start) = (Shape::new(LENGTH, max), Instant::now());
            let at = |second| start + Duration::from_secs(second);
            let mut window = Window::default();
            window.give_back(start);
            for second in 0..5 {
                window.record(&shape, at(second));
            }
            for (second, left) in [(4, 4), (0, 3), (2, 2)] {
                window.give_back(at(second));
                assert_eq!(window.count(&shape, at(5)), left, "{max}");
            }
        }
    }

    #[test]
    fn a_now_that_is_a_little_older_changes_neither_order_nor_count() {
        let shape = Shape::new(LENGTH, 5);
        let start = Instant::now();
        let later = start + Duration::from_secs(1);
        let mut window = Window::default();
        window.record(&shape, later);
        window.record(&shape, start);
        assert_eq!(window.count(&shape, start), 2);
        assert_eq!(window.frees_in(&shape, later), LENGTH);
        assert_eq!(window.count(&shape, start + LENGTH), 2);
        assert_eq!(window.count(&shape, later + LENGTH), 0);
    }
}
