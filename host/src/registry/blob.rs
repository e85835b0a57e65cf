//! Blobs: whether they are there, their bytes from any place on, deleting them.

use std::io::{self, Read};

use ureq::http::Method;

use super::answer::{Answer, unreachable_at};
use super::exchange::Ask;
use super::pace::Paced;
use super::{RegistryError, Repository};
use crate::digest::{Digest, Hasher};

/// Bytes after which a connection that breaks off was good for something: one that brings a byte and breaks, again and
/// again, is given up.
const PROGRESS: u64 = 32 << 10;

impl Repository {
    /// The size of a blob in bytes, as the registry says; 0 where it does not say. `None`: it is not there.
    ///
    /// # Errors
    ///
    /// A [`RegistryError`] where it could not be told.
    pub fn head_blob(&self, digest: &Digest) -> Result<Option<u64>, RegistryError> {
        let mut ask = self.blob(digest);
        ask.method = Method::HEAD;
        let answer = self.registry.send(ask)?;
        if answer.status() == 404 {
            return Ok(None);
        }
        Ok(Some(answer.expect(&[200])?.length().unwrap_or_default()))
    }

    /// A blob of this size, verified as it passes: the last read fails where its bytes are others, more or
    /// fewer. A connection that breaks is taken up again where it broke. `None`: it is not there.
    ///
    /// # Errors
    ///
    /// A [`RegistryError`] where it could not be had; reading fails with one, within an [`io::Error`].
    pub fn get_blob(
        &self,
        digest: &Digest,
        size: u64,
    ) -> Result<Option<impl Read + Send + use<>>, RegistryError> {
        let reader = self.open_blob(digest, size, 0)?;
        Ok(reader.map(|reader| Verified {
            reader,
            hasher: Some(Hasher::new(digest.algorithm())),
            wanted: digest.clone(),
        }))
    }

    /// The bytes of a blob of this size, from byte `from` on. They are not verified. `None`: it is not there.
    ///
    /// # Errors
    ///
    /// A [`RegistryError`] where it could not be had; reading fails with one, within an [`io::Error`].
    pub fn open_blob(
        &self,
        digest: &Digest,
        size: u64,
        from: u64,
    ) -> Result<Option<BlobReader>, RegistryError> {
        self.open_range(digest, size, from, size)
    }

    /// The bytes `from` to before `end` of a blob of this size. They are not verified. `None`: it is not there.
    ///
    /// # Errors
    ///
    /// A [`RegistryError`] where it could not be had; reading fails with one, within an [`io::Error`].
    pub fn open_range(
        &self,
        digest: &Digest,
        size: u64,
        from: u64,
        end: u64,
    ) -> Result<Option<BlobReader>, RegistryError> {
        let mut reader = BlobReader {
            repository: self.clone(),
            digest: digest.clone(),
            size,
            at: from.min(end.min(size)),
            end: end.min(size),
            body: None,
            failures: 0,
            come: 0,
            ranged: false,
        };
        if reader.at == reader.end && size > 0 {
            return Ok(Some(reader));
        }
        Ok(reader.connect()?.then_some(reader))
    }

    /// Deletes a blob. False: it is not there.
    ///
    /// # Errors
    ///
    /// [`RegistryError::Refused`] where the registry does not delete; any other where it could not be told.
    pub fn delete_blob(&self, digest: &Digest) -> Result<bool, RegistryError> {
        self.delete(&format!("blobs/{digest}"))
    }

    fn blob(&self, digest: &Digest) -> Ask<'static> {
        Ask::get(self.target(&format!("blobs/{digest}")), self.pulling())
    }
}

/// The bytes of a blob, or of a part of it. What breaks off is taken up again.
pub struct BlobReader {
    repository: Repository,
    digest: Digest,
    size: u64,
    /// Of the next byte.
    at: u64,
    /// After the last byte.
    end: u64,
    body: Option<(Paced, String)>,
    /// Since enough bytes came.
    failures: u32,
    /// Since the last failure.
    come: u64,
    ranged: bool,
}

impl BlobReader {
    /// Whether the registry sent a part where a part was asked for.
    pub fn serves_ranges(&self) -> bool {
        self.ranged
    }

    /// Where the registry sends everything whatever it is asked for: reads on to the blob's end.
    pub(crate) fn take_all_that_comes(&mut self) {
        if !self.ranged {
            self.end = self.size;
        }
    }

    /// Asks for what is left. False: the blob is not there.
    fn connect(&mut self) -> Result<bool, RegistryError> {
        let mut ask = self.repository.blob(&self.digest);
        let part = self.at > 0 || self.end < self.size;
        if part {
            ask = ask.header("range", format!("bytes={}-{}", self.at, self.end.saturating_sub(1)));
        }
        let answer = self.repository.registry.send(ask)?;
        let host = answer.host();
        let mut skipped = 0;
        match answer.status() {
            404 => return Ok(false),
            206 if part => {
                self.check_range(&answer)?;
                self.ranged = true;
            }
            // A registry that knows no ranges sends all of it.
            _ => {
                let answer_length = answer.length();
                let answer = answer.expect(&[200])?;
                if let Some(found) = answer_length.filter(|found| *found != self.size) {
                    return Err(self.wrong_size(found));
                }
                skipped = self.at;
                self.body = Some((answer.reader(), host.clone()));
                return self.skip(skipped, host).map(|()| true);
            }
        }
        debug_assert_eq!(skipped, 0);
        self.body = Some((answer.reader(), host));
        Ok(true)
    }

    /// Passes over bytes that are known already.
    fn skip(&mut self, bytes: u64, host: String) -> Result<(), RegistryError> {
        let Some((body, _)) = &mut self.body else { return Ok(()) };
        let read = io::copy(&mut body.take(bytes), &mut io::sink());
        match read.map_err(|error| unreachable_at(host, error))? {
            found if found < bytes => Err(self.wrong_size(found)),
            _ => Ok(()),
        }
    }

    fn check_range(&self, answer: &Answer) -> Result<(), RegistryError> {
        let header = answer.header("content-range").unwrap_or_default();
        let sandbox = self.repository.registry.sandbox();
        let span = sandbox.read_range(header)?;
        let fits = span.as_ref().is_some_and(|span| {
            span.first == self.at
                && span.last + 1 == self.end
                && span.size.is_none_or(|size| size == self.size)
                && answer.length().is_none_or(|length| length == self.end - self.at)
        });
        if fits {
            return Ok(());
        }
        let found: String = header.chars().filter(|character| !character.is_control()).take(100).collect();
        let reason = format!(
            "wanted `Content-Range: bytes {}-{}/{}`, found `{found}`",
            self.at,
            self.end.saturating_sub(1),
            self.size
        );
        Err(RegistryError::Answer { url: answer.shown(), reason })
    }

    fn wrong_size(&self, found: u64) -> RegistryError {
        RegistryError::SizeMismatch { digest: self.digest.clone(), wanted: self.size, found }
    }

    /// Takes up what broke off, unless it breaks off again and again.
    fn resume(&mut self, error: RegistryError) -> Result<(), RegistryError> {
        self.body = None;
        if self.failures >= self.repository.registry.resumptions() {
            return Err(error);
        }
        self.repository.registry.pause(self.failures);
        self.failures += 1;
        self.come = 0;
        if self.connect()? { Ok(()) } else { Err(error) }
    }
}

impl Read for BlobReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let left = self.end - self.at;
            let Some((body, host)) = &mut self.body else {
                return Ok(0);
            };
            if left == 0 {
                // One byte more than there should be is too many; a part may be followed by the rest.
                let more =
                    !self.ranged && self.end == self.size && body.read(&mut buffer[..1]).unwrap_or(0) > 0;
                self.body = None;
                return if more { Err(self.wrong_size(self.size + 1).into_io()) } else { Ok(0) };
            }
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
            let error = match body.read(&mut buffer[..most]) {
                Ok(0) => {
                    let source = io::ErrorKind::UnexpectedEof.into();
                    RegistryError::Unreachable { host: host.clone(), source }
                }
                Ok(read) => {
                    self.at += read as u64;
                    self.come += read as u64;
                    if self.come >= PROGRESS {
                        self.failures = 0;
                    }
                    return Ok(read);
                }
                Err(error) => unreachable_at(host.clone(), error),
            };
            // Bytes that were promised and did not come: a broken connection, or a registry that has no more.
            self.resume(error).map_err(RegistryError::into_io)?;
        }
    }
}

/// Bytes held against a digest as they pass.
struct Verified {
    reader: BlobReader,
    /// Until the end.
    hasher: Option<Hasher>,
    wanted: Digest,
}

impl Read for Verified {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        if read > 0 || buffer.is_empty() {
            if let Some(hasher) = &mut self.hasher {
                hasher.update(&buffer[..read]);
            }
            return Ok(read);
        }
        let Some(hasher) = self.hasher.take() else { return Ok(0) };
        let same = self.wanted.require(&hasher.finish()).map_err(RegistryError::from);
        same.map(|()| 0).map_err(RegistryError::into_io)
    }
}
