//! Bytes that turn out to be others than they should be are an error at their end.

use std::io::{self, Read};

use super::LayerError;
use crate::digest::{Digest, Hasher};

/// Reads, and holds what was read against a digest at the end.
pub struct Verified<R> {
    inner: R,
    /// `None` once it has been compared.
    hasher: Option<Hasher>,
    wanted: Digest,
}

impl<R> Verified<R> {
    pub(super) fn new(inner: R, wanted: Digest) -> Verified<R> {
        Verified { inner, hasher: Some(Hasher::new(wanted.algorithm())), wanted }
    }
}

impl<R: Read> Read for Verified<R> {
    /// A [`LayerError::Mismatch`] is inside the error at the end of other bytes than were wanted.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        if read > 0 {
            if let Some(hasher) = &mut self.hasher {
                hasher.update(&buffer[..read]);
            }
        } else if !buffer.is_empty()
            && let Some(hasher) = self.hasher.take()
        {
            let found = hasher.finish();
            if found != self.wanted {
                let wanted = self.wanted.clone();
                return Err(io::Error::other(LayerError::Mismatch { wanted, found }));
            }
        }
        Ok(read)
    }
}
