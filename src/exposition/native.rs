//! A histogram's counts in exponential buckets, as Prometheus' native histograms have them: a quantile is known to a few
//! percent wherever it lies, and nobody had to choose bounds.
//!
//! A bucket of schema `s` and index `i` holds what is above 2^((i-1)/2^s) and at most 2^(i/2^s). Invariant: there are at
//! most [`MAX_BUCKETS`]; one more makes all of them twice as wide, as often as it takes.

use std::collections::BTreeMap;

/// Buckets are 9 % wide: 2^(1/8).
const FINEST: i32 = 3;
/// Buckets are a factor of 65,536 wide, and all numbers that there are fall into 129 of them.
const COARSEST: i32 = -4;
/// What one histogram may have: at the finest, enough for 20 octaves.
const MAX_BUCKETS: usize = 160;

/// What is so close to 0 counts as 0: 2^-128.
pub(super) const ZERO_THRESHOLD: f64 = f64::from_bits((1023 - 128) << 52);

/// Observations by their order of magnitude.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Native {
    schema: i32,
    zero: u64,
    positive: BTreeMap<i32, u64>,
    negative: BTreeMap<i32, u64>,
}

impl Default for Native {
    fn default() -> Self {
        Self { schema: FINEST, zero: 0, positive: BTreeMap::new(), negative: BTreeMap::new() }
    }
}

impl Native {
    /// Counts a number that is finite.
    pub fn observe(&mut self, value: f64) {
        let size = value.abs();
        if size <= ZERO_THRESHOLD {
            self.zero += 1;
            return;
        }
        let index = index(size, self.schema);
        let side = if value > 0.0 { &mut self.positive } else { &mut self.negative };
        *side.entry(index).or_default() += 1;
        self.keep_bound();
    }

    /// Takes in the observations of another, at the coarser of the two schemas.
    pub fn merge(&mut self, other: &Self) {
        let mut other = other.clone();
        while self.schema > other.schema {
            self.widen();
        }
        while other.schema > self.schema {
            other.widen();
        }
        self.zero += other.zero;
        for (side, theirs) in [(&mut self.positive, other.positive), (&mut self.negative, other.negative)] {
            theirs.into_iter().for_each(|(index, count)| *side.entry(index).or_default() += count);
        }
        self.keep_bound();
    }

    pub(super) const fn schema(&self) -> i32 {
        self.schema
    }

    pub(super) const fn zero(&self) -> u64 {
        self.zero
    }

    pub(super) fn positive(&self) -> Sparse {
        Sparse::of(&self.positive)
    }

    pub(super) fn negative(&self) -> Sparse {
        Sparse::of(&self.negative)
    }

    fn keep_bound(&mut self) {
        while self.positive.len() + self.negative.len() > MAX_BUCKETS && self.schema > COARSEST {
            self.widen();
        }
    }

    /// Makes one bucket of each two.
    fn widen(&mut self) {
        self.schema -= 1;
        for side in [&mut self.positive, &mut self.negative] {
            for (index, count) in std::mem::take(side) {
                // (i + 1) / 2, rounded down for negative ones too.
                *side.entry((index + 1) >> 1).or_default() += count;
            }
        }
    }
}

/// The index of a number above 0.
fn index(size: f64, schema: i32) -> i32 {
    let per_octave = f64::from(schema).exp2();
    #[expect(clippy::cast_possible_truncation, reason = "within 1100 octaves of at most 8 buckets")]
    let guess = (size.log2() * per_octave).ceil() as i32;
    // The logarithm is rounded: a number just beyond a bound must not fall below it.
    let bound = |index: i32| (f64::from(index) / per_octave).exp2();
    if size > bound(guess) {
        guess + 1
    } else if size <= bound(guess - 1) {
        guess - 1
    } else {
        guess
    }
}

/// Buckets of one side as they are sent: runs of neighbours, and by how much each differs from the one before.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sparse {
    /// How far a run begins behind the end of the one before (the first: behind 0), and how long it is.
    pub(super) spans: Vec<(i32, u32)>,
    pub(super) deltas: Vec<i64>,
}

impl Sparse {
    fn of(buckets: &BTreeMap<i32, u64>) -> Self {
        let mut sparse = Self::default();
        let (mut next, mut before) = (0, 0);
        for (index, count) in buckets {
            match sparse.spans.last_mut() {
                Some((_, length)) if *index == next => *length += 1,
                _ => sparse.spans.push((index - next, 1)),
            }
            let count = i64::try_from(*count).unwrap_or(i64::MAX);
            sparse.deltas.push(count - before);
            (next, before) = (index + 1, count);
        }
        sparse
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[f64]) -> Native {
        let mut native = Native::default();
        values.iter().for_each(|value| native.observe(*value));
        native
    }

    #[test]
    fn a_bound_belongs_to_the_bucket_below_it() {
        for (value, expected) in
            [(1.0, 0), (1.000_001, 1), (2.0, 8), (2.1, 9), (4.0, 16), (0.5, -8), (0.75, -3)]
        {
            assert_eq!(index(value, 3), expected, "{value}");
        }
        for (value, expected) in
            [(1.0, 0), (1.1, 1), (65_536.0, 1), (65_537.0, 2), (f64::MAX, 64), (5e-324, -67)]
        {
            assert_eq!(index(value, -4), expected, "{value}");
        }
        // Whatever the rounding of the logarithm says.
        for octave in -130..130 {
            for eighth in 0..8 {
                let bound = (f64::from(octave * 8 + eighth) / 8.0).exp2();
                assert_eq!(index(bound, 3), octave * 8 + eighth, "{bound}");
                assert_eq!(index(bound.next_up(), 3), octave * 8 + eighth + 1, "{bound}");
            }
        }
    }

    #[test]
    fn buckets_are_sent_as_runs_and_differences() {
        let native = of(&[0.0, -0.0, ZERO_THRESHOLD, 1.0, 1.0, 1.0, 1.05, 4.0, -2.0]);
        assert_eq!((native.schema(), native.zero()), (3, 3));
        assert_eq!(native.positive(), Sparse { spans: vec![(0, 2), (14, 1)], deltas: vec![3, -2, 0] });
        assert_eq!(native.negative(), Sparse { spans: vec![(8, 1)], deltas: vec![1] });
        assert_eq!(of(&[]).positive(), Sparse::default());
    }

    #[test]
    fn there_are_never_more_than_so_many_buckets_and_none_is_lost() {
        let values: Vec<f64> = (-1000..1000).map(|octave| (f64::from(octave) + 0.5).exp2()).collect();
        let native = of(&values);
        assert!(native.positive.len() <= MAX_BUCKETS && native.schema >= COARSEST, "{native:?}");
        assert_eq!(native.positive.values().sum::<u64>() + native.zero, 2_000);
        // Widening is what observing at that schema would have been.
        for value in values.iter().filter(|value| **value > ZERO_THRESHOLD) {
            assert!(native.positive.contains_key(&index(*value, native.schema)), "{value}");
        }
        let all = of(&[&values[..], &values.iter().map(|value| -value).collect::<Vec<_>>()].concat());
        assert!(all.positive.len() + all.negative.len() <= MAX_BUCKETS, "{all:?}");
    }

    #[test]
    fn merging_is_observing_both_whatever_their_schemas() {
        let fine = [0.001, 0.5, 0.51, 30.0, 0.0, -3.0];
        let coarse: Vec<f64> = (-500..500).map(|octave| f64::from(octave).exp2()).collect();
        let mut left = of(&fine);
        left.merge(&of(&coarse));
        let mut right = of(&coarse);
        right.merge(&of(&fine));
        assert_eq!(left, right);
        assert_eq!(left, of(&[&fine[..], &coarse].concat()));
    }
}
