//! A blob on its way in: read, hashed, written and, where it is a layer, undone and hashed again to find
//! its diff ID; each on a thread of its own when the blob is large enough to be worth it.

pub(crate) mod chunks;

use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use chunks::{ChunkReader, Chunks, LoopEnd, channel};
use crossbeam_channel::{Receiver, unbounded};

use super::checkpoints::SPAN;
use super::compression::{Compression, CompressionError, DETECT, Decoder, Expansion, Point, Share, Windows};
use super::make::{Made, Making};
use crate::digest::{Algorithm, Digest, Hasher};

/// Blobs up to this size are handled on one thread, in one buffer.
const SMALL: u64 = 1 << 20;

/// What is to be found out about a blob on the way, and how far to go for it.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// Bytes the blob is said to have; not one more is taken.
    pub size: u64,
    /// The algorithm of the blob's digest.
    pub algorithm: Algorithm,
    /// The algorithm of the digest of the uncompressed blob, where that is wanted.
    pub diff_id: Option<Algorithm>,
    /// How much it may expand to.
    pub expansion: Expansion,
}

/// What was found out about a blob.
#[derive(Debug)]
pub struct Found {
    /// The digest of the bytes that were written.
    pub digest: Digest,
    /// How many they were.
    pub size: u64,
    /// What came out uncompressed, where that was wanted.
    pub uncompressed: Option<Result<Undone, CompressionError>>,
    /// What was made of a layer that could be undone, where that was wanted.
    pub made: Option<Made>,
}

/// Uncompressed content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undone {
    /// Its digest: a layer's diff ID.
    pub digest: Digest,
    /// Its bytes.
    pub size: u64,
}

/// A transfer did not come to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransferError {
    /// Reading failed.
    #[error("reading failed after {done} bytes")]
    Read {
        /// Bytes read before.
        done: u64,
        /// Why.
        source: io::Error,
    },
    /// Writing failed.
    #[error("writing failed after {done} bytes")]
    Write {
        /// Bytes written before.
        done: u64,
        /// Why.
        source: io::Error,
    },
    /// There is more to read than there should be.
    #[error("wanted {wanted} bytes, found more")]
    TooLong {
        /// Bytes there should be.
        wanted: u64,
    },
    /// Another transfer failed and this one was asked to stop.
    #[error("stopped")]
    Stopped,
}

/// Runs transfers one after the other, keeping the buffer for small ones.
#[derive(Default)]
pub struct Transfer {
    small: Vec<u8>,
}

/// Where a transfer reports to and listens.
pub struct Hooks<'a> {
    /// Called with the number of bytes that were taken in since the last call.
    pub advanced: &'a (dyn Fn(u64) + Sync),
    /// Asks the transfer to stop.
    pub stop: &'a AtomicBool,
}

impl Transfer {
    /// Copies all of `input` to `output`. The caller compares what was found with what was wanted; fewer
    /// bytes than wanted are not an error here.
    ///
    /// # Errors
    ///
    /// The first thing that went wrong in any thread; what was written is discarded.
    pub fn run(
        &mut self,
        input: &mut dyn Read,
        output: &mut dyn Write,
        wanted: &Wanted,
        hooks: &Hooks<'_>,
    ) -> Result<Found, TransferError> {
        self.run_making(input, output, wanted, hooks, None)
    }

    /// The same, and makes what is made of a layer, if the diff ID is wanted.
    ///
    /// # Errors
    ///
    /// Those of [`run`](Self::run). What is made fails by itself.
    pub fn run_making(
        &mut self,
        input: &mut dyn Read,
        output: &mut dyn Write,
        wanted: &Wanted,
        hooks: &Hooks<'_>,
        making: Option<Making<'_>>,
    ) -> Result<Found, TransferError> {
        let making = making.filter(|_| wanted.diff_id.is_some());
        if wanted.size <= SMALL {
            self.run_small(input, output, wanted, hooks, making)
        } else {
            run_large(input, output, wanted, hooks, making)
        }
    }

    fn run_small(
        &mut self,
        input: &mut dyn Read,
        output: &mut dyn Write,
        wanted: &Wanted,
        hooks: &Hooks<'_>,
        mut making: Option<Making<'_>>,
    ) -> Result<Found, TransferError> {
        self.small.clear();
        input
            .take(wanted.size + 1)
            .read_to_end(&mut self.small)
            .map_err(|source| TransferError::Read { done: 0, source })?;
        let bytes = self.small.as_slice();
        let size = bytes.len() as u64;
        if size > wanted.size {
            return Err(TransferError::TooLong { wanted: wanted.size });
        }
        let mut hasher = Hasher::new(wanted.algorithm);
        hasher.update(bytes);
        let digest = hasher.finish();
        output.write_all(bytes).map_err(|source| TransferError::Write { done: 0, source })?;
        (hooks.advanced)(size);
        let mut undo = |algorithm| -> Result<(Undone, bool), CompressionError> {
            let compression = detect(bytes)?;
            if compression == Compression::Plain && algorithm == wanted.algorithm {
                making.iter_mut().for_each(|making| making.feed(bytes));
                return Ok((Undone { digest: digest.clone(), size }, false));
            }
            let limit = wanted.expansion.limit(wanted.size);
            let mut decoder = decoder(bytes, compression, limit, making.is_some())?;
            let mut hasher = Hasher::new(algorithm);
            let mut buffer = vec![0; 64 << 10];
            loop {
                let read = decoder.decode(&mut buffer)?;
                if let (Some(making), Some(point)) = (&mut making, decoder.take_point()) {
                    making.point(&point);
                }
                if read == 0 {
                    let undone = Undone { digest: hasher.finish(), size: decoder.produced() };
                    return Ok((undone, compression != Compression::Plain));
                }
                hasher.update(&buffer[..read]);
                making.iter_mut().for_each(|making| making.feed(&buffer[..read]));
            }
        };
        let undone = wanted.diff_id.map(&mut undo);
        let made = match (&undone, making) {
            (Some(Ok((undone, compressed))), Some(making)) => {
                Some(making.finish(undone, &digest, size, *compressed))
            }
            _ => None,
        };
        let uncompressed = undone.map(|undone| undone.map(|(undone, _)| undone));
        Ok(Found { digest, size, uncompressed, made })
    }
}

/// A decoder, which notes places to begin at where that is of use.
fn decoder<R: io::BufRead>(
    input: R,
    compression: Compression,
    limit: u64,
    noting: bool,
) -> Result<Decoder<R>, CompressionError> {
    let decoder = if noting {
        Decoder::noting(input, compression, limit, SPAN)
    } else {
        Decoder::new(input, compression, limit)
    };
    Ok(decoder?.sharing(Share::of(Windows::of_process(), 0)))
}

fn detect(bytes: &[u8]) -> Result<Compression, CompressionError> {
    Compression::detect(&bytes[..bytes.len().min(DETECT)])
}

fn run_large(
    input: &mut dyn Read,
    output: &mut dyn Write,
    wanted: &Wanted,
    hooks: &Hooks<'_>,
    making: Option<Making<'_>>,
) -> Result<Found, TransferError> {
    let (loop_end, chunks) = channel();
    let mut feed = Feed { loop_end, input, output, taken: 0, wanted: wanted.size, hooks };
    let Some(first) = feed.next()? else {
        // The input is empty although it is said to be large.
        let digest = Hasher::new(wanted.algorithm).finish();
        return Ok(Found { digest, size: 0, uncompressed: None, made: None });
    };
    // Data nobody undoes is as good as plain.
    let compression = match wanted.diff_id {
        Some(_) => detect(&first),
        None => Ok(Compression::Plain),
    };
    let compression = match compression {
        Ok(Compression::Plain) if wanted.diff_id.is_none_or(|algorithm| algorithm == wanted.algorithm) => {
            let algorithm = wanted.algorithm;
            let hashed = thread::scope(|scope| {
                let hash = scope.spawn(move || hash_all(&chunks, algorithm, making, None));
                let fed = feed.run(first, |_| ());
                let hashed = join(hash);
                fed.map(|size| (size, hashed))
            });
            let (size, (undone, making)) = hashed?;
            let digest = undone.digest.clone();
            let made = making.map(|making| making.finish(&undone, &digest, size, false));
            return Ok(Found { digest, size, uncompressed: wanted.diff_id.map(|_| Ok(undone)), made });
        }
        compression => compression,
    };
    let is_compressed = !matches!(compression, Ok(Compression::Plain));
    let mut hasher = Hasher::new(wanted.algorithm);
    let algorithm = wanted.diff_id.unwrap_or(wanted.algorithm);
    let limit = wanted.expansion.limit(wanted.size);
    let fed = thread::scope(|scope| {
        let undo = scope.spawn(move || {
            let mut reader = ChunkReader::new(chunks);
            let undone =
                compression.and_then(|compression| undo(&mut reader, compression, limit, algorithm, making));
            // A failure here must not stop the transfer: when the digest turns out wrong as well, that is
            // the error to report.
            reader.drain();
            undone
        });
        let fed = feed.run(first, |bytes| hasher.update(bytes));
        let undone = join(undo);
        fed.map(|size| (size, undone))
    });
    let (size, undone) = fed?;
    let digest = hasher.finish();
    let (undone, made) = match undone {
        Ok((undone, making)) => {
            let made = making.map(|making| making.finish(&undone, &digest, size, is_compressed));
            (Ok(undone), made)
        }
        Err(error) => (Err(error), None),
    };
    Ok(Found { digest, size, uncompressed: Some(undone), made })
}

fn join<T>(thread: thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Undoes the compression on this thread; hashes what comes out, and has made of it what is to be made, on another.
fn undo<'m>(
    reader: &mut ChunkReader,
    compression: Compression,
    limit: u64,
    algorithm: Algorithm,
    making: Option<Making<'m>>,
) -> Result<(Undone, Option<Making<'m>>), CompressionError> {
    let (mut loop_end, chunks) = channel();
    // There is a point in so many chunks at most, so few wait here.
    let (noted, points) = unbounded();
    thread::scope(|scope| {
        let noting = making.is_some();
        let hash = scope.spawn(move || hash_all(&chunks, algorithm, making, Some(&points)));
        let mut decoder = decoder(reader, compression, limit, noting)?;
        let mut ended = false;
        while !ended {
            let mut buffer = loop_end.buffer();
            let mut filled = 0;
            while filled < buffer.len() && !ended {
                let read = decoder.decode(&mut buffer[filled..])?;
                if let Some(point) = decoder.take_point() {
                    // The other end is there until this one is gone.
                    drop(noted.send(point));
                }
                ended = read == 0;
                filled += read;
            }
            buffer.truncate(filled);
            loop_end.send(buffer);
        }
        drop(loop_end);
        Ok(join(hash))
    })
}

fn hash_all<'m>(
    chunks: &Chunks,
    algorithm: Algorithm,
    mut making: Option<Making<'m>>,
    points: Option<&Receiver<Point>>,
) -> (Undone, Option<Making<'m>>) {
    let mut hasher = Hasher::new(algorithm);
    let mut size = 0;
    for chunk in &chunks.full {
        hasher.update(&chunk);
        size += chunk.len() as u64;
        if let Some(making) = &mut making {
            making.feed(&chunk);
            points.into_iter().flat_map(Receiver::try_iter).for_each(|point| making.point(&point));
        }
        // The other end is gone when it has sent its last.
        drop(chunks.free.send(chunk));
    }
    (Undone { digest: hasher.finish(), size }, making)
}

/// The reading and writing side of a transfer.
struct Feed<'a> {
    loop_end: LoopEnd,
    input: &'a mut dyn Read,
    output: &'a mut dyn Write,
    taken: u64,
    wanted: u64,
    hooks: &'a Hooks<'a>,
}

impl Feed<'_> {
    /// Passes everything on, and answers how many bytes that was. The receiving end sees the end when this
    /// returns.
    fn run(mut self, first: Vec<u8>, mut see: impl FnMut(&[u8])) -> Result<u64, TransferError> {
        let mut next = Some(first);
        while let Some(chunk) = next {
            let done = self.taken - chunk.len() as u64;
            self.output.write_all(&chunk).map_err(|source| TransferError::Write { done, source })?;
            see(&chunk);
            (self.hooks.advanced)(chunk.len() as u64);
            self.loop_end.send(chunk);
            if self.hooks.stop.load(Ordering::Relaxed) {
                return Err(TransferError::Stopped);
            }
            next = self.next()?;
        }
        Ok(self.taken)
    }

    /// The next full buffer, or what is left; `None` at the end.
    fn next(&mut self) -> Result<Option<Vec<u8>>, TransferError> {
        let mut buffer = self.loop_end.buffer();
        let mut filled = 0;
        while filled < buffer.len() {
            match self.input.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => {
                    return Err(TransferError::Read { done: self.taken + filled as u64, source });
                }
            }
        }
        self.taken += filled as u64;
        if self.taken > self.wanted {
            return Err(TransferError::TooLong { wanted: self.wanted });
        }
        buffer.truncate(filled);
        Ok((filled > 0).then_some(buffer))
    }
}

#[cfg(test)]
mod tests;
