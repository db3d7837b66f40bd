//! Numbers for texts and ids, so that rows which refer to them take a few bytes.

use std::borrow::Borrow;
use std::hash::Hash;
use std::num::NonZeroU32;

use indexmap::IndexSet;

/// A text or an id. One more than its index, so that no number takes no room of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Number(NonZeroU32);

impl Number {
    /// Numbers are given from 0 on, without gaps.
    pub fn index(self) -> usize {
        usize::try_from(self.0.get() - 1).unwrap_or(usize::MAX)
    }

    /// `None` only beyond 2^32 - 2.
    fn of_index(index: usize) -> Option<Self> {
        u32::try_from(index).ok()?.checked_add(1).and_then(NonZeroU32::new).map(Self)
    }
}

/// Values by their numbers: the same value has the same number.
#[derive(Clone, Debug)]
pub struct Numbered<T>(IndexSet<T>);

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Self(IndexSet::new())
    }
}

impl<T: Clone + Eq + Hash> Numbered<T> {
    /// `None` only when there are more than 2^32 - 1 values.
    pub fn number<Q>(&mut self, value: &Q) -> Option<Number>
    where
        T: Borrow<Q> + From<Q::Owned>,
        Q: Hash + Eq + ToOwned + ?Sized,
    {
        let known = self.0.get_index_of(value);
        let index = known.unwrap_or_else(|| self.0.insert_full(value.to_owned().into()).0);
        Number::of_index(index)
    }

    /// Gives back room that nothing needs.
    pub fn compact(&mut self) {
        self.0.shrink_to_fit();
    }

    pub fn value(&self, number: Number) -> Option<&T> {
        self.0.get_index(number.index())
    }

    /// The numbers that were given.
    pub fn numbers(&self) -> impl Iterator<Item = Number> {
        (0..self.0.len()).filter_map(Number::of_index)
    }

    /// All values, in the order of their numbers.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &T> {
        self.0.iter()
    }

    /// Takes in the values that `other` has.
    pub fn take_in(&mut self, other: &Self) -> Renumbered {
        let number = |value: &T| {
            let index = self.0.get_index_of(value).unwrap_or_else(|| self.0.insert_full(value.clone()).0);
            Number::of_index(index)
        };
        Renumbered(other.0.iter().map(number).collect())
    }
}

/// What belongs to each number: numbers have no gaps, so that this needs no map.
#[derive(Clone, Debug, Default)]
pub struct ByNumber<V>(Vec<V>);

impl<V: Default> ByNumber<V> {
    pub fn update(&mut self, number: Number, change: impl FnOnce(&mut V)) {
        if self.0.len() <= number.index() {
            self.0.resize_with(number.index() + 1, V::default);
        }
        if let Some(value) = self.0.get_mut(number.index()) {
            change(value);
        }
    }

    pub fn get(&self, number: Number) -> Option<&V> {
        self.0.get(number.index())
    }

    /// Of every number up to the largest that was updated, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (Number, &V)> {
        (0..).map_while(Number::of_index).zip(&self.0)
    }
}

impl<V> FromIterator<V> for ByNumber<V> {
    /// Of the numbers from 0 on.
    fn from_iter<I: IntoIterator<Item = V>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

/// The numbers that the values of another have here.
#[derive(Debug)]
pub struct Renumbered(ByNumber<Option<Number>>);

impl Renumbered {
    pub fn number(&self, theirs: Number) -> Option<Number> {
        self.0.get(theirs).copied().flatten()
    }
}
