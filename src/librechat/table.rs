//! A map for what there are very many of: its entries lie side by side, sorted, and take hardly more memory than they
//! are long, where a hash map leaves up to half of its room empty and a tree a third. Copies share them.
//!
//! What is added to entries that are shared, and keys that are new, go to a tree, until that is an eighth as large; then
//! it is worked in, so that each entry is moved a few times only. A key may be in both: its value is both together.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Up to here a new entry moves those behind it, which costs less than a tree.
const SMALL: usize = 128;
/// One part of so many may be in the tree.
const LATE: usize = 8;

/// Values of one key that come to one.
pub trait Combine {
    fn combine(&mut self, other: Self);
}

impl Combine for () {
    fn combine(&mut self, (): Self) {}
}

impl Combine for u32 {
    fn combine(&mut self, other: Self) {
        *self = self.saturating_add(other);
    }
}

impl Combine for f64 {
    fn combine(&mut self, other: Self) {
        *self += other;
    }
}

/// Values by key, in the order of the keys.
#[derive(Clone, Debug)]
pub struct Table<K, V> {
    sorted: Arc<Vec<(K, V)>>,
    late: BTreeMap<K, V>,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self { sorted: Arc::default(), late: BTreeMap::new() }
    }
}

impl<K: Clone + Ord, V: Copy + Combine> Table<K, V> {
    pub fn add(&mut self, key: K, value: V) {
        if let Some(sorted) = Arc::get_mut(&mut self.sorted) {
            match sorted.binary_search_by(|(known, _)| known.cmp(&key)) {
                Ok(at) => {
                    sorted.get_mut(at).into_iter().for_each(|(_, known)| known.combine(value));
                    return;
                }
                Err(at) if sorted.len() < SMALL => {
                    sorted.insert(at, (key, value));
                    return;
                }
                Err(_) => {}
            }
        }
        self.late.entry(key).and_modify(|known| known.combine(value)).or_insert(value);
        if self.late.len() > self.sorted.len() / LATE {
            self.work_in();
        }
    }

    /// Adds what another has.
    pub fn merge(&mut self, other: &Self) {
        other.iter().for_each(|(key, value)| self.add(key.clone(), value));
    }

    pub fn is_empty(&self) -> bool {
        self.sorted.is_empty() && self.late.is_empty()
    }

    /// Drops the entries whose keys are not to be kept.
    pub fn retain(&mut self, is_kept: impl Fn(&K) -> bool) {
        self.late.retain(|key, _| is_kept(key));
        if let Some(sorted) = Arc::get_mut(&mut self.sorted) {
            sorted.retain(|(key, _)| is_kept(key));
        } else if !self.sorted.iter().all(|(key, _)| is_kept(key)) {
            let kept = self.sorted.iter().filter(|(key, _)| is_kept(key));
            self.sorted = Arc::new(kept.cloned().collect());
        }
    }

    /// Gives back room that nothing needs.
    pub fn compact(&mut self) {
        if !self.late.is_empty() || self.sorted.len() < self.sorted.capacity() {
            self.work_in();
        }
    }

    fn work_in(&mut self) {
        let mut all = Vec::with_capacity(self.sorted.len() + self.late.len());
        all.extend(self.iter().map(|(key, value)| (key.clone(), value)));
        all.shrink_to_fit();
        *self = Self { sorted: Arc::new(all), late: BTreeMap::new() };
    }

    pub fn iter(&self) -> impl Iterator<Item = (&K, V)> {
        let (mut sorted, mut late) = (self.sorted.iter().peekable(), self.late.iter().peekable());
        std::iter::from_fn(move || {
            let order = match (sorted.peek(), late.peek()) {
                (Some((sorted, _)), Some((late, _))) => sorted.cmp(late),
                (None, _) => Ordering::Greater,
                (_, None) => Ordering::Less,
            };
            let from_sorted = if order.is_le() { sorted.next() } else { None };
            let from_late = if order.is_ge() { late.next() } else { None };
            match (from_sorted, from_late) {
                (Some((key, value)), Some((_, more))) => {
                    let mut value = *value;
                    value.combine(*more);
                    Some((key, value))
                }
                (Some((key, value)), None) => Some((key, *value)),
                (None, late) => late.map(|(key, value)| (key, *value)),
            }
        })
    }

    /// The value of a key, if there is one.
    pub fn get(&self, key: &K) -> Option<V> {
        let at = self.sorted.binary_search_by(|(known, _)| known.cmp(key)).ok();
        let sorted = at.and_then(|at| self.sorted.get(at)).map(|(_, value)| *value);
        match (sorted, self.late.get(key)) {
            (Some(mut value), Some(more)) => {
                value.combine(*more);
                Some(value)
            }
            (value, late) => value.or(late.copied()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_what_a_map_holds_whatever_the_order_and_leaves_its_copies_alone() {
        let orders: [fn(u32) -> u32; 3] = [|key| key, |key| 2_000 - key, |key| key * 7_919 % 2_003];
        for order in orders {
            let (mut table, mut map) = (Table::<u32, u32>::default(), BTreeMap::<u32, u32>::new());
            let mut copies = Vec::new();
            for step in 0..2_000_u32 {
                for key in [order(step), order(step / 2)] {
                    table.add(key, step);
                    *map.entry(key).or_default() += step;
                }
                if step % 300 == 0 {
                    copies.push((table.clone(), map.clone()));
                }
            }
            copies.push((table, map));
            for (table, map) in copies {
                assert!(table.iter().eq(map.iter().map(|(key, value)| (key, *value))));
                assert!((0..=2_003).all(|key| table.get(&key) == map.get(&key).copied()));
                assert!(table.sorted.len() / LATE >= table.late.len(), "too many are in the tree");
            }
        }
    }

    #[test]
    fn copies_share_their_entries_until_enough_is_added() {
        let mut table = Table::<u32, f64>::default();
        (0..1_000).for_each(|key| table.add(key, 1.0));
        let mut copy = table.clone();
        copy.add(7, 2.0);
        copy.add(5_000, 1.0);
        assert!(Arc::ptr_eq(&table.sorted, &copy.sorted));
        assert_eq!((table.get(&7), table.get(&5_000)), (Some(1.0), None));
        assert_eq!((copy.get(&7), copy.get(&5_000)), (Some(3.0), Some(1.0)));
        table.merge(&copy);
        assert_eq!(table.get(&7), Some(4.0));
    }
}
