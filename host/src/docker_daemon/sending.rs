//! Images into a daemon: one thread writes the archive, another sends it.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::{Daemon, DaemonError};

/// Chunks on their way; a writer makes them as large as its buffer.
const CHUNKS: usize = 4;

/// An image did not come to a daemon.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError<E: std::error::Error + 'static> {
    /// The archive could not be written.
    #[error(transparent)]
    Archive(E),
    /// The daemon did not take it.
    #[error(transparent)]
    Daemon(DaemonError),
}

impl Daemon {
    /// Has the daemon take in the archive that `write` writes, which is what `docker load` reads. Answers what was written,
    /// and what the daemon said. An archive that is not written to its end is broken off, so that
    /// nothing of it is taken for whole.
    ///
    /// # Errors
    /// [`SendError::Archive`] with the error of `write`; [`SendError::Daemon`] where the daemon is what failed.
    pub fn send<T: Send, E: std::error::Error + Send + 'static>(
        &self,
        write: impl FnOnce(&mut dyn Write) -> Result<T, E> + Send,
    ) -> Result<(T, Vec<String>), SendError<E>> {
        let (sender, receiver) = sync_channel(CHUNKS);
        std::thread::scope(|scope| {
            let writing = scope.spawn(move || {
                let mut chunks = Chunks { sender, hung_up: false };
                let written = write(&mut chunks);
                if written.is_ok() {
                    // Nobody there: the answer will say why.
                    let _ = chunks.sender.send(Chunk::End);
                }
                (written, chunks.hung_up)
            });
            self.hung_up.store(false, Ordering::Relaxed);
            let hung_up = self.hung_up.clone();
            let sent = self.load(Sent { receiver: Some(receiver), chunk: Vec::new(), at: 0, hung_up });
            let (written, hung_up) = writing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            match (written, sent) {
                (Ok(written), Ok(said)) => Ok((written, said)),
                // The writer failed because nobody took what it wrote.
                (Err(_), Err(error)) if hung_up => Err(SendError::Daemon(error)),
                (Err(error), _) => Err(SendError::Archive(error)),
                (Ok(_), Err(error)) => Err(SendError::Daemon(error)),
            }
        })
    }
}

enum Chunk {
    Bytes(Vec<u8>),
    End,
}

struct Chunks {
    sender: SyncSender<Chunk>,
    hung_up: bool,
}

impl Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.sender.send(Chunk::Bytes(bytes.to_vec())).is_err() {
            self.hung_up = true;
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What was written, to be read. Its end is an error where the writer did not come to its end.
struct Sent {
    receiver: Option<Receiver<Chunk>>,
    chunk: Vec<u8>,
    at: usize,
    /// Nobody takes what is read.
    hung_up: Arc<AtomicBool>,
}

impl Read for Sent {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.chunk.len() {
            if self.hung_up.load(Ordering::Relaxed) {
                self.receiver = None;
            }
            let Some(receiver) = &self.receiver else { return Ok(0) };
            match receiver.recv() {
                Ok(Chunk::Bytes(bytes)) => (self.chunk, self.at) = (bytes, 0),
                Ok(Chunk::End) => {
                    self.receiver = None;
                    return Ok(0);
                }
                Err(_) => return Err(io::Error::other("the archive was not written to its end")),
            }
        }
        let length = buffer.len().min(self.chunk.len() - self.at);
        buffer[..length].copy_from_slice(&self.chunk[self.at..self.at + length]);
        self.at += length;
        Ok(length)
    }
}
