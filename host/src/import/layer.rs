//! The tarball on its way into the store: hashed and written as it comes on one thread, decompressed, hashed and
//! walked on another.

use std::io::{self, BufRead as _, Read, Write as _};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use super::{ImportError, Options, descriptor};
use crate::digest::{Algorithm, Digest, Hasher};
use crate::layer::compression::{Compression, CompressionError, DETECT, Decoder, Expansion};
use crate::layer::entry::Entry;
use crate::layer::tar::{Decoder as TarDecoder, Visitor};
use crate::layer::transfer::chunks::{ChunkReader, LoopEnd, channel};
use crate::load::Progress;
use crate::store::Batch;
use crate::transport::tar_index::TarError;
use crate::types::Descriptor;

/// The layer, in the batch.
pub(super) struct Found {
    pub(super) compression: Compression,
    /// The digest of what came.
    pub(super) blob: Digest,
    /// Bytes that came.
    pub(super) size: u64,
    pub(super) diff_id: Digest,
    /// Bytes uncompressed.
    pub(super) unpacked: u64,
}

/// What both threads know.
#[derive(Default)]
struct Shared {
    /// Bytes that have come.
    taken: AtomicU64,
    /// There is no use in going on.
    stop: AtomicBool,
}

pub(super) fn store(
    batch: &Batch,
    input: &mut dyn Read,
    options: &Options,
    progress: &dyn Progress,
) -> Result<Found, ImportError> {
    let announced = tarball(options.size.unwrap_or(0));
    progress.planned(1, announced.size);
    progress.started(&announced);
    let shared = Shared::default();
    let (mut loop_end, chunks) = channel();
    let first = fill(input, &mut loop_end, 0)?;
    let compression = Compression::detect(&first[..first.len().min(DETECT)])?;
    let plain = compression == Compression::Plain;
    let mut writer = batch.writer_unhashed()?;
    let mut hasher = Hasher::new(Algorithm::Sha256);
    let (fed, unpacked) = thread::scope(|scope| {
        let shared = &shared;
        let undo = scope.spawn(move || {
            let mut reader = ChunkReader::new(chunks);
            let unpacked = unpack(&mut reader, compression, options.expansion, shared);
            shared.stop.fetch_or(unpacked.is_err(), Ordering::Relaxed);
            reader.drain();
            unpacked
        });
        let feed = || {
            let mut chunk = first;
            let mut done = 0;
            while !chunk.is_empty() && !shared.stop.load(Ordering::Relaxed) {
                shared.taken.store(done + chunk.len() as u64, Ordering::Relaxed);
                writer.write_all(&chunk).map_err(|source| ImportError::Write { done, source })?;
                if !plain {
                    hasher.update(&chunk);
                }
                done += chunk.len() as u64;
                progress.advanced(&announced, chunk.len() as u64);
                loop_end.send(chunk);
                chunk = fill(input, &mut loop_end, done)?;
            }
            Ok(done)
        };
        let fed: Result<u64, ImportError> = feed();
        drop(loop_end);
        let unpacked = undo.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        (fed, unpacked)
    });
    let size = fed?;
    let (diff_id, unpacked) = unpacked?;
    let blob = if plain { diff_id.clone() } else { hasher.finish() };
    let present = batch.contains(&blob)?.is_some();
    writer.commit_hashed(&blob, None)?;
    progress.finished(&descriptor("", &blob, size), present);
    Ok(Found { compression, blob, size, diff_id, unpacked })
}

fn tarball(size: u64) -> Descriptor {
    Descriptor {
        media_type: String::new(),
        digest: String::new(),
        size,
        platform: None,
        annotations: Vec::new(),
        artifact_type: None,
    }
}

/// The next full buffer, or what is left; empty at the end.
fn fill(input: &mut dyn Read, loop_end: &mut LoopEnd, done: u64) -> Result<Vec<u8>, ImportError> {
    let mut buffer = loop_end.buffer();
    let mut filled = 0;
    while filled < buffer.len() {
        match input.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(source) => return Err(ImportError::Read { done: done + filled as u64, source }),
        }
    }
    buffer.truncate(filled);
    Ok(buffer)
}

/// Nobody looks at the entries: that there are some, and not something else, is enough.
struct Entries;

impl Visitor for Entries {
    type Error = TarError;

    fn entry(&mut self, _: &Entry, _: u64) -> Result<(), TarError> {
        Ok(())
    }
}

/// The digest and the size of the uncompressed tar, which is one.
fn unpack(
    reader: &mut ChunkReader,
    compression: Compression,
    expansion: Expansion,
    shared: &Shared,
) -> Result<(Digest, u64), ImportError> {
    let mut tar = TarDecoder::new();
    let mut hasher = Hasher::new(Algorithm::Sha256);
    if compression == Compression::Plain {
        let mut size = 0;
        loop {
            let bytes = reader.fill_buf().map_err(|source| ImportError::Read { done: size, source })?;
            if bytes.is_empty() {
                break;
            }
            hasher.update(bytes);
            tar.feed(bytes, &mut Entries)?;
            let read = bytes.len();
            size += read as u64;
            reader.consume(read);
        }
        tar.finish()?;
        return Ok((hasher.finish(), size));
    }
    let mut decoder = Decoder::new(reader, compression, u64::MAX)?;
    let mut buffer = vec![0; 256 << 10];
    loop {
        let read = decoder.decode(&mut buffer)?;
        if read == 0 {
            break;
        }
        // How much there will be is not known before; what has come so far bounds what may have come out.
        let limit = expansion.limit(shared.taken.load(Ordering::Relaxed));
        if decoder.produced() > limit {
            return Err(CompressionError::TooLarge { name: compression.name(), limit }.into());
        }
        hasher.update(&buffer[..read]);
        tar.feed(&buffer[..read], &mut Entries)?;
    }
    tar.finish()?;
    Ok((hasher.finish(), decoder.produced()))
}
