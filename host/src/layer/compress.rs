//! Compressing, on several threads, into the same bytes however many there are.
//!
//! What comes is cut into pieces of a fixed size. Of gzip they become one member, as pigz makes it: each piece knows the
//! 32 KiB before it and ends at a byte. Of Zstandard each becomes a frame, so that reading can begin at each.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};
use flate2::{Compress, Crc, FlushCompress};
use zstd::zstd_safe::{CCtx, CParameter};

use super::compression::WINDOW;

/// Bytes of one piece.
const GZIP_PIECE: usize = 1 << 20;
const ZSTD_PIECE: usize = 4 << 20;
/// More threads at once only fill memory, of which each takes about two pieces.
const GZIP_THREADS: usize = 16;
const ZSTD_THREADS: usize = 4;

/// A way of compressing, and how hard to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Method {
    format: Format,
    level: u8,
}

/// What compressed data is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// gzip (RFC 1952).
    Gzip,
    /// Zstandard (RFC 8878).
    Zstd,
}

/// A string is no way of compressing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "wanted `gzip` or `gzip:LEVEL` with a level of 1 to 9, or `zstd` or `zstd:LEVEL` with one of 1 to 22, found `{found}`"
)]
pub struct NotAMethod {
    /// The string, cut to 200 characters.
    pub found: String,
}

impl Method {
    /// This format, at the level its own tools take where none is said.
    pub fn new(format: Format) -> Method {
        match format {
            Format::Gzip => Method { format, level: 6 },
            Format::Zstd => Method { format, level: 3 },
        }
    }

    /// The same at this level, if the format has it.
    pub fn at(self, level: u8) -> Option<Method> {
        let levels = match self.format {
            Format::Gzip => 1..=9,
            Format::Zstd => 1..=22,
        };
        levels.contains(&level).then_some(Method { level, ..self })
    }

    /// What comes out.
    pub fn format(self) -> Format {
        self.format
    }

    /// How hard it tries.
    pub fn level(self) -> u8 {
        self.level
    }
}

impl Format {
    /// Its usual name.
    pub fn name(self) -> &'static str {
        match self {
            Format::Gzip => "gzip",
            Format::Zstd => "zstd",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.format.name(), self.level)
    }
}

impl FromStr for Method {
    type Err = NotAMethod;

    fn from_str(text: &str) -> Result<Method, NotAMethod> {
        let (name, level) = text.split_once(':').map_or((text, None), |(name, level)| (name, Some(level)));
        let format = [Format::Gzip, Format::Zstd].into_iter().find(|format| format.name() == name);
        let method = format.map(Method::new).and_then(|method| match level {
            None => Some(method),
            Some(level) if level.bytes().all(|byte| byte.is_ascii_digit()) => {
                method.at(level.parse().ok()?)
            }
            Some(_) => None,
        });
        method.ok_or_else(|| NotAMethod { found: text.chars().take(200).collect() })
    }
}

/// Has `write` write to something that compresses into `out`. `threads`: 0 for as many as there are processors. The same
/// bytes become the same bytes, whatever that is.
///
/// Memory: for each thread, 16 at most or 4 of Zstandard, about two pieces, and what the compressor takes: below 60 MiB
/// in all at the usual levels.
///
/// # Errors
/// Those of `write`, and those of `out`.
pub fn compress<W: Write, E: From<io::Error>>(
    method: Method,
    threads: usize,
    out: W,
    write: impl FnOnce(&mut dyn Write) -> Result<(), E>,
) -> Result<W, E> {
    let threads = match threads {
        0 => thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    };
    let threads = threads.min(match method.format {
        Format::Gzip => GZIP_THREADS,
        Format::Zstd => ZSTD_THREADS,
    });
    let (jobs, queue) = bounded::<Job>(threads);
    thread::scope(|scope| {
        for _ in 0..threads {
            let queue = queue.clone();
            scope.spawn(move || work(&queue, method));
        }
        drop(queue);
        let mut encoder = Encoder {
            method,
            out,
            piece: Vec::new(),
            dictionary: Vec::new(),
            jobs,
            underway: VecDeque::new(),
            threads,
            crc: Crc::new(),
        };
        if method.format == Format::Gzip {
            // No name and no time, as Go writes it.
            encoder.out.write_all(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff])?;
        }
        write(&mut encoder)?;
        Ok(encoder.finish()?)
    })
}

/// A piece to be compressed.
struct Job {
    bytes: Vec<u8>,
    /// What was before it, where that may be referred to.
    dictionary: Vec<u8>,
    last: bool,
    done: Sender<io::Result<Done>>,
}

struct Done {
    bytes: Vec<u8>,
    crc: Crc,
}

struct Encoder<W> {
    method: Method,
    out: W,
    piece: Vec<u8>,
    dictionary: Vec<u8>,
    jobs: Sender<Job>,
    /// Pieces that were handed out, the first first.
    underway: VecDeque<Receiver<io::Result<Done>>>,
    threads: usize,
    crc: Crc,
}

impl<W: Write> Encoder<W> {
    fn piece_size(&self) -> usize {
        match self.method.format {
            Format::Gzip => GZIP_PIECE,
            Format::Zstd => ZSTD_PIECE,
        }
    }

    /// Hands out the piece there is.
    fn hand_out(&mut self, last: bool) -> io::Result<()> {
        if self.underway.len() > self.threads {
            self.take_in()?;
        }
        let bytes = std::mem::take(&mut self.piece);
        let mut dictionary = Vec::new();
        if self.method.format == Format::Gzip {
            let after = bytes[bytes.len().saturating_sub(WINDOW)..].to_vec();
            dictionary = std::mem::replace(&mut self.dictionary, after);
        }
        let (done, receiver) = bounded(1);
        self.underway.push_back(receiver);
        let gone = |_| io::Error::other("a compressing thread is gone");
        self.jobs.send(Job { bytes, dictionary, last, done }).map_err(gone)
    }

    /// Writes the first piece that is underway.
    fn take_in(&mut self) -> io::Result<()> {
        let Some(first) = self.underway.pop_front() else { return Ok(()) };
        let done = first.recv().map_err(|_| io::Error::other("a compressing thread is gone"))??;
        self.crc.combine(&done.crc);
        self.out.write_all(&done.bytes)
    }

    fn finish(mut self) -> io::Result<W> {
        // An empty frame for nothing at all, but none at the end.
        if self.method.format == Format::Gzip || !self.piece.is_empty() || self.underway.is_empty() {
            self.hand_out(true)?;
        }
        while !self.underway.is_empty() {
            self.take_in()?;
        }
        if self.method.format == Format::Gzip {
            self.out.write_all(&self.crc.sum().to_le_bytes())?;
            self.out.write_all(&self.crc.amount().to_le_bytes())?;
        }
        Ok(self.out)
    }
}

impl<W: Write> Write for Encoder<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let size = self.piece_size();
        if self.piece.len() == size {
            self.hand_out(false)?;
        }
        if self.piece.capacity() == 0 {
            self.piece.reserve_exact(size);
        }
        let taken = bytes.len().min(size - self.piece.len());
        self.piece.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Compresses pieces until there are no more.
fn work(queue: &Receiver<Job>, method: Method) {
    let mut compressor = Compressor::new(method);
    for job in queue {
        let done = match &mut compressor {
            Ok(compressor) => compressor.compress(&job),
            Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
        };
        // Nobody waits for it when something else went wrong.
        let _ = job.done.send(done);
    }
}

enum Compressor {
    /// Made anew for each piece: what a used one finds depends on what it saw before, dictionary or not.
    Gzip(flate2::Compression),
    Zstd(CCtx<'static>),
}

impl Compressor {
    fn new(method: Method) -> io::Result<Compressor> {
        match method.format {
            Format::Gzip => Ok(Compressor::Gzip(flate2::Compression::new(method.level.into()))),
            Format::Zstd => {
                let mut context = CCtx::try_create().ok_or(io::ErrorKind::OutOfMemory)?;
                for parameter in
                    [CParameter::CompressionLevel(method.level.into()), CParameter::ChecksumFlag(true)]
                {
                    context.set_parameter(parameter).map_err(explain)?;
                }
                Ok(Compressor::Zstd(context))
            }
        }
    }

    fn compress(&mut self, job: &Job) -> io::Result<Done> {
        let mut crc = Crc::new();
        let bytes = match self {
            Compressor::Gzip(level) => {
                crc.update(&job.bytes);
                deflate(*level, job)?
            }
            Compressor::Zstd(context) => {
                let mut bytes = Vec::with_capacity(zstd::zstd_safe::compress_bound(job.bytes.len()));
                context.compress2(&mut bytes, &job.bytes).map_err(explain)?;
                bytes
            }
        };
        Ok(Done { bytes, crc })
    }
}

fn deflate(level: flate2::Compression, job: &Job) -> io::Result<Vec<u8>> {
    let mut compressor = Compress::new(level, false);
    if !job.dictionary.is_empty() {
        compressor.set_dictionary(&job.dictionary).map_err(io::Error::other)?;
    }
    // What ends at a byte is followed by no bits of its own.
    let flush = if job.last { FlushCompress::Finish } else { FlushCompress::Sync };
    let mut bytes = Vec::with_capacity(job.bytes.len() / 2 + 1024);
    loop {
        let taken = usize::try_from(compressor.total_in()).unwrap_or(usize::MAX).min(job.bytes.len());
        compressor.compress_vec(&job.bytes[taken..], &mut bytes, flush).map_err(io::Error::other)?;
        // Room that is left over shows that nothing waits for any.
        if bytes.len() < bytes.capacity() {
            return Ok(bytes);
        }
        bytes.reserve(bytes.len());
    }
}

fn explain(code: zstd::zstd_safe::ErrorCode) -> io::Error {
    io::Error::other(zstd::zstd_safe::get_error_name(code))
}

#[cfg(test)]
mod tests;
