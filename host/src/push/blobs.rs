//! Blobs on their way to a registry.

use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use super::PushError;
use crate::digest::{Digest, Hasher};
use crate::layer::compress::Method;
use crate::load::{Progress, is_foreign};
use crate::registry::{Mounted, RegistryError, Repository, Upload};
use crate::save::SaveError;
use crate::save::compress::{Compressed, Compressing, Layer, Written};
use crate::save::origin::{Bytes, Origin};
use crate::save::piece::Piece;
use crate::side_by_side::side_by_side;
use crate::store::StoreError;
use crate::types::Descriptor;

/// How many blobs are underway at once. Most of the time of a small one is waiting.
const AT_ONCE: usize = 6;
/// Bytes that are sent at a time of what is made while it is sent, unless the registry wants more.
const CHUNK: usize = 8 << 20;
/// The largest chunk that a registry may want.
const LARGEST_CHUNK: u64 = 64 << 20;

/// How a blob came to be there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Came {
    Sent,
    Mounted,
    Before,
}

pub(super) struct Blobs<'a> {
    pub(super) from: &'a Origin,
    pub(super) repository: &'a Repository,
    pub(super) progress: &'a dyn Progress,
}

/// A blob, or a small document that is one.
type Item = (Digest, Result<Piece, Vec<u8>>);

impl Blobs<'_> {
    /// Sends what the registry does not have; answers each blob's size and how it came there, by digest.
    pub(super) fn send(&self, mut items: Vec<Item>) -> Result<Vec<(Digest, u64, Came)>, PushError> {
        let mut came = Vec::with_capacity(items.len());
        items.retain(|(digest, content)| match content {
            Ok(piece) if piece.is_written() => {
                came.push((digest.clone(), piece.target.size, Came::Sent));
                false
            }
            // Whoever wants these has to have them from elsewhere.
            Ok(piece) => !is_foreign(&piece.target),
            Err(_) => true,
        });
        let bytes = items.iter().map(|(_, content)| size(content)).sum();
        self.progress.planned(items.len(), bytes);
        // The largest first, so that none is left to one thread at the end.
        items.sort_by_key(|(_, content)| std::cmp::Reverse(size(content)));
        let came = Mutex::new(came);
        side_by_side(items, AT_ONCE, |(digest, content), stop| {
            let size = size(&content);
            let how = self.one(&digest, content, stop)?;
            came.lock().unwrap_or_else(PoisonError::into_inner).push((digest, size, how));
            Ok::<_, PushError>(())
        })?;
        let mut came = came.into_inner().unwrap_or_else(PoisonError::into_inner);
        came.sort_by(|left, right| left.0.cmp(&right.0));
        Ok(came)
    }

    fn one(
        &self,
        digest: &Digest,
        content: Result<Piece, Vec<u8>>,
        stop: &AtomicBool,
    ) -> Result<Came, PushError> {
        let target = match &content {
            Ok(piece) => piece.target.clone(),
            Err(bytes) => Descriptor { size: bytes.len() as u64, ..named(digest) },
        };
        self.progress.started(&target);
        let mut begun = None;
        let came = if self.repository.head_blob(digest)?.is_some() {
            Came::Before
        } else if self.mount(digest, &mut begun)? {
            Came::Mounted
        } else {
            self.upload(digest, &target, content, begun, stop)?;
            Came::Sent
        };
        self.progress.finished(&target, came != Came::Sent);
        Ok(came)
    }

    /// Has the registry take the blob over from a repository that is known to have it. Where it does not, it may have
    /// begun an upload.
    fn mount(&self, digest: &Digest, begun: &mut Option<Upload>) -> Result<bool, PushError> {
        let Some(from) = self.elsewhere(digest)? else { return Ok(false) };
        match self.repository.mount_blob(digest, &from) {
            Ok(Mounted::Done) => Ok(true),
            Ok(Mounted::Upload(upload)) => {
                *begun = Some(upload);
                Ok(false)
            }
            // Who may write here need not be allowed to read there.
            Err(RegistryError::Refused { .. } | RegistryError::Unauthorized { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Another repository of the registry that has this blob.
    fn elsewhere(&self, digest: &Digest) -> Result<Option<String>, PushError> {
        let registry = self.repository.registry().name();
        let known = match self.from {
            Origin::Store(store) => store.places().of(digest, registry)?,
            Origin::Source(source) => match source.source().repository() {
                Some((host, path)) if host == registry => vec![path.to_owned()],
                _ => Vec::new(),
            },
        };
        Ok(known.into_iter().find(|path| path != self.repository.path()))
    }

    /// In one piece; from the start again where that may help.
    fn upload(
        &self,
        digest: &Digest,
        target: &Descriptor,
        content: Result<Piece, Vec<u8>>,
        mut begun: Option<Upload>,
        stop: &AtomicBool,
    ) -> Result<(), PushError> {
        let (mut piece, document) = match content {
            Ok(piece) => (Some(piece), None),
            Err(bytes) => (None, Some(bytes)),
        };
        self.repository.registry().persistently(|| {
            let bytes = match (&document, piece.take()) {
                (Some(bytes), _) => {
                    Ok(Bytes::Elsewhere(Box::new(io::Cursor::new(bytes.clone())), bytes.len() as u64))
                }
                // Open since it was found: it may have been removed meanwhile.
                (None, Some(piece)) => piece.open(self.from),
                (None, None) => self.from.open(target),
            };
            let bytes = match bytes {
                Ok(bytes) => bytes,
                Err(error) => return Ok(Err(error.into())),
            };
            let upload = match begun.take() {
                Some(upload) => upload,
                None => self.repository.upload()?,
            };
            let advanced = |bytes| self.progress.advanced(target, bytes);
            let mut checked = Checked::new(digest, target.size, bytes, stop, &advanced);
            match upload.finish_with(digest, target.size, &mut checked) {
                Ok(()) => Ok(Ok(())),
                // What could not be read is no fault of the registry's.
                Err(error) => match checked.failed {
                    Some(failed) => Ok(Err(failed)),
                    None => Err(error),
                },
            }
        })?
    }
}

fn size(content: &Result<Piece, Vec<u8>>) -> u64 {
    match content {
        Ok(piece) => piece.target.size,
        Err(bytes) => bytes.len() as u64,
    }
}

fn named(digest: &Digest) -> Descriptor {
    Descriptor {
        media_type: String::new(),
        digest: digest.to_string(),
        size: 0,
        platform: None,
        annotations: Vec::new(),
        artifact_type: None,
    }
}

/// Bytes held against their digest as they are sent: the last of them are not where it is another.
struct Checked<'a> {
    digest: &'a Digest,
    left: u64,
    bytes: Bytes,
    hasher: Option<Hasher>,
    stop: &'a AtomicBool,
    advanced: &'a dyn Fn(u64),
    failed: Option<PushError>,
}

impl<'a> Checked<'a> {
    fn new(
        digest: &'a Digest,
        size: u64,
        bytes: Bytes,
        stop: &'a AtomicBool,
        advanced: &'a dyn Fn(u64),
    ) -> Checked<'a> {
        let hasher = Some(Hasher::new(digest.algorithm()));
        Checked { digest, left: size, bytes, hasher, stop, advanced, failed: None }
    }

    fn fail(&mut self, error: PushError) -> io::Error {
        self.failed = Some(error);
        io::Error::other("what is to be sent cannot be read")
    }
}

impl Read for Checked<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(self.fail(PushError::Stopped));
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        let corrupt = || SaveError::from(StoreError::Corrupt { digest: self.digest.clone() });
        let read = match self.bytes.read(&mut buffer[..most]) {
            Ok(0) => {
                let error = corrupt();
                return Err(self.fail(error.into()));
            }
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            Err(source) => {
                let error = SaveError::Read { digest: self.digest.clone(), source };
                return Err(self.fail(error.into()));
            }
        };
        self.left -= read as u64;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&buffer[..read]);
        }
        if self.left == 0
            && let Some(hasher) = self.hasher.take()
            && hasher.finish() != *self.digest
        {
            let error = corrupt();
            return Err(self.fail(error.into()));
        }
        (self.advanced)(read as u64);
        Ok(read)
    }
}

/// Layers that are compressed are sent as they are, in chunks: neither their size nor their digest is known before.
impl Compressing for Blobs<'_> {
    fn compress(&self, layer: &Layer<'_>, method: Method) -> Result<(Compressed, Written), SaveError> {
        let path = layer.target.digest.as_str();
        let failed =
            |error: RegistryError| SaveError::Write { path: path.to_owned(), source: error.into_io() };
        self.progress.started(layer.target);
        let upload = self.repository.upload().map_err(failed)?;
        if upload.least() > LARGEST_CHUNK {
            let found =
                format!("{} wants chunks of {} bytes", self.repository.registry().name(), upload.least());
            let _ = upload.cancel();
            return Err(SaveError::Write { path: path.to_owned(), source: io::Error::other(found) });
        }
        let chunk = CHUNK.max(usize::try_from(upload.least()).unwrap_or(CHUNK));
        let mut chunks = Chunks { upload: Some(upload), chunk, buffer: Vec::with_capacity(chunk) };
        let (compressed, _) = layer.write(method, &mut chunks, path)?;
        chunks.finish(&compressed.digest).map_err(failed)?;
        self.progress.finished(layer.target, false);
        Ok((compressed, Written::There))
    }
}

/// An upload in chunks. Dropped before it is finished, it is given up.
struct Chunks {
    upload: Option<Upload>,
    chunk: usize,
    buffer: Vec<u8>,
}

impl Chunks {
    fn finish(mut self, digest: &Digest) -> Result<(), RegistryError> {
        let Some(upload) = self.upload.take() else { return Ok(()) };
        upload.finish_with(digest, self.buffer.len() as u64, &mut self.buffer.as_slice())
    }
}

impl Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.buffer.len() == self.chunk {
            if let Some(upload) = &mut self.upload {
                upload.chunk(&self.buffer).map_err(RegistryError::into_io)?;
            }
            self.buffer.clear();
        }
        let taken = bytes.len().min(self.chunk - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Chunks {
    fn drop(&mut self) {
        if let Some(upload) = self.upload.take() {
            // The registry clears it away by itself some day.
            let _ = upload.cancel();
        }
    }
}
