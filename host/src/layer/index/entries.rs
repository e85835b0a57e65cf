//! Entries of an index one after the other.

use std::sync::Arc;

use super::block::Block;
use super::{Index, IndexError, Record, damaged};
use crate::layer::path::is_below;

/// Entries of an index, in order. After an error there is no more.
pub struct Entries<'a> {
    index: &'a Index,
    /// The position of the next one.
    next: usize,
    /// The block that the last one is in, and its number.
    block: Option<(usize, Arc<Block>)>,
    until: Until,
}

/// What they end at.
enum Until {
    End,
    OtherThan(Vec<u8>),
    NotBelow(Vec<u8>),
}

impl<'a> Entries<'a> {
    pub(super) fn all(index: &'a Index) -> Entries<'a> {
        Entries { index, next: 0, block: None, until: Until::End }
    }

    pub(super) fn at(index: &'a Index, next: usize, key: Vec<u8>) -> Entries<'a> {
        Entries { index, next, block: None, until: Until::OtherThan(key) }
    }

    pub(super) fn below(index: &'a Index, next: usize, directory: Vec<u8>) -> Entries<'a> {
        Entries { index, next, block: None, until: Until::NotBelow(directory) }
    }

    fn step(&mut self) -> Result<Option<Record>, IndexError> {
        if self.next >= self.index.len() {
            return Ok(None);
        }
        let in_block = |(_, block): &&(usize, Arc<Block>)| self.next - block.first < block.count;
        let block = match self.block.as_ref().filter(in_block) {
            Some((_, block)) => block,
            None => {
                let at = match &self.block {
                    Some((at, _)) => at + 1,
                    None => self.index.block_of(self.next)?,
                };
                &self.block.insert((at, self.index.block(at)?)).1
            }
        };
        let at = self.next - block.first;
        let key = block.key(at).ok_or(damaged("a record is malformed"))?;
        let ended = match &self.until {
            Until::End => false,
            Until::OtherThan(wanted) => key != wanted,
            Until::NotBelow(directory) => !is_below(key, directory),
        };
        if ended {
            return Ok(None);
        }
        let record = block.record(at, self.index.size());
        self.next += 1;
        Ok(Some(record.ok_or(damaged("a record is malformed"))?))
    }
}

impl Iterator for Entries<'_> {
    type Item = Result<Record, IndexError>;

    fn next(&mut self) -> Option<Self::Item> {
        let step = self.step().transpose();
        if !matches!(step, Some(Ok(_))) {
            self.next = self.index.len();
        }
        step
    }
}
