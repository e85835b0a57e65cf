//! Records put in order, of which few are in memory.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Read, Write as _};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use super::record::{key_at, key_end};
use crate::layer::path::order;

/// What is in memory.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    /// Bytes of records, before they are put in order and written down.
    pub(super) held: usize,
    /// Runs that are merged at once: of each one path.
    pub(super) runs: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { held: 1 << 20, runs: 256 }
    }
}

/// Bytes of what was written down that are read at once, of all runs together.
const READ: usize = 1 << 20;

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
    limits: Limits,
    scratch: Scratch,
    held: Vec<u8>,
    /// Where each of those that are held begins, and its length.
    places: Vec<(u32, u32)>,
    /// Those that were written down, and where each run of them ends.
    file: Option<BufWriter<File>>,
    runs: Vec<u64>,
}

impl Sorted {
    pub(super) fn new(scratch: Scratch, limits: Limits) -> Sorted {
        Sorted { limits, scratch, ..Sorted::default() }
    }

    /// One more record, which `write` appends. Until the next one it is [`last`](Self::last).
    pub(super) fn add(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        // What the vector grows to is not more than is held.
        let Limits { held, .. } = self.limits;
        if self.held.len() + held / 64 > held {
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
            self.file = Some(written(file));
        }
        if self.runs.len() == self.limits.runs {
            self.join()?;
        }
        self.order();
        let Some(file) = &mut self.file else { return Ok(()) };
        let mut end = self.runs.last().copied().unwrap_or(0);
        for (start, length) in self.places.drain(..) {
            end += write(file, &self.held[start as usize..][..length as usize])?;
        }
        self.runs.push(end);
        self.held.clear();
        Ok(())
    }

    /// Makes one run of all.
    fn join(&mut self) -> io::Result<()> {
        let (Some(file), Some(joined)) = (self.file.take(), self.scratch.file()) else {
            return Err(io::ErrorKind::StorageFull.into());
        };
        let (mut joined, mut end) = (written(joined), 0);
        merge(file, &std::mem::take(&mut self.runs), |record| {
            end += write(&mut joined, record)?;
            Ok(())
        })?;
        (self.file, self.runs) = (Some(joined), vec![end]);
        Ok(())
    }

    /// Whether all of it is in memory.
    fn is_held(&self) -> bool {
        self.file.is_none()
    }

    /// Where what is made of them can be written; `None` where there is room for that in memory, or nowhere else.
    pub(super) fn place(&self) -> Option<File> {
        if self.is_held() { None } else { self.scratch.file() }
    }

    /// Gives all of them, in order.
    pub(super) fn each(mut self, take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        if self.is_held() {
            self.order();
            let record = |(start, length): &(u32, u32)| &self.held[*start as usize..][..*length as usize];
            return self.places.iter().map(record).try_for_each(take);
        }
        self.write_down()?;
        let Sorted { file, runs, held, .. } = self;
        drop(held);
        file.map_or(Ok(()), |file| merge(file, &runs, take))
    }
}

fn written(file: File) -> BufWriter<File> {
    BufWriter::with_capacity(64 << 10, file)
}

/// Writes a record into a run; how many bytes that takes.
fn write(file: &mut BufWriter<File>, record: &[u8]) -> io::Result<u64> {
    file.write_all(&(record.len() as u32).to_le_bytes())?;
    file.write_all(record)?;
    Ok(4 + record.len() as u64)
}

/// Gives all records of a file, in order, in which runs end at these places.
fn merge(
    file: BufWriter<File>,
    ends: &[u64],
    mut take: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let file = Arc::new(file.into_inner().map_err(io::IntoInnerError::into_error)?);
    let buffer = (READ / ends.len().max(1)).clamp(4 << 10, 64 << 10);
    let mut heads = BinaryHeap::with_capacity(ends.len());
    let starts = std::iter::once(&0).chain(ends);
    for (number, (start, end)) in starts.zip(ends).enumerate() {
        let run = Run { file: file.clone(), at: *start, end: *end };
        let rest = BufReader::with_capacity(buffer, run);
        let mut head = Head { start: Vec::new(), left: 0, number, rest };
        if head.advance()? {
            heads.push(head);
        }
    }
    let mut record = Vec::new();
    while let Some(mut head) = heads.peek_mut() {
        head.complete(&mut record)?;
        take(&record)?;
        if !head.advance()? {
            PeekMut::pop(head);
        }
    }
    Ok(())
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

/// The first record of what is left of a run, as far as the path by which it is found: the rest of it may be long, and
/// there are many runs.
struct Head {
    start: Vec<u8>,
    /// Bytes of the record that were not read.
    left: usize,
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
        self.left = u32::from_le_bytes(length) as usize;
        self.start.clear();
        while let Some(wanted) = key_end(&self.start) {
            let (at, malformed) = (self.start.len(), io::ErrorKind::InvalidData);
            self.left = self.left.checked_sub(wanted.saturating_sub(at)).ok_or(malformed)?;
            self.start.resize(wanted, 0);
            self.rest.read_exact(&mut self.start[at..])?;
        }
        Ok(true)
    }

    /// Reads the rest of it.
    fn complete(&mut self, record: &mut Vec<u8>) -> io::Result<()> {
        record.clear();
        record.extend_from_slice(&self.start);
        record.resize(self.start.len() + self.left, 0);
        self.rest.read_exact(&mut record[self.start.len()..])
    }

    fn key(&self) -> &[u8] {
        key_at(&self.start, 0).unwrap_or_default()
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
