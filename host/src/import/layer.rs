//! The tarball on its way into the store: hashed and written as it comes on one thread, decompressed, hashed and
//! indexed on another.

use std::io::{self, BufRead as _, Read, Write as _};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use super::{ImportError, Options};
use crate::digest::{Algorithm, Digest, Hasher};
use crate::document::described;
use crate::layer::checkpoints::SPAN;
use crate::layer::compression::{Compression, CompressionError, DETECT, Decoder, Expansion};
use crate::layer::make::{MakeError, Making};
use crate::layer::transfer::Undone;
use crate::layer::transfer::chunks::{ChunkReader, LoopEnd, channel};
use crate::load::Progress;
use crate::store::Batch;
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
    let mut keeping = batch.keeping();
    let mut making = Making::new(&mut keeping, batch.store().scratch());
    let (fed, unpacked) = thread::scope(|scope| {
        let (shared, making) = (&shared, &mut making);
        let undo = scope.spawn(move || {
            let mut reader = ChunkReader::new(chunks);
            let unpacked = unpack(&mut reader, compression, options.expansion, shared, making);
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
    let undone = unpacked?;
    let blob = if plain { undone.digest.clone() } else { hasher.finish() };
    let made = making.finish(&undone, &blob, size, !plain);
    if let Err(MakeError::Tar(error)) = made.index {
        // Its end is what is wrong with it.
        return Err(error.into());
    }
    let Undone { digest: diff_id, size: unpacked } = undone;
    let present = batch.contains(&blob)?.is_some();
    writer.commit_hashed(&blob, None)?;
    // It can be made again when it is wanted.
    let _ = keeping.keep(&diff_id, &blob, &made);
    progress.finished(&described("", &blob, size), present);
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

/// The digest and the size of the uncompressed tar, which is one as far as can be told before its end.
fn unpack(
    reader: &mut ChunkReader,
    compression: Compression,
    expansion: Expansion,
    shared: &Shared,
    making: &mut Making<'_>,
) -> Result<Undone, ImportError> {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    if compression == Compression::Plain {
        let mut size = 0;
        loop {
            let bytes = reader.fill_buf().map_err(|source| ImportError::Read { done: size, source })?;
            if bytes.is_empty() {
                break;
            }
            hasher.update(bytes);
            making.feed(bytes);
            making.wrong().map_or(Ok(()), Err)?;
            let read = bytes.len();
            size += read as u64;
            reader.consume(read);
        }
        return Ok(Undone { digest: hasher.finish(), size });
    }
    let mut decoder = Decoder::noting(reader, compression, u64::MAX, SPAN)?;
    let mut buffer = vec![0; 256 << 10];
    loop {
        let read = decoder.decode(&mut buffer)?;
        decoder.take_point().iter().for_each(|point| making.point(point));
        if read == 0 {
            break;
        }
        // How much there will be is not known before; what has come so far bounds what may have come out.
        let limit = expansion.limit(shared.taken.load(Ordering::Relaxed));
        if decoder.produced() > limit {
            return Err(CompressionError::TooLarge { name: compression.name(), limit }.into());
        }
        hasher.update(&buffer[..read]);
        making.feed(&buffer[..read]);
        making.wrong().map_or(Ok(()), Err)?;
    }
    Ok(Undone { digest: hasher.finish(), size: decoder.produced() })
}
