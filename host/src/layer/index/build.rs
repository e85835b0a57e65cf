//! Making an index while a layer passes.

use std::io::{self, BufWriter, Write};
use std::sync::Arc;

use super::block::Writer;
use super::sorted::{Limits, Scratch, Sorted};
use super::table::LONGEST;
use super::{FileDigest, MAGIC, checksum, record};
use crate::digest::Digest;
use crate::layer::entry::{Entry, Kind, Run};
use crate::layer::read_at::{FilePart, ReadAt};
use crate::layer::tar::Visitor;
use crate::transport::tar_index::TarError;

/// Bytes of holes that are hashed for one layer: who says that a sparse file is large need not have it.
const HOLES: u64 = 1 << 30;

/// Takes in a layer's entries and their content in the order of its tar, as a [`Visitor`], and makes the index.
pub struct Builder {
    records: Sorted,
    /// Why there will be no index.
    failed: Option<io::Error>,
    /// The regular file whose content is passing.
    file: Option<Passing>,
    hasher: blake3::Hasher,
    /// Where the next entry's headers begin.
    next: u64,
    holes: u64,
    /// Content passes, of which digests can be made.
    digests: bool,
}

struct Passing {
    /// Runs of data that are not complete, the first of them less what has passed, in reverse; of a file that is not
    /// sparse it is one.
    runs: Vec<Run>,
    /// Bytes hashed.
    hashed: u64,
    size: u64,
}

impl Builder {
    /// A builder that has seen nothing. What does not fit into memory, from some 10,000 entries on, is written to
    /// `scratch`.
    pub fn new(scratch: Scratch) -> Builder {
        Builder {
            records: Sorted::new(scratch, Limits::default()),
            failed: None,
            file: None,
            hasher: blake3::Hasher::new(),
            next: 0,
            holes: HOLES,
            digests: true,
        }
    }

    /// A builder that is told of entries and not of their content: files have no digests.
    pub fn without_digests(scratch: Scratch) -> Builder {
        Builder { digests: false, ..Builder::new(scratch) }
    }

    /// The file that was passing is complete.
    fn complete(&mut self) {
        let Some(file) = self.file.take() else { return };
        zeros(&mut self.hasher, file.size - file.hashed);
        record::set_digest(self.records.last(), FileDigest(*self.hasher.finalize().as_bytes()));
    }

    /// The index of this layer, whose tar has `size` bytes: in memory, or where what does not fit into it is.
    ///
    /// # Errors
    /// Those of the place for what does not fit into memory.
    pub fn finish(mut self, diff_id: &Digest, size: u64) -> io::Result<Arc<dyn ReadAt>> {
        self.complete();
        if let Some(failed) = self.failed {
            return Err(failed);
        }
        match self.records.place() {
            None => Ok(Arc::new(written(self.records, Vec::new(), diff_id, size)?)),
            Some(file) => {
                let out = written(self.records, BufWriter::with_capacity(64 << 10, file), diff_id, size)?;
                let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
                Ok(Arc::new(FilePart::whole(file)?))
            }
        }
    }
}

/// Writes the index.
fn written<W: Write>(records: Sorted, mut out: W, diff_id: &Digest, size: u64) -> io::Result<W> {
    let (mut block, mut table, mut entries) = (Writer::default(), Vec::new(), 0u64);
    let mut bytes = Vec::new();
    let mut end_block = |block: &mut Writer, out: &mut W| {
        let (Some(first), count) = (block.first(), block.count()) else { return Ok(()) };
        let first = first[..first.len().min(LONGEST)].to_vec();
        block.take(&mut bytes);
        let length = u32::try_from(bytes.len()).map_err(|_| io::ErrorKind::FileTooLarge)?;
        table.extend(length.to_le_bytes());
        // Each has four bytes in a block of that length.
        table.extend((count as u32).to_le_bytes());
        table.extend(blake3::hash(&bytes).as_bytes());
        table.push(first.len() as u8);
        table.extend(first);
        out.write_all(&bytes)
    };
    out.write_all(&MAGIC)?;
    records.each(|record| {
        entries += 1;
        block.add(record);
        if block.is_full() { end_block(&mut block, &mut out) } else { Ok(()) }
    })?;
    end_block(&mut block, &mut out)?;
    let length = table.len() as u64;
    for number in [length, entries, size] {
        table.extend(number.to_le_bytes());
    }
    table.extend(diff_id.to_fixed());
    out.write_all(&table)?;
    out.write_all(&checksum(&table))?;
    Ok(out)
}

impl Visitor for Builder {
    type Error = TarError;

    /// The next entry, whose content begins at this offset of the tar.
    fn entry(&mut self, entry: &Entry, content: u64) -> Result<(), TarError> {
        self.complete();
        if self.failed.is_some() {
            return Ok(());
        }
        let runs = match &entry.sparse {
            _ if entry.kind != Kind::File => Vec::new(),
            Some(runs) => runs.iter().rev().copied().collect(),
            None => vec![Run { offset: 0, size: entry.size }],
        };
        let stored = if entry.kind == Kind::File { entry.stored_size() } else { 0 };
        let holes = entry.size.saturating_sub(stored);
        let digest = self.digests && entry.kind == Kind::File && holes <= self.holes;
        let header = self.next;
        let added = self.records.add(|records| record::write(records, entry, header, content, digest));
        if let Err(error) = added {
            // What it took in is of no more use.
            (self.failed, self.records) = (Some(error), Sorted::default());
            return Ok(());
        }
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
        // Most files come in one piece, and are hashed faster so.
        if file.hashed == 0
            && let [Run { offset: 0, size }] = file.runs[..]
            && size == file.size
            && size == bytes.len() as u64
        {
            self.file = None;
            record::set_digest(self.records.last(), FileDigest(*blake3::hash(bytes).as_bytes()));
            return Ok(());
        }
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
