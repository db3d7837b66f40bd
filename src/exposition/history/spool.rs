//! Samples in the order in which they come, and then in that of their keys: what is too much for memory is sorted a part
//! at a time and set aside in a file without a name, which is gone with the process.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, Write as _};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::vec;

/// Samples that are held in memory, at most, besides those of one instant: 32 MiB.
const ROOM: usize = 2 << 20;
/// Samples of each part that are read at a time.
const PIECE: u64 = 4_096;
/// Bytes of a sample in the file.
const SIZE: usize = 16;

/// A number by a key, which says of what and of when it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sample {
    pub(super) key: u64,
    pub(super) value: f64,
}

impl Sample {
    fn to_bytes(self) -> [u8; SIZE] {
        (u128::from(self.key) << 64 | u128::from(self.value.to_bits())).to_be_bytes()
    }

    #[expect(clippy::cast_possible_truncation, reason = "the halves of what was put together")]
    const fn from_bytes(bytes: [u8; SIZE]) -> Self {
        let both = u128::from_be_bytes(bytes);
        Self { key: (both >> 64) as u64, value: f64::from_bits(both as u64) }
    }
}

/// Takes in samples.
#[derive(Debug)]
pub(super) struct Spool {
    file: File,
    room: usize,
    held: Vec<Sample>,
    /// Where the parts lie in the file, in samples.
    parts: Vec<Range<u64>>,
}

impl Spool {
    pub(super) const fn new(file: File) -> Self {
        Self { file, room: ROOM, held: Vec::new(), parts: Vec::new() }
    }

    pub(super) fn push(&mut self, sample: Sample) {
        self.held.push(sample);
    }

    /// Sets aside what is held when it is too much. Samples of equal keys are in the order in which they came as long as
    /// this is not called between them.
    pub(super) fn set_aside(&mut self) -> io::Result<()> {
        if self.held.len() < self.room {
            return Ok(());
        }
        self.held.sort_by_key(|sample| sample.key);
        let begin = self.parts.last().map_or(0, |part| part.end);
        let mut file = io::BufWriter::with_capacity(1 << 16, &self.file);
        self.held.iter().try_for_each(|sample| file.write_all(&sample.to_bytes()))?;
        file.flush()?;
        self.parts.push(begin..begin + self.held.len() as u64);
        self.held.clear();
        Ok(())
    }

    /// All samples in the order of their keys.
    pub(super) fn sorted(mut self) -> io::Result<Sorted> {
        self.held.sort_by_key(|sample| sample.key);
        let held = Part { read: self.held.into_iter(), rest: 0..0 };
        let parts = self.parts.into_iter().map(|rest| Part { read: Vec::new().into_iter(), rest });
        let mut sorted =
            Sorted { file: self.file, parts: parts.chain([held]).collect(), next: BinaryHeap::new() };
        (0..sorted.parts.len()).try_for_each(|part| sorted.advance(part))?;
        Ok(sorted)
    }
}

/// A part that is read piece by piece.
#[derive(Debug)]
struct Part {
    read: vec::IntoIter<Sample>,
    rest: Range<u64>,
}

impl Part {
    fn next(&mut self, file: &File) -> io::Result<Option<Sample>> {
        if self.read.len() == 0 && !self.rest.is_empty() {
            let end = self.rest.end.min(self.rest.start + PIECE);
            let samples = usize::try_from(end - self.rest.start).unwrap_or_default();
            let mut bytes = vec![0; samples * SIZE];
            file.read_exact_at(&mut bytes, self.rest.start * SIZE as u64)?;
            let (chunks, _) = bytes.as_chunks::<SIZE>();
            self.read = chunks.iter().map(|chunk| Sample::from_bytes(*chunk)).collect::<Vec<_>>().into_iter();
            self.rest.start = end;
        }
        Ok(self.read.next())
    }
}

/// Gives samples in the order of their keys.
#[derive(Debug)]
pub(super) struct Sorted {
    file: File,
    parts: Vec<Part>,
    /// The next sample of each part: its key, the part, and the bits of its value.
    next: BinaryHeap<Reverse<(u64, usize, u64)>>,
}

impl Sorted {
    pub(super) fn next(&mut self) -> io::Result<Option<Sample>> {
        let Some(Reverse((key, part, value))) = self.next.pop() else { return Ok(None) };
        self.advance(part)?;
        Ok(Some(Sample { key, value: f64::from_bits(value) }))
    }

    fn advance(&mut self, number: usize) -> io::Result<()> {
        let Some(part) = self.parts.get_mut(number) else { return Ok(()) };
        if let Some(Sample { key, value }) = part.next(&self.file)? {
            self.next.push(Reverse((key, number, value.to_bits())));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_out_sorted_however_many_parts_it_was_set_aside_in() {
        let keys: Vec<u64> = (0..20_000_u64).map(|number| number * 7_919 % 10_007).collect();
        for room in [1, 100, 9_000, usize::MAX] {
            let mut spool = Spool { room, ..Spool::new(tempfile::tempfile().unwrap()) };
            for (number, key) in keys.iter().enumerate() {
                // Two of one key, in their order.
                spool.push(Sample { key: *key, value: -1.5 });
                spool.push(Sample { key: *key, value: number as f64 });
                if number % 100 == 0 {
                    spool.set_aside().unwrap();
                }
            }
            let is_set_aside = !spool.parts.is_empty();
            assert_eq!(is_set_aside, room < usize::MAX);
            let mut sorted = spool.sorted().unwrap();
            let mut found = Vec::new();
            while let Some(sample) = sorted.next().unwrap() {
                found.push(sample);
            }
            assert!(found.is_sorted_by_key(|sample| sample.key), "{room}");
            let (pairs, _) = found.as_chunks::<2>();
            for [first, second] in pairs {
                assert_eq!((first.value, first.key), (-1.5, second.key), "{room}");
                assert_eq!(keys[second.value as usize], second.key, "{room}");
            }
            assert_eq!(pairs.len(), keys.len());
        }
    }
}
