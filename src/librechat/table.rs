//! A map for what there are very many of: its entries lie side by side, sorted, and take hardly more memory than they
//! are long, where a hash map leaves up to half of its room empty and a tree a third.
//!
//! Entries that came since are in a tree until they are an eighth as many; then they are worked in, so that each is moved
//! a few times only. No key is in both.

use std::collections::BTreeMap;

/// Up to here a new entry moves those behind it, which costs less than a tree.
const SMALL: usize = 128;
/// One part of so many may be in the tree.
const LATE: usize = 8;

/// Values by key, in no order.
#[derive(Clone, Debug)]
pub struct Table<K, V> {
    sorted: Vec<(K, V)>,
    late: BTreeMap<K, V>,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self { sorted: Vec::new(), late: BTreeMap::new() }
    }
}

impl<K: Clone + Ord, V: Default> Table<K, V> {
    /// The value of a key, which is a default one when there was none.
    pub fn entry(&mut self, key: K) -> &mut V {
        if self.late.len() > self.sorted.len() / LATE {
            self.work_in();
        }
        let found = self.sorted.binary_search_by(|(known, _)| known.cmp(&key));
        if let Err(at) = found
            && self.sorted.len() < SMALL
        {
            self.sorted.insert(at, (key.clone(), V::default()));
        }
        let (Ok(at) | Err(at)) = found;
        match self.sorted.get_mut(at).filter(|(known, _)| *known == key) {
            Some((_, value)) => value,
            None => self.late.entry(key).or_default(),
        }
    }

    fn work_in(&mut self) {
        let mut all = Vec::with_capacity(self.sorted.len() + self.late.len());
        let mut late = std::mem::take(&mut self.late).into_iter().peekable();
        for entry in std::mem::take(&mut self.sorted) {
            while let Some(before) = late.next_if(|(key, _)| *key < entry.0) {
                all.push(before);
            }
            all.push(entry);
        }
        all.extend(late);
        self.sorted = all;
    }
}

impl<K, V> Table<K, V> {
    pub fn len(&self) -> usize {
        self.sorted.len() + self.late.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.sorted.iter().map(|(key, value)| (key, value)).chain(&self.late)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_what_a_map_holds_whatever_the_order() {
        let orders: [fn(u32) -> u32; 3] = [|key| key, |key| 2_000 - key, |key| key * 7_919 % 2_003];
        for order in orders {
            let (mut table, mut map) = (Table::<u32, u32>::default(), BTreeMap::<u32, u32>::new());
            for step in 0..2_000_u32 {
                for key in [order(step), order(step / 2)] {
                    *table.entry(key) += step;
                    *map.entry(key).or_default() += step;
                }
            }
            assert_eq!(table.len(), map.len());
            assert!(table.sorted.len() > table.late.len() * (LATE - 1), "too many are in the tree");
            assert_eq!(table.iter().collect::<BTreeMap<_, _>>(), map.iter().collect());
        }
    }
}
