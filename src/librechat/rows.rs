//! Rows that come and expire: copies share those that were there when they were made.
//!
//! What is added goes to a part of its own, until that is an eighth as large as the rest; then it is worked in, so that
//! each row is moved a few times only and no room is kept for rows that may never come. Rows have no order.

use std::sync::Arc;

/// One part of so many may be added before it is worked in.
const LATE: usize = 8;

#[derive(Clone, Debug)]
pub struct Rows<T> {
    shared: Arc<Vec<T>>,
    late: Vec<T>,
}

impl<T> Default for Rows<T> {
    fn default() -> Self {
        Self { shared: Arc::default(), late: Vec::new() }
    }
}

impl<T: Copy> Rows<T> {
    pub fn push(&mut self, row: T) {
        self.late.push(row);
        if self.late.len() > self.shared.len() / LATE {
            self.work_in();
        }
    }

    pub fn is_empty(&self) -> bool {
        self.shared.is_empty() && self.late.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.shared.iter().chain(&self.late)
    }

    /// Drops the rows that are not to be kept.
    pub fn retain(&mut self, mut is_kept: impl FnMut(&T) -> bool) {
        self.late.retain(&mut is_kept);
        if let Some(rows) = Arc::get_mut(&mut self.shared) {
            rows.retain(is_kept);
        } else if !self.shared.iter().all(&mut is_kept) {
            self.shared = Arc::new(self.shared.iter().copied().filter(|row| is_kept(row)).collect());
        }
    }

    /// Gives back room that nothing needs.
    pub fn compact(&mut self) {
        self.work_in();
        if let Some(rows) = Arc::get_mut(&mut self.shared) {
            rows.shrink_to_fit();
        }
    }

    fn work_in(&mut self) {
        let late = std::mem::take(&mut self.late);
        if late.is_empty() {
            return;
        }
        match Arc::get_mut(&mut self.shared) {
            Some(rows) => {
                rows.reserve_exact(late.len());
                rows.extend(late);
            }
            None => self.shared = Arc::new(self.shared.iter().chain(&late).copied().collect()),
        }
    }
}

impl<T: Copy> Extend<T> for Rows<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, rows: I) {
        rows.into_iter().for_each(|row| self.push(row));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_share_their_rows_and_go_their_own_ways() {
        let mut rows = Rows::default();
        rows.extend(0..1_000);
        rows.compact();
        let mut copy = rows.clone();
        copy.extend(1_000..1_100);
        assert!(Arc::ptr_eq(&rows.shared, &copy.shared));
        copy.retain(|row| *row >= 0);
        assert!(Arc::ptr_eq(&rows.shared, &copy.shared), "nothing was dropped");
        copy.retain(|row| row % 2 == 0);
        rows.retain(|row| *row < 500);
        assert!(copy.iter().copied().eq((0..1_100).filter(|row| row % 2 == 0)));
        assert!(rows.iter().copied().eq(0..500));
        copy.extend(2_000..3_000);
        assert_eq!(copy.iter().count(), 1_550);
        assert!(copy.late.len() <= copy.shared.len() / LATE, "too many were not worked in");
        copy.retain(|_| false);
        assert!(copy.is_empty() && !rows.is_empty());
    }
}
