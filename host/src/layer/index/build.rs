//! Making an index while a layer passes.

use std::cmp::Ordering;

use super::{FileDigest, MAGIC, TAIL, components, record};
use crate::digest::{Algorithm, Digest};
use crate::layer::entry::{Entry, Kind, Run};
use crate::layer::tar::Visitor;
use crate::transport::tar_index::TarError;

/// Bytes of holes that are hashed for one layer: who says that a sparse file is large need not have it.
const HOLES: u64 = 1 << 30;

/// An index cannot be made: it would have more than 4 GiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("wanted entries that fit into an index of 4 GiB, found more")]
pub struct TooLarge;

/// Takes in a layer's entries and their content in the order of its tar, as a [`Visitor`], and makes the index.
pub struct Builder {
    bytes: Vec<u8>,
    places: Vec<u32>,
    /// The regular file whose content is passing.
    file: Option<Passing>,
    hasher: blake3::Hasher,
    /// Where the next entry's headers begin.
    next: u64,
    holes: u64,
    /// Content passes, of which digests can be made.
    digests: bool,
    too_large: bool,
}

struct Passing {
    /// Runs of data that are not complete, the first of them less what has passed, in reverse; of a file that is not
    /// sparse it is one.
    runs: Vec<Run>,
    /// Bytes hashed.
    hashed: u64,
    size: u64,
}

impl Default for Builder {
    fn default() -> Self {
        Builder::new()
    }
}

impl Builder {
    /// A builder that has seen nothing.
    pub fn new() -> Builder {
        Builder {
            bytes: MAGIC.to_vec(),
            places: Vec::new(),
            file: None,
            hasher: blake3::Hasher::new(),
            next: 0,
            holes: HOLES,
            digests: true,
            too_large: false,
        }
    }

    /// A builder that is told of entries and not of their content: files have no digests.
    pub fn without_digests() -> Builder {
        Builder { digests: false, ..Builder::new() }
    }

    /// The file that was passing is complete.
    fn complete(&mut self) {
        let Some(file) = self.file.take() else { return };
        zeros(&mut self.hasher, file.size - file.hashed);
        record::set_digest(&mut self.bytes, FileDigest(*self.hasher.finalize().as_bytes()));
    }

    /// The index of this layer, whose tar has `size` bytes.
    ///
    /// # Errors
    /// [`TooLarge`].
    pub fn finish(mut self, diff_id: &Digest, size: u64) -> Result<Vec<u8>, TooLarge> {
        self.complete();
        if self.too_large || u32::try_from(self.bytes.len()).is_err() {
            return Err(TooLarge);
        }
        let order = self.order();
        let mut bytes = self.bytes;
        bytes.reserve_exact(8 * self.places.len() + TAIL + super::CHECKSUM);
        bytes.extend(self.places.iter().flat_map(|place| place.to_le_bytes()));
        bytes.extend(order.iter().flat_map(|position| position.to_le_bytes()));
        bytes.extend((self.places.len() as u64).to_le_bytes());
        bytes.extend(size.to_le_bytes());
        let algorithm = Algorithm::ALL.iter().position(|algorithm| *algorithm == diff_id.algorithm());
        bytes.push(algorithm.map_or(0, |at| at as u8));
        let start = bytes.len();
        bytes.extend(diff_id.to_bytes());
        bytes.resize(start + 64 + 7, 0);
        let checksum = blake3::hash(&bytes);
        bytes.extend(checksum.as_bytes());
        Ok(bytes)
    }

    /// Positions by path.
    fn order(&self) -> Vec<u32> {
        let mut odd = Vec::new();
        let keys: Vec<Key> = self.places.iter().map(|place| self.key(*place, &mut odd)).collect();
        let path = |position: u32| {
            let Key { start, length } = keys[position as usize];
            let from = if length & ODD == 0 { &self.bytes } else { &odd };
            &from[start as usize..][..(length & !ODD) as usize]
        };
        let mut order: Vec<u32> = (0..keys.len() as u32).collect();
        order.sort_unstable_by(|a, b| by_components(path(*a), path(*b)).then(a.cmp(b)));
        order
    }

    /// Where the path of a record is that is written with single slashes: in the record, but for few, which are
    /// appended to `odd`. Copies of all of them would take half as much memory as the index.
    fn key(&self, place: u32, odd: &mut Vec<u8>) -> Key {
        let path = super::Record::parse(&self.bytes[place as usize..]).map(|(record, _)| record.path);
        let path = path.unwrap_or_default();
        let (mut start, mut length) = (None, 0);
        let mut is_odd = false;
        for component in components(path) {
            let at = component.as_ptr() as usize - path.as_ptr() as usize;
            is_odd |= start.is_some_and(|start| at != start + length + 1);
            length = at + component.len() - *start.get_or_insert(at);
        }
        // Paths are part of the records, which have 32 bits, and are shorter than 31.
        if !is_odd {
            let within = path.as_ptr() as usize - self.bytes.as_ptr() as usize;
            return Key { start: (within + start.unwrap_or(0)) as u32, length: length as u32 };
        }
        let start = odd.len();
        for component in components(path) {
            if odd.len() > start {
                odd.push(b'/');
            }
            odd.extend_from_slice(component);
        }
        Key { start: start as u32, length: (odd.len() - start) as u32 | ODD }
    }
}

/// A path, and whether it is among the odd ones.
#[derive(Clone, Copy)]
struct Key {
    start: u32,
    length: u32,
}

const ODD: u32 = 1 << 31;

/// The order of paths, component by component, where single slashes are between components.
fn by_components(a: &[u8], b: &[u8]) -> Ordering {
    let shorter = a.len().min(b.len());
    let mut at = 0;
    while at + 8 <= shorter && a[at..at + 8] == b[at..at + 8] {
        at += 8;
    }
    while at < shorter && a[at] == b[at] {
        at += 1;
    }
    // What ends a component comes before whatever goes on with it; no path has a NUL.
    let byte = |path: &[u8]| path.get(at).map_or(-1, |byte| if *byte == b'/' { 0 } else { i16::from(*byte) });
    byte(a).cmp(&byte(b))
}

impl Visitor for Builder {
    type Error = TarError;

    /// The next entry, whose content begins at this offset of the tar.
    fn entry(&mut self, entry: &Entry, content: u64) -> Result<(), TarError> {
        self.complete();
        let Ok(place) = u32::try_from(self.bytes.len()) else {
            self.too_large = true;
            return Ok(());
        };
        let runs = match &entry.sparse {
            _ if entry.kind != Kind::File => Vec::new(),
            Some(runs) => runs.iter().rev().copied().collect(),
            None => vec![Run { offset: 0, size: entry.size }],
        };
        let stored = if entry.kind == Kind::File { entry.stored_size() } else { 0 };
        let holes = entry.size.saturating_sub(stored);
        let digest = self.digests && entry.kind == Kind::File && holes <= self.holes;
        self.places.push(place);
        record::write(&mut self.bytes, entry, self.next, content, digest);
        self.next = content.saturating_add(stored).next_multiple_of(512);
        if digest {
            self.holes -= holes;
            self.hasher.reset();
            self.file = Some(Passing { runs, hashed: 0, size: entry.size });
        }
        Ok(())
    }

    /// More of the last entry's content, as it is in the tar.
    fn content(&mut self, mut bytes: &[u8]) -> Result<(), TarError> {
        let Some(file) = &mut self.file else { return Ok(()) };
        while let Some(run) = file.runs.last_mut()
            && !bytes.is_empty()
        {
            zeros(&mut self.hasher, run.offset - file.hashed);
            let taken = usize::try_from(run.size).unwrap_or(bytes.len()).min(bytes.len());
            self.hasher.update(&bytes[..taken]);
            bytes = &bytes[taken..];
            run.offset += taken as u64;
            run.size -= taken as u64;
            file.hashed = run.offset;
            if run.size == 0 {
                file.runs.pop();
            }
        }
        Ok(())
    }
}

/// Hashes a hole.
fn zeros(hasher: &mut blake3::Hasher, mut length: u64) {
    static ZEROS: [u8; 64 << 10] = [0; 64 << 10];
    while length > 0 {
        let taken = usize::try_from(length).unwrap_or(ZEROS.len()).min(ZEROS.len());
        hasher.update(&ZEROS[..taken]);
        length -= taken as u64;
    }
}
