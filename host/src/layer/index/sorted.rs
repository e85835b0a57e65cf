//! Records put in order, of which few are in memory.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Read, Write as _};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use super::record::key_at;
use crate::layer::path::order;

/// Bytes of records that are in memory before they are put in order and written down.
const HELD: usize = 4 << 20;

/// Bytes of what was written down that are read at once, of all runs together.
const READ: usize = 2 << 20;

/// Where what does not fit into memory is written meanwhile: files that have no name. By default there is none, and it
/// stays in memory.
#[derive(Clone, Default)]
pub struct Scratch(Option<Arc<dyn Fn() -> io::Result<File> + Send + Sync>>);

impl Scratch {
    /// `create` gives an empty file that can be read and written, and goes when it is closed.
    pub fn new(create: impl Fn() -> io::Result<File> + Send + Sync + 'static) -> Scratch {
        Scratch(Some(Arc::new(create)))
    }

    /// An empty file, if there is a place for one. What cannot be written stays in memory.
    pub(super) fn file(&self) -> Option<File> {
        self.0.as_ref().and_then(|create| create().ok())
    }
}

/// Takes in records in the order of the tar, and gives them in that of the index.
#[derive(Default)]
pub(super) struct Sorted {
    scratch: Scratch,
    held: Vec<u8>,
    /// Where each of those that are held begins, and its length.
    places: Vec<(u32, u32)>,
    /// Those that were written down, and where each run of them ends.
    file: Option<BufWriter<File>>,
    runs: Vec<u64>,
}

impl Sorted {
    pub(super) fn new(scratch: Scratch) -> Sorted {
        Sorted { scratch, ..Sorted::default() }
    }

    /// One more record, which `write` appends. Until the next one it is [`last`](Self::last).
    pub(super) fn add(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        // What the vector grows to is not more than is held.
        if self.held.len() + HELD / 64 > HELD {
            self.write_down()?;
        }
        let start = self.held.len();
        write(&mut self.held);
        let number = |number: usize| u32::try_from(number).map_err(|_| io::ErrorKind::FileTooLarge);
        let place = (number(start)?, number(self.held.len() - start)?);
        self.places.push(place);
        Ok(())
    }

    /// The record that was added last.
    pub(super) fn last(&mut self) -> &mut [u8] {
        let start = self.places.last().map_or(0, |(start, _)| *start as usize);
        &mut self.held[start..]
    }

    fn order(&mut self) {
        let key = |start: u32| key_at(&self.held, start as usize).unwrap_or_default();
        self.places.sort_unstable_by(|(a, _), (b, _)| order(key(*a), key(*b)).then(a.cmp(b)));
    }

    /// Makes a run of what is held, where there is a place for it.
    fn write_down(&mut self) -> io::Result<()> {
        if self.file.is_none() {
            let Some(file) = self.scratch.file() else {
                self.scratch = Scratch::default();
                return Ok(());
            };
            self.file = Some(BufWriter::with_capacity(256 << 10, file));
        }
        self.order();
        let Some(file) = &mut self.file else { return Ok(()) };
        let mut end = self.runs.last().copied().unwrap_or(0);
        for (start, length) in self.places.drain(..) {
            file.write_all(&length.to_le_bytes())?;
            file.write_all(&self.held[start as usize..][..length as usize])?;
            end += 4 + u64::from(length);
        }
        self.runs.push(end);
        self.held.clear();
        Ok(())
    }

    /// Whether all of it is in memory.
    pub(super) fn is_held(&self) -> bool {
        self.file.is_none()
    }

    /// Gives all of them, in order.
    pub(super) fn each(mut self, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        if self.is_held() {
            self.order();
            let mut records =
                self.places.iter().map(|(start, length)| &self.held[*start as usize..][..*length as usize]);
            return records.try_for_each(take);
        }
        self.write_down()?;
        let Sorted { file, runs, held, .. } = self;
        drop(held);
        let Some(file) = file else { return Ok(()) };
        let file = Arc::new(file.into_inner().map_err(io::IntoInnerError::into_error)?);
        let buffer = (READ / runs.len().max(1)).clamp(4 << 10, 256 << 10);
        let mut heads = BinaryHeap::with_capacity(runs.len());
        let mut start = 0;
        for (number, end) in runs.into_iter().enumerate() {
            let run = Run { file: file.clone(), at: start, end };
            let mut head = Head { record: Vec::new(), number, rest: BufReader::with_capacity(buffer, run) };
            if head.advance()? {
                heads.push(head);
            }
            start = end;
        }
        while let Some(mut head) = heads.peek_mut() {
            take(&head.record)?;
            if !head.advance()? {
                PeekMut::pop(head);
            }
        }
        Ok(())
    }
}

/// A run, as far as it was not read.
struct Run {
    file: Arc<File>,
    at: u64,
    end: u64,
}

impl Read for Run {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.at).unwrap_or(buffer.len()).min(buffer.len());
        let read = self.file.read_at(&mut buffer[..left], self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

/// The first record of what is left of a run.
struct Head {
    record: Vec<u8>,
    number: usize,
    rest: BufReader<Run>,
}

impl Head {
    /// To the next one. False at the end.
    fn advance(&mut self) -> io::Result<bool> {
        if self.rest.fill_buf()?.is_empty() {
            return Ok(false);
        }
        let mut length = [0; 4];
        self.rest.read_exact(&mut length)?;
        self.record.resize(u32::from_le_bytes(length) as usize, 0);
        self.rest.read_exact(&mut self.record)?;
        Ok(true)
    }

    fn key(&self) -> &[u8] {
        key_at(&self.record, 0).unwrap_or_default()
    }
}

impl Ord for Head {
    /// The first path is the greatest, because the heap gives the greatest; of one path that which came first in the tar.
    fn cmp(&self, other: &Self) -> Ordering {
        order(other.key(), self.key()).then(other.number.cmp(&self.number))
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Head {}
