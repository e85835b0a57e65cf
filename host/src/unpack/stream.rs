//! Layers on their way from where they lie to the writer: several are read and decompressed at a time, each ahead of
//! the writer by so many buffers and no more; they are written in their order.
//!
//! For each layer one thread reads, hashes and decompresses, one hashes what comes out. That the hashes are right is
//! known at the layer's end, when it has been written.

use std::io::{self, BufRead, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use super::{Layers, Stream, UnpackError};
use crate::digest::{Algorithm, Digest, Hasher};
use crate::layer::compression::{Compression, CompressionError, DETECT, Decoder, Expansion, Share, Windows};

/// Bytes of one buffer.
const BUFFER: usize = 256 << 10;
/// Buffers of one layer: with two layers at a time they take 12 MiB.
const BUFFERS: usize = 24;
/// Bytes of compressed content read at a time.
const READ: usize = 128 << 10;

/// A buffer with so many bytes in it.
pub(super) struct Chunk {
    bytes: Vec<u8>,
    len: usize,
}

impl Chunk {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// What comes of a layer: chunks, then either its end or what is wrong with it.
pub(super) type Piece = Result<Chunk, UnpackError>;

/// A layer that comes.
pub(super) struct Coming {
    pub(super) pieces: Receiver<Piece>,
    free: Sender<Vec<u8>>,
}

impl Coming {
    /// Hands a chunk back to be filled again.
    pub(super) fn give_back(&self, chunk: Chunk) {
        // At the layer's end nobody takes it.
        drop(self.free.try_send(chunk.bytes));
    }

    /// Takes what is left, unread.
    pub(super) fn rest(&self) -> Result<(), UnpackError> {
        for piece in &self.pieces {
            self.give_back(piece?);
        }
        Ok(())
    }
}

/// Has `take` called with each layer in its order.
pub(super) fn run(
    layers: &dyn Layers,
    expansion: Expansion,
    at_once: usize,
    mut take: impl FnMut(usize, &Coming) -> Result<(), UnpackError>,
) -> Result<(), UnpackError> {
    let count = layers.diff_ids().len();
    let windows = Windows::in_turn();
    let (ready_in, ready) = unbounded();
    let mut waiting = Vec::new();
    for layer in 0..count {
        let (out, pieces) = bounded(BUFFERS + 1);
        let (free_in, free) = bounded(BUFFERS);
        waiting.push(Coming { pieces, free: free_in });
        // The receiver is alive.
        drop(ready_in.send(Job { layer, out, free, windows: windows.clone() }));
    }
    drop(ready_in);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let at_once = at_once.clamp(1, count.max(1));
        for _ in 0..at_once {
            let (ready, stop) = (ready.clone(), &stop);
            scope.spawn(move || {
                for job in ready {
                    // What small layers come to waits for the writer, too.
                    job.windows.wait(job.layer, at_once - 1);
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    job.run(layers, expansion);
                }
            });
        }
        // Whatever becomes of it, nobody waits for a turn that does not come.
        let turns = Turns(&windows);
        let mut result = Ok(());
        // Where it ends early, those that still send find nobody.
        for (layer, coming) in waiting.into_iter().enumerate() {
            turns.0.turn(layer);
            result = take(layer, &coming);
            if result.is_err() {
                stop.store(true, Ordering::Relaxed);
                break;
            }
        }
        result
    })
}

struct Turns<'a>(&'a Windows);

impl Drop for Turns<'_> {
    fn drop(&mut self) {
        self.0.give_up();
    }
}

/// One layer's way.
struct Job {
    layer: usize,
    out: Sender<Piece>,
    free: Receiver<Vec<u8>>,
    windows: Arc<Windows>,
}

impl Job {
    fn run(self, layers: &dyn Layers, expansion: Expansion) {
        let Job { layer, out, free, windows } = self;
        let result = layers.open(layer).and_then(|stream| {
            let wanted = &layers.diff_ids()[layer];
            let (undone_in, undone) = bounded::<Chunk>(4);
            thread::scope(|scope| {
                let onward = &out;
                let hasher = scope.spawn(move || hash(wanted.algorithm(), &undone, onward));
                let share = Share::of(windows, layer);
                let read = read(layer, stream, expansion, share, &free, undone_in);
                let found = hasher.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                match (read, found) {
                    (Err(error), _) => Err(error),
                    // Nobody wants it any more.
                    (Ok(()), None) => Ok(()),
                    (Ok(()), Some(found)) if found == *wanted => Ok(()),
                    (Ok(()), Some(found)) => {
                        Err(UnpackError::DiffId { layer, wanted: wanted.clone(), found })
                    }
                }
            })
        });
        if let Err(error) = result {
            drop(out.send(Err(error)));
        }
    }
}

/// Hashes what comes and passes it on. `None`: nobody takes it.
fn hash(algorithm: Algorithm, undone: &Receiver<Chunk>, onward: &Sender<Piece>) -> Option<Digest> {
    let mut hasher = Hasher::new(algorithm);
    for chunk in undone {
        hasher.update(chunk.bytes());
        onward.send(Ok(chunk)).ok()?;
    }
    Some(hasher.finish())
}

/// Reads and decompresses a layer; at its end its size and digest are known to be right.
fn read(
    layer: usize,
    stream: Stream,
    expansion: Expansion,
    share: Share,
    free: &Receiver<Vec<u8>>,
    undone: Sender<Chunk>,
) -> Result<(), UnpackError> {
    let Stream { reader, size, digest } = stream;
    let mut input = Hashed {
        reader,
        buffer: vec![0; READ],
        filled: 0,
        at: 0,
        left: size.saturating_add(1),
        hasher: Hasher::new(digest.algorithm()),
    };
    let failed = |source| UnpackError::Read { layer, source };
    let head = input.head().map_err(failed)?;
    let compression =
        Compression::detect(head).map_err(|source| UnpackError::Compression { layer, source })?;
    let decoder = Decoder::new(&mut input, compression, expansion.limit(size));
    let result = decoder.and_then(|decoder| undo(decoder.sharing(share), free, &undone));
    drop(undone);
    let undone = match result {
        Ok(Undone::All) => Ok(()),
        Ok(Undone::NotWanted) => return Ok(()),
        Err(CompressionError::Read { source }) => return Err(failed(source)),
        Err(source) => Err(UnpackError::Compression { layer, source }),
    };
    // What is damaged is so in most cases because the blob is; then that is what to say.
    io::copy(&mut input, &mut io::sink()).map_err(failed)?;
    let found = size.saturating_add(1) - input.left;
    if found != size {
        return Err(UnpackError::Size { layer, wanted: size, found });
    }
    let found = input.hasher.finish();
    if found != digest {
        return Err(UnpackError::Digest { layer, wanted: digest, found });
    }
    undone
}

enum Undone {
    All,
    /// Nobody takes any more.
    NotWanted,
}

fn undo(
    mut decoder: Decoder<&mut Hashed>,
    free: &Receiver<Vec<u8>>,
    undone: &Sender<Chunk>,
) -> Result<Undone, CompressionError> {
    let mut made = 0;
    loop {
        let bytes = match free.try_recv() {
            Ok(bytes) => bytes,
            Err(_) if made < BUFFERS => {
                made += 1;
                vec![0; BUFFER]
            }
            Err(_) => match free.recv() {
                Ok(bytes) => bytes,
                Err(_) => return Ok(Undone::NotWanted),
            },
        };
        let mut chunk = Chunk { bytes, len: 0 };
        let mut ended = false;
        while chunk.len < BUFFER && !ended {
            let read = decoder.decode(&mut chunk.bytes[chunk.len..])?;
            ended = read == 0;
            chunk.len += read;
        }
        if chunk.len > 0 && undone.send(chunk).is_err() {
            return Ok(Undone::NotWanted);
        }
        if ended {
            return Ok(Undone::All);
        }
    }
}

/// What lies somewhere, hashed as it is read, and no more of it than there should be and one byte.
struct Hashed {
    reader: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    filled: usize,
    at: usize,
    left: u64,
    hasher: Hasher,
}

impl Hashed {
    /// The first bytes: [`DETECT`], or all there are.
    fn head(&mut self) -> io::Result<&[u8]> {
        while self.filled < DETECT && self.fill()? > 0 {}
        Ok(&self.buffer[..self.filled.min(DETECT)])
    }

    /// Reads behind what is there.
    fn fill(&mut self) -> io::Result<usize> {
        loop {
            let room = usize::try_from(self.left).unwrap_or(usize::MAX).min(READ - self.filled);
            match self.reader.read(&mut self.buffer[self.filled..self.filled + room]) {
                Ok(read) => {
                    self.hasher.update(&self.buffer[self.filled..self.filled + read]);
                    self.filled += read;
                    self.left -= read as u64;
                    return Ok(read);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Read for Hashed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for Hashed {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at == self.filled {
            self.at = 0;
            self.filled = 0;
            self.fill()?;
        }
        Ok(&self.buffer[self.at..self.filled])
    }

    fn consume(&mut self, amount: usize) {
        self.at += amount;
    }
}
