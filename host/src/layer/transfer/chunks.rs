//! Buffers going round between two threads: full ones one way, empty ones back, never more than
//! [`BUFFERS`] in all.

use std::io::{self, BufRead, Read};

use crossbeam_channel::{Receiver, Sender, bounded};

/// Bytes of one buffer.
const BUFFER: usize = 256 << 10;
/// Buffers between two threads: with two such places a transfer holds at most 4 MiB.
const BUFFERS: usize = 8;

/// The sending end of a circle of buffers.
pub(crate) struct LoopEnd {
    full: Sender<Vec<u8>>,
    free: Receiver<Vec<u8>>,
    made: usize,
}

/// The receiving end.
pub(crate) struct Chunks {
    pub(crate) full: Receiver<Vec<u8>>,
    pub(crate) free: Sender<Vec<u8>>,
}

/// Both ends of a new circle.
pub(crate) fn channel() -> (LoopEnd, Chunks) {
    let (full_in, full_out) = bounded(BUFFERS);
    let (free_in, free_out) = bounded(BUFFERS);
    (LoopEnd { full: full_in, free: free_out, made: 0 }, Chunks { full: full_out, free: free_in })
}

impl LoopEnd {
    /// A buffer to fill, of full length.
    pub(crate) fn buffer(&mut self) -> Vec<u8> {
        let used = if self.made < BUFFERS { self.free.try_recv().ok() } else { self.free.recv().ok() };
        let mut buffer = used.unwrap_or_else(|| {
            self.made += 1;
            Vec::new()
        });
        buffer.resize(BUFFER, 0);
        buffer
    }

    /// Passes a filled buffer on.
    pub(crate) fn send(&mut self, chunk: Vec<u8>) {
        if self.full.send(chunk).is_err() {
            // The receiver is gone, which it only is after a panic; that surfaces when it is joined.
            self.made = 0;
        }
    }
}

/// Chunks as they come, as one stream.
pub(crate) struct ChunkReader {
    chunks: Chunks,
    current: Vec<u8>,
    at: usize,
}

impl ChunkReader {
    pub(crate) fn new(chunks: Chunks) -> Self {
        ChunkReader { chunks, current: Vec::new(), at: 0 }
    }

    fn give_back(&mut self) {
        if self.current.capacity() > 0 {
            drop(self.chunks.free.send(std::mem::take(&mut self.current)));
        }
        self.at = 0;
    }

    /// Takes what is left and gives it back unread.
    pub(crate) fn drain(&mut self) {
        self.give_back();
        for chunk in &self.chunks.full {
            drop(self.chunks.free.send(chunk));
        }
    }
}

impl Read for ChunkReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for ChunkReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at == self.current.len() {
            self.give_back();
            // An error means that all has been sent.
            self.current = self.chunks.full.recv().unwrap_or_default();
        }
        Ok(&self.current[self.at..])
    }

    fn consume(&mut self, amount: usize) {
        self.at += amount;
    }
}
