//! [`Content`]: the bytes of a file in memory. Holes take no memory.

use std::collections::BTreeMap;

use crate::files::budget::Budget;
use crate::files::errno::{Errno, Result};

/// Bytes of one piece of a file: what a write of one byte costs.
const PIECE_BYTES: usize = 4096;

/// The bytes of a file. What it takes is taken from a budget by whoever changes it.
#[derive(Debug, Default)]
pub(super) struct Content {
    size: u64,
    pieces: BTreeMap<u64, Box<[u8]>>,
}

/// The piece that has `offset`, and where in it.
const fn locate(offset: u64) -> (u64, usize) {
    (offset / PIECE_BYTES as u64, (offset % PIECE_BYTES as u64) as usize)
}

impl Content {
    pub(super) const fn size(&self) -> u64 {
        self.size
    }

    /// Bytes it takes.
    pub(super) fn cost(&self) -> u64 {
        self.pieces.len() as u64 * PIECE_BYTES as u64
    }

    pub(super) fn read(&self, buffer: &mut [u8], offset: u64) -> usize {
        let left = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let Some(mut buffer) = buffer.get_mut(..left.min(buffer.len())) else { return 0 };
        let total = buffer.len();
        let mut at = offset;
        while !buffer.is_empty() {
            let (piece, start) = locate(at);
            let (part, rest) = buffer.split_at_mut((PIECE_BYTES - start).min(buffer.len()));
            match self.pieces.get(&piece).and_then(|bytes| bytes.get(start..start + part.len())) {
                Some(bytes) => part.copy_from_slice(bytes),
                None => part.fill(0),
            }
            at += part.len() as u64;
            buffer = rest;
        }
        total
    }

    /// Writes as much as the budget has room for. `offset + bytes` must not overflow.
    pub(super) fn write(&mut self, bytes: &[u8], offset: u64, budget: &Budget) -> Result<usize> {
        let mut done = 0;
        while let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) {
            let (piece, start) = locate(offset + done as u64);
            let part = rest.get(..(PIECE_BYTES - start).min(rest.len())).unwrap_or(rest);
            match self.piece(piece, budget) {
                Ok(target) => {
                    if let Some(target) = target.get_mut(start..start + part.len()) {
                        target.copy_from_slice(part);
                    }
                }
                Err(error) if done == 0 => return Err(error),
                Err(_) => break,
            }
            done += part.len();
            self.size = self.size.max(offset + done as u64);
        }
        Ok(done)
    }

    fn piece(&mut self, number: u64, budget: &Budget) -> Result<&mut Box<[u8]>> {
        match self.pieces.entry(number) {
            std::collections::btree_map::Entry::Occupied(piece) => Ok(piece.into_mut()),
            std::collections::btree_map::Entry::Vacant(place) => {
                if !budget.take(PIECE_BYTES as u64) {
                    return Err(Errno::NoSpace);
                }
                Ok(place.insert(vec![0; PIECE_BYTES].into_boxed_slice()))
            }
        }
    }

    /// A byte can be written at `offset`.
    pub(super) fn has_room(&self, offset: u64, budget: &Budget) -> bool {
        budget.left() >= PIECE_BYTES as u64 || self.pieces.contains_key(&locate(offset).0)
    }

    /// Cuts or extends; an extension is a hole.
    pub(super) fn set_size(&mut self, size: u64, budget: &Budget) {
        if size < self.size {
            let (last, keep) = locate(size);
            let cut = self.pieces.split_off(&(last + u64::from(keep > 0)));
            budget.give(cut.len() as u64 * PIECE_BYTES as u64);
            if let Some(tail) = self.pieces.get_mut(&last).and_then(|piece| piece.get_mut(keep..)) {
                tail.fill(0);
            }
        }
        self.size = size;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_cost_nothing_and_read_as_zeros() {
        let budget = Budget::new(Some(8192));
        let mut content = Content::default();
        assert_eq!(content.write(b"x", 1 << 40, &budget), Ok(1));
        assert_eq!(content.cost(), 4096);
        let mut buffer = [7; 3];
        assert_eq!(content.read(&mut buffer, (1 << 40) - 1), 2);
        assert_eq!(buffer, [0, b'x', 7]);
        assert_eq!(content.read(&mut buffer, u64::MAX), 0);
    }

    #[test]
    fn a_write_past_the_budget_is_cut_at_it() {
        let budget = Budget::new(Some(4096));
        let mut content = Content::default();
        assert_eq!(content.write(&[1; 5000], 0, &budget), Ok(4096));
        assert_eq!(content.write(&[1; 5000], 4096, &budget), Err(Errno::NoSpace));
        assert!(content.has_room(4095, &budget) && !content.has_room(4096, &budget));
        content.set_size(0, &budget);
        assert!(content.has_room(4096, &budget));
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn what_was_cut_off_reads_as_zeros_after_an_extension() {
        let budget = Budget::new(None);
        let mut content = Content::default();
        content.write(b"abcdef", 0, &budget).unwrap();
        content.set_size(3, &budget);
        content.set_size(6, &budget);
        let mut buffer = [1; 6];
        assert_eq!(content.read(&mut buffer, 0), 6);
        assert_eq!(&buffer, b"abc\0\0\0");
    }
}
