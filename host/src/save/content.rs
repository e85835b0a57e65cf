//! A blob on its way out: read once, decompressed where that is wanted, and held against its digest as it is
//! written. Reading, decompressing and writing have a thread each when the blob is large enough to be
//! worth it.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::SaveError;
use crate::digest::{Digest, Hasher};
use crate::layer::compression::{Compression, CompressionError, DETECT, Decoder, Expansion, Share, Windows};
use crate::layer::transfer::chunks::{ChunkReader, Chunks, LoopEnd, channel};
use crate::store::StoreError;

/// Blobs up to this size are handled on one thread.
const SMALL: u64 = 1 << 20;
const BUFFER: usize = 256 << 10;

/// Bytes on their way out, and what they have to be.
#[derive(Clone, Copy)]
pub(super) struct Outgoing<'a> {
    /// The blob they are read from, for errors.
    pub(super) blob: &'a Digest,
    /// The digest of the bytes that go out.
    pub(super) digest: &'a Digest,
    /// How many go out.
    pub(super) size: u64,
    /// Where they go, for errors.
    pub(super) path: &'a str,
}

impl Outgoing<'_> {
    /// Copies all of `input` as it is.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] where the bytes are others than they have to be; `output` has had some of them.
    pub(super) fn copy(
        &self,
        input: impl Read + Send,
        output: &mut dyn Write,
        advanced: &dyn Fn(u64),
    ) -> Result<(), SaveError> {
        self.run(input, output, true, advanced)
    }

    /// Copies all of `input` without its compression. `known`: the blob was seen to become this when it came; its
    /// own digest is as good then, and less work.
    ///
    /// # Errors
    /// As [`copy`](Self::copy); [`SaveError::Layer`] where it cannot be decompressed.
    pub(super) fn copy_undone(
        &self,
        input: impl Read + Send,
        known: bool,
        output: &mut dyn Write,
        advanced: &dyn Fn(u64),
    ) -> Result<(), SaveError> {
        if known && self.size > SMALL {
            return self.run_known(input, output, advanced);
        }
        let input = BufReader::with_capacity(BUFFER, input);
        let decoder = decoder(input, self.size).map_err(|error| self.failed(error))?;
        self.run(decoder, output, false, advanced)
    }

    /// Copies all of `input`, whose size is `size`, without its compression, of which it is not known how much it
    /// takes; answers how many bytes came out. They are held against the digest.
    ///
    /// # Errors
    /// As [`copy_undone`](Self::copy_undone).
    pub(super) fn copy_unmeasured(
        &self,
        input: impl Read + Send,
        output: &mut dyn Write,
        advanced: &dyn Fn(u64),
    ) -> Result<u64, SaveError> {
        let limit = Expansion::default().limit(self.size);
        let input = BufReader::with_capacity(BUFFER, input);
        let decoder = decoder(input, limit).map_err(|error| self.failed(error))?;
        let (size, found) = Outgoing { size: limit, ..*self }.pass(decoder, output, false, advanced)?;
        if found.as_ref() == Some(self.digest) { Ok(size) } else { Err(self.damaged()) }
    }

    /// One thread reads and hashes, one decompresses, this one writes.
    fn run_known(
        &self,
        mut input: impl Read + Send,
        output: &mut dyn Write,
        advanced: &dyn Fn(u64),
    ) -> Result<(), SaveError> {
        let stop = AtomicBool::new(false);
        let (read_end, compressed) = channel();
        let (undone_end, undone) = channel();
        let (read, undone, size) = thread::scope(|scope| {
            let stop = &stop;
            let reader = scope.spawn(move || {
                let mut hasher = Hasher::new(self.blob.algorithm());
                feed(&mut input, read_end, stop, Some(&mut hasher))?;
                Ok(hasher.finish())
            });
            let undoer = scope.spawn(move || {
                let mut compressed = ChunkReader::new(compressed);
                let undone = decoder(&mut compressed, self.size)
                    .and_then(|mut decoder| feed(&mut decoder, undone_end, stop, None));
                stop.fetch_or(undone.is_err(), Ordering::Relaxed);
                compressed.drain();
                undone
            });
            let size = drain(&undone, output, self.size, None, advanced);
            stop.fetch_or(size.is_err(), Ordering::Relaxed);
            drop(undone);
            (join(reader), join(undoer), size)
        });
        let size = size.map_err(|source| self.unwritten(source))?;
        undone.map_err(|error| self.failed(error))?;
        let found: Digest = read.map_err(|error| self.failed(error))?;
        if size == self.size && found == *self.blob { Ok(()) } else { Err(self.damaged()) }
    }

    /// `cheap`: reading is less work than writing is, so the reading thread hashes.
    fn run(
        &self,
        input: impl Read + Send,
        output: &mut dyn Write,
        cheap: bool,
        advanced: &dyn Fn(u64),
    ) -> Result<(), SaveError> {
        if self.size <= SMALL {
            let mut bytes = Vec::with_capacity(usize::try_from(self.size).unwrap_or_default());
            input.take(self.size + 1).read_to_end(&mut bytes).map_err(|error| self.failed(error))?;
            if !self.digest.verifies(&bytes) {
                return Err(self.damaged());
            }
            output.write_all(&bytes).map_err(|source| self.unwritten(source))?;
            advanced(bytes.len() as u64);
            return Ok(());
        }
        let (size, found) = self.pass(input, output, cheap, advanced)?;
        if size == self.size && found.as_ref() == Some(self.digest) { Ok(()) } else { Err(self.damaged()) }
    }

    /// Reads on one thread and writes on this one; answers how many bytes passed, at most one more than the size,
    /// and their digest.
    fn pass(
        &self,
        mut input: impl Read + Send,
        output: &mut dyn Write,
        cheap: bool,
        advanced: &dyn Fn(u64),
    ) -> Result<(u64, Option<Digest>), SaveError> {
        let stop = AtomicBool::new(false);
        let (loop_end, chunks) = channel();
        let hasher = || Hasher::new(self.digest.algorithm());
        let (read, size, hashed) = thread::scope(|scope| {
            let stop = &stop;
            let mut reading = cheap.then(hasher);
            let reader = scope.spawn(move || {
                feed(&mut input, loop_end, stop, reading.as_mut())?;
                Ok(reading.map(Hasher::finish))
            });
            let mut writing = (!cheap).then(hasher);
            let size = drain(&chunks, output, self.size, writing.as_mut(), advanced);
            // What the reader still sends finds nobody.
            stop.store(true, Ordering::Relaxed);
            drop(chunks);
            let read: io::Result<_> = join(reader);
            (read, size, writing.map(Hasher::finish))
        });
        let size = size.map_err(|source| self.unwritten(source))?;
        let read = read.map_err(|error| self.failed(error))?;
        Ok((size, read.or(hashed)))
    }

    fn unwritten(&self, source: io::Error) -> SaveError {
        SaveError::Write { path: self.path.to_owned(), source }
    }

    fn damaged(&self) -> SaveError {
        StoreError::Corrupt { digest: self.blob.clone() }.into()
    }

    /// An error while reading; the decoder's own is inside.
    fn failed(&self, error: io::Error) -> SaveError {
        match error.downcast::<CompressionError>() {
            Ok(CompressionError::TooLarge { .. }) => self.damaged(),
            Ok(source) => SaveError::Layer { layer: self.blob.clone(), source },
            Err(source) => SaveError::Read { digest: self.blob.clone(), source },
        }
    }
}

fn join<T>(thread: thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// `input` without the compression it starts with, at most `limit` bytes of it.
pub(super) fn decoder<R: BufRead>(mut input: R, limit: u64) -> io::Result<Decoder<R>> {
    let head = input.fill_buf()?;
    let compression = Compression::detect(&head[..head.len().min(DETECT)]).map_err(io::Error::other)?;
    let decoder = Decoder::new(input, compression, limit).map_err(io::Error::other)?;
    Ok(decoder.sharing(Share::of(Windows::of_process(), 0)))
}

/// Reads to the end, or until nobody wants more.
fn feed(
    input: &mut impl Read,
    mut loop_end: LoopEnd,
    stop: &AtomicBool,
    mut hasher: Option<&mut Hasher>,
) -> io::Result<()> {
    let mut ended = false;
    while !ended && !stop.load(Ordering::Relaxed) {
        let mut buffer = loop_end.buffer();
        let mut filled = 0;
        while filled < buffer.len() && !ended {
            match input.read(&mut buffer[filled..]) {
                Ok(read) => {
                    ended = read == 0;
                    filled += read;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        buffer.truncate(filled);
        if let Some(hasher) = &mut hasher {
            hasher.update(&buffer);
        }
        loop_end.send(buffer);
    }
    Ok(())
}

/// Writes what comes, at most `limit` bytes; answers how many came.
fn drain(
    chunks: &Chunks,
    output: &mut dyn Write,
    limit: u64,
    mut hasher: Option<&mut Hasher>,
    advanced: &dyn Fn(u64),
) -> io::Result<u64> {
    let mut size = 0u64;
    for chunk in &chunks.full {
        size += chunk.len() as u64;
        if size > limit {
            break;
        }
        if let Some(hasher) = &mut hasher {
            hasher.update(&chunk);
        }
        output.write_all(&chunk)?;
        advanced(chunk.len() as u64);
        // The other end is gone when it has sent its last.
        drop(chunks.free.send(chunk));
    }
    Ok(size)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Bytes that do not compress.
    fn noise(length: usize) -> Vec<u8> {
        let mut state = 1u64;
        let next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        };
        std::iter::repeat_with(next).take(length).collect()
    }

    /// A disk that is full after so many bytes.
    struct Full(usize);

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn bytes_are_held_against_their_digest_at_every_size() {
        for length in [0, 10, 1 << 20, (1 << 20) + 1, 5 << 20] {
            let plain = noise(length);
            let digest = Digest::of(&plain);
            let size = length as u64;
            let outgoing = Outgoing { blob: &digest, digest: &digest, size, path: "x" };
            let zstd = zstd::stream::encode_all(&plain[..], 1).unwrap();
            let mut out = Vec::new();
            outgoing.copy(&plain[..], &mut out, &|_| ()).unwrap();
            assert!(out == plain);
            let blob = Digest::of(&zstd);
            let undone = Outgoing { blob: &blob, ..outgoing };
            for known in [true, false] {
                out.clear();
                undone.copy_undone(&zstd[..], known, &mut out, &|_| ()).unwrap();
                assert!(out == plain);
            }
            let longer = [&plain[..], b"x"].concat();
            for wrong in [&longer[..], &plain[..length.saturating_sub(1)], &[7; 3]] {
                if *wrong == plain {
                    continue;
                }
                let error = outgoing.copy(wrong, &mut Vec::new(), &|_| ()).unwrap_err();
                assert!(matches!(error, SaveError::Store(StoreError::Corrupt { .. })), "{error}");
                let wrong = zstd::stream::encode_all(wrong, 1).unwrap();
                for known in [true, false] {
                    let error = undone.copy_undone(&wrong[..], known, &mut Vec::new(), &|_| ()).unwrap_err();
                    assert!(matches!(error, SaveError::Store(StoreError::Corrupt { .. })), "{error}");
                }
            }
        }
    }

    #[test]
    fn a_full_disk_ends_it_at_once() {
        let plain = noise(8 << 20);
        let digest = Digest::of(&plain);
        let outgoing = Outgoing { blob: &digest, digest: &digest, size: 8 << 20, path: "x" };
        let mut input = &plain[..];
        let error = outgoing.copy(input.by_ref(), &mut Full(1 << 20), &|_| ()).unwrap_err();
        assert!(matches!(error, SaveError::Write { .. }), "{error}");
        assert!(!input.is_empty());
        let zstd = zstd::stream::encode_all(&plain[..], 1).unwrap();
        for known in [true, false] {
            let error = outgoing.copy_undone(&zstd[..], known, &mut Full(1 << 20), &|_| ()).unwrap_err();
            assert!(matches!(error, SaveError::Write { .. }), "{error}");
        }
    }

    #[test]
    fn broken_compression_is_named() {
        let plain = noise(3 << 20);
        let digest = Digest::of(&plain);
        let outgoing = Outgoing { blob: &digest, digest: &digest, size: 3 << 20, path: "x" };
        let mut cut = zstd::stream::encode_all(&plain[..], 1).unwrap();
        cut.truncate(1 << 20);
        for known in [true, false] {
            let error = outgoing.copy_undone(&cut[..], known, &mut Vec::new(), &|_| ()).unwrap_err();
            assert!(matches!(error, SaveError::Layer { .. }), "{error}");
        }
    }
}
