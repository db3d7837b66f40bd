//! A histogram's counts: how many observations fell between which bounds, and what they come to together.

use super::native::Native;

/// Observations by size. A bound belongs to the bucket below it, as Prometheus has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Buckets {
    bounds: &'static [f64],
    /// One for each bound, and one for what is beyond the last.
    counts: Box<[u64]>,
    sum: f64,
    /// The same observations without those bounds.
    native: Native,
}

impl Buckets {
    /// None yet. `bounds` ascend.
    pub fn new(bounds: &'static [f64]) -> Self {
        Self { bounds, counts: vec![0; bounds.len() + 1].into(), sum: 0.0, native: Native::default() }
    }

    /// Counts a number; what is none is no observation.
    pub fn observe(&mut self, value: f64) {
        if !value.is_finite() {
            return;
        }
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
            self.sum += value;
            self.native.observe(value);
        }
    }

    /// Takes in the observations of another of the same bounds.
    pub fn merge(&mut self, other: &Self) {
        debug_assert_eq!(self.bounds, other.bounds, "histograms of different bounds");
        self.counts.iter_mut().zip(&other.counts).for_each(|(count, other)| *count += other);
        self.sum += other.sum;
        self.native.merge(&other.native);
    }

    pub const fn sum(&self) -> f64 {
        self.sum
    }

    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    pub(super) const fn native(&self) -> &Native {
        &self.native
    }

    /// How many series it is in text: one for each bucket, the sum and the count.
    pub(super) fn series(&self) -> usize {
        self.counts.len() + 2
    }

    /// The count of each bucket by its upper bound, not added up; the last bound is infinite.
    pub(super) fn rows(&self) -> Vec<(f64, u64)> {
        self.bounds.iter().copied().chain([f64::INFINITY]).zip(self.counts.iter().copied()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_the_bucket_below_it() {
        let mut left = Buckets::new(&[1.0, 5.0]);
        [0.0, 1.0, 1.5].into_iter().for_each(|value| left.observe(value));
        let mut right = Buckets::new(&[1.0, 5.0]);
        [5.0, 9.0].into_iter().for_each(|value| right.observe(value));
        left.merge(&right);
        assert_eq!(left.rows(), [(1.0, 2), (5.0, 2), (f64::INFINITY, 1)]);
        assert_eq!((left.count(), left.sum()), (5, 16.5));
        let mut native = Native::default();
        [0.0, 1.0, 1.5, 5.0, 9.0].into_iter().for_each(|value| native.observe(value));
        assert_eq!(left.native(), &native);
        [f64::NAN, f64::INFINITY].into_iter().for_each(|value| left.observe(value));
        assert_eq!((left.count(), left.sum()), (5, 16.5), "both kinds of buckets hold the same observations");
    }
}
