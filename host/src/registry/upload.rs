//! Uploading blobs: from another repository, in one piece, in chunks.

use std::io::Read;

use ureq::http::Method;

use super::answer::Answer;
use super::auth::{Scope, encoded};
use super::exchange::{Ask, Place, Sent};
use super::url::whole;
use super::{RegistryError, Repository};
use crate::digest::Digest;
use crate::types::registries::Url;

/// What came of asking for a blob of another repository.
pub enum Mounted {
    /// It is in this one, too.
    Done,
    /// It is not; it can be uploaded.
    Upload(Upload),
}

/// An upload that was begun. One that is neither finished nor cancelled the registry clears away some day.
pub struct Upload {
    repository: Repository,
    location: Url,
    sent: u64,
    /// What the registry wants a chunk to have at least, except the last.
    least: u64,
}

impl Repository {
    /// Takes a blob over from another repository of the same registry.
    ///
    /// # Errors
    ///
    /// A [`RegistryError`] where neither that nor an upload can be had.
    pub fn mount_blob(&self, digest: &Digest, from: &str) -> Result<Mounted, RegistryError> {
        let query = format!("blobs/uploads/?mount={}&from={}", encoded(&digest.to_string()), encoded(from));
        let scope = self.pushing().and(Scope::repository(from, "pull"));
        let mut ask = Ask::get(self.target(&query), scope);
        ask.method = Method::POST;
        let answer = self.registry.send(ask)?.expect(&[201, 202])?;
        if answer.status() == 201 {
            answer.done();
            return Ok(Mounted::Done);
        }
        Ok(Mounted::Upload(self.begun(answer)?))
    }

    /// Begins an upload.
    ///
    /// # Errors
    ///
    /// A [`RegistryError`] where the registry does not take uploads.
    pub fn upload(&self) -> Result<Upload, RegistryError> {
        let mut ask = Ask::get(self.target("blobs/uploads/"), self.pushing());
        ask.method = Method::POST;
        let answer = self.registry.send(ask)?.expect(&[202])?;
        self.begun(answer)
    }

    /// Uploads a blob of this digest and size in one piece. `reader` has to give these bytes; what else it
    /// gives the registry refuses.
    ///
    /// # Errors
    ///
    /// A [`RegistryError`] where the registry did not take it. It is not there then.
    pub fn put_blob(&self, digest: &Digest, size: u64, reader: &mut dyn Read) -> Result<(), RegistryError> {
        self.upload()?.finish_with(digest, size, reader)
    }

    fn begun(&self, answer: Answer) -> Result<Upload, RegistryError> {
        let least = answer.header("oci-chunk-min-length").and_then(|text| text.trim().parse().ok());
        let mut upload = Upload {
            repository: self.clone(),
            location: answer.url().clone(),
            sent: 0,
            least: least.unwrap_or_default(),
        };
        upload.goes_on(answer)?;
        Ok(upload)
    }
}

impl Upload {
    /// Bytes the registry has.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// Bytes a chunk has to have at least, but for the last; 0 where the registry does not say.
    pub fn least(&self) -> u64 {
        self.least
    }

    /// Sends the next bytes.
    ///
    /// # Errors
    ///
    /// [`RegistryError::Answer`] where the registry has other bytes than were sent; any other where it did not take
    /// them.
    pub fn chunk(&mut self, bytes: &[u8]) -> Result<(), RegistryError> {
        if bytes.is_empty() {
            return Ok(());
        }
        let (registry, end) = (self.repository.registry.clone(), self.sent + bytes.len() as u64);
        let mut again = false;
        registry.persistently(|| {
            if std::mem::replace(&mut again, true) && self.received(end)? == end {
                self.sent = end;
                return Ok(());
            }
            self.patch(bytes, end)
        })
    }

    fn patch(&mut self, bytes: &[u8], end: u64) -> Result<(), RegistryError> {
        let mut ask = self
            .ask(Method::PATCH, self.location.clone())
            .header("content-type", "application/octet-stream")
            .header("content-range", format!("{}-{}", self.sent, end - 1));
        ask.sent = Sent::Bytes(bytes);
        let answer = self.repository.registry.send(ask)?.expect(&[202])?;
        if let Some(header) = answer.header("range") {
            let span = self.repository.registry.sandbox().read_range(header)?;
            if span.is_none_or(|span| span.first != 0 || span.last + 1 != end) {
                let reason = format!("wanted `Range: 0-{}`, found another", end - 1);
                return Err(RegistryError::Answer { url: answer.shown(), reason });
            }
        }
        self.sent = end;
        self.goes_on(answer)
    }

    /// How many bytes the registry has, of which it is not known whether it has those up to `end`.
    fn received(&mut self, end: u64) -> Result<u64, RegistryError> {
        let ask = self.ask(Method::GET, self.location.clone());
        let answer = self.repository.registry.send(ask)?.expect(&[204])?;
        let span = self.repository.registry.sandbox().read_range(answer.header("range").unwrap_or("0-0"))?;
        // Nothing is said as one byte is.
        let received = match span {
            Some(span) if span.first == 0 && (span.last > 0 || self.sent > 0) => span.last + 1,
            _ => 0,
        };
        if received != self.sent && received != end {
            let reason = format!("wanted {} or {end} bytes of an upload, found {received}", self.sent);
            return Err(RegistryError::Answer { url: answer.shown(), reason });
        }
        self.goes_on(answer)?;
        Ok(received)
    }

    /// Ends the upload: what was sent is a blob with this digest.
    ///
    /// # Errors
    ///
    /// A [`RegistryError`] where the registry did not take it.
    pub fn finish(self, digest: &Digest) -> Result<(), RegistryError> {
        self.finish_with(digest, 0, &mut std::io::empty())
    }

    /// The same, with so many last bytes.
    ///
    /// # Errors
    ///
    /// A [`RegistryError`] where the registry did not take it. The upload is given up then.
    pub fn finish_with(self, digest: &Digest, size: u64, reader: &mut dyn Read) -> Result<(), RegistryError> {
        let outcome = self.put(digest, size, reader);
        // Whom nothing was heard of is not waited for again.
        if outcome.as_ref().is_err_and(|error| !matches!(error, RegistryError::TimedOut { .. })) {
            let _ = self.cancel();
        }
        outcome
    }

    fn put(&self, digest: &Digest, size: u64, reader: &mut dyn Read) -> Result<(), RegistryError> {
        let separator = if self.location.target.contains('?') { '&' } else { '?' };
        let target = format!("{}{separator}digest={}", self.location.target, encoded(&digest.to_string()));
        let mut ask = self
            .ask(Method::PUT, Url { target, ..self.location.clone() })
            .header("content-type", "application/octet-stream");
        if size > 0 {
            ask.sent = Sent::Stream(reader, size);
        }
        let answer = self.repository.registry.send(ask)?.expect(&[201, 204])?;
        let told = answer.header("docker-content-digest").and_then(|text| text.trim().parse::<Digest>().ok());
        answer.done();
        match told {
            Some(found) if found.algorithm() == digest.algorithm() => Ok(digest.require(&found)?),
            _ => Ok(()),
        }
    }

    /// Gives the upload up.
    ///
    /// # Errors
    ///
    /// A [`RegistryError`] where the registry knows nothing of that; it clears uploads away by itself.
    pub fn cancel(self) -> Result<(), RegistryError> {
        let ask = self.ask(Method::DELETE, self.location.clone());
        self.repository.registry.send(ask)?.expect(&[200, 202, 204, 404])?.done();
        Ok(())
    }

    fn ask<'a>(&self, method: Method, location: Url) -> Ask<'a> {
        // Sending a chunk twice is another upload.
        let ask = Ask::get(String::new(), self.repository.pushing());
        Ask { method, place: Place::At(location), repeatable: false, ..ask }
    }

    /// Takes in where the upload goes on, which may be any URL, also one relative to the last.
    fn goes_on(&mut self, answer: Answer) -> Result<(), RegistryError> {
        if let Some(location) = answer.header("location") {
            self.location = self.repository.registry.pointed_to(&answer, location)?;
        } else if self.sent == 0 {
            let reason = "wanted `Location`, found none".to_owned();
            return Err(RegistryError::Answer { url: answer.shown(), reason });
        }
        debug_assert!(whole(&self.location).starts_with("http"));
        answer.done();
        Ok(())
    }
}
