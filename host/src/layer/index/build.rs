//! Making an index while a layer passes.

use super::{FileDigest, MAGIC, TAIL, components, record};
use crate::digest::{Algorithm, Digest};
use crate::layer::entry::{Entry, Kind, Run};

/// Bytes of holes that are hashed for one layer: who says that a sparse file is large need not have it.
const HOLES: u64 = 1 << 30;

/// An index cannot be made: it would have more than 4 GiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("wanted entries that fit into an index of 4 GiB, found more")]
pub struct TooLarge;

/// Takes in a layer's entries in the order of its tar, and makes the index.
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

    /// The next entry, whose content begins at this offset of the tar.
    pub fn entry(&mut self, entry: &Entry, content: u64) {
        self.complete();
        let Ok(place) = u32::try_from(self.bytes.len()) else {
            self.too_large = true;
            return;
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
    }

    /// More of the last entry's content, as it is in the tar.
    pub fn content(&mut self, mut bytes: &[u8]) {
        let Some(file) = &mut self.file else { return };
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
        // No path has a NUL, so with NUL for `/` the order of the bytes is that of the components.
        let (mut keys, mut ends) = (Vec::new(), Vec::with_capacity(self.places.len()));
        for place in &self.places {
            let path = super::Record::parse(&self.bytes[*place as usize..]).map(|(record, _)| record.path);
            for (at, component) in components(path.unwrap_or_default()).enumerate() {
                if at > 0 {
                    keys.push(0);
                }
                keys.extend_from_slice(component);
            }
            // The paths are part of the records, which have 32 bits.
            ends.push(keys.len() as u32);
        }
        let key = |position: u32| {
            let start = position.checked_sub(1).map_or(0, |before| ends[before as usize]);
            &keys[start as usize..ends[position as usize] as usize]
        };
        let mut order: Vec<u32> = (0..ends.len() as u32).collect();
        order.sort_unstable_by(|a, b| key(*a).cmp(key(*b)).then(a.cmp(b)));
        order
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
