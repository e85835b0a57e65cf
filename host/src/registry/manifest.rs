//! Indexes and manifests: whether they are there, their bytes, putting and deleting them.

use ureq::http::Method;

use super::answer::Answer;
use super::exchange::{Ask, Place, Sent};
use super::{RegistryError, Repository};
use crate::digest::{Algorithm, Digest, Hasher};
use crate::source::DOCUMENT_LIMIT;

/// What is taken: indexes before manifests, so that a registry with both gives the index; schema 1 last, which
/// is refused by name afterwards.
const ACCEPTED: &str = "application/vnd.oci.image.index.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, \
     application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.v2+json, \
     application/vnd.docker.distribution.manifest.v1+prettyjws;q=0.1, \
     application/json;q=0.1";

/// What a registry says of a manifest without sending it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Of the manifest; `None`: it is not said.
    pub digest: Option<Digest>,
    /// As the registry says, without parameters; empty where it says nothing.
    pub media_type: String,
    /// In bytes; `None`: it is not said.
    pub size: Option<u64>,
}

/// A manifest or an index, as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// At most 4 MiB.
    pub bytes: Vec<u8>,
    /// Of the bytes.
    pub digest: Digest,
    /// As the registry says, without parameters; empty where it says nothing. What the document says of
    /// itself counts.
    pub media_type: String,
}

impl Repository {
    /// What the registry says of the manifest of a tag or with a digest. `None`: there is none.
    ///
    /// # Errors
    ///
    /// [`RegistryError::DigestMismatch`] where another digest is told than was asked for; any other where it
    /// could not be told.
    pub fn head_manifest(&self, reference: &str) -> Result<Option<Head>, RegistryError> {
        let mut ask = self.manifest(reference);
        ask.method = Method::HEAD;
        let answer = self.registry.send(ask)?;
        if answer.status() == 404 {
            return Ok(None);
        }
        let answer = answer.expect(&[200])?;
        let digest = told_digest(&answer)?;
        if let (Ok(wanted), Some(found)) = (reference.parse::<Digest>(), &digest)
            && wanted.algorithm() == found.algorithm()
        {
            wanted.require(found)?;
        }
        Ok(Some(Head { digest, media_type: media_type(&answer), size: answer.length() }))
    }

    /// The manifest of a tag or with a digest, verified: against the digest that was asked for, or the one the
    /// registry says it has. `None`: there is none.
    ///
    /// # Errors
    ///
    /// [`RegistryError::TooLarge`] over 4 MiB, [`RegistryError::DigestMismatch`] for other bytes; any other
    /// where it could not be had.
    pub fn get_manifest(&self, reference: &str) -> Result<Option<Fetched>, RegistryError> {
        let answer = self.registry.send(self.manifest(reference))?;
        if answer.status() == 404 {
            return Ok(None);
        }
        let answer = answer.expect(&[200])?;
        let told = told_digest(&answer)?;
        let media_type = media_type(&answer);
        let bytes = answer.bytes(DOCUMENT_LIMIT)?;
        let asked = reference.parse::<Digest>().ok();
        let digest = match asked.clone().or(told.clone()) {
            Some(digest) => digest,
            None => Digest::of(&bytes),
        };
        for wanted in asked.into_iter().chain(told) {
            wanted.check(&bytes)?;
        }
        Ok(Some(Fetched { bytes, digest, media_type }))
    }

    /// Puts a manifest or an index under a tag or its digest.
    ///
    /// # Errors
    ///
    /// [`RegistryError::DigestMismatch`] where the registry took it for something else; any other where it did
    /// not take it.
    pub fn put_manifest(&self, reference: &str, media_type: &str, bytes: &[u8]) -> Result<(), RegistryError> {
        let mut ask = Ask::get(self.target(&format!("manifests/{reference}")), self.pushing())
            .header("content-type", media_type);
        ask.method = Method::PUT;
        ask.sent = Sent::Bytes(bytes);
        let answer = self.registry.send(ask)?.expect(&[200, 201, 202])?;
        let told = told_digest(&answer)?;
        answer.done();
        match told {
            Some(found) => Ok(digest_of(bytes, found.algorithm()).require(&found)?),
            None => Ok(()),
        }
    }

    /// Deletes a manifest by its digest, or, where the registry does that, a tag. False: it is not there.
    ///
    /// # Errors
    ///
    /// [`RegistryError::Refused`] where the registry does not delete; any other where it could not be told.
    pub fn delete_manifest(&self, reference: &str) -> Result<bool, RegistryError> {
        self.delete(&format!("manifests/{reference}"))
    }

    /// Deletes what is at this place of the repository. False: it is not there.
    pub(super) fn delete(&self, rest: &str) -> Result<bool, RegistryError> {
        let mut ask = Ask::get(self.target(rest), self.deleting());
        ask.method = Method::DELETE;
        let answer = self.registry.send(ask)?;
        if answer.status() == 404 {
            return Ok(false);
        }
        answer.expect(&[200, 202, 204])?.done();
        Ok(true)
    }

    fn manifest(&self, reference: &str) -> Ask<'static> {
        let target = self.target(&format!("manifests/{reference}"));
        let ask = Ask::get(target, self.pulling()).header("accept", ACCEPTED);
        debug_assert!(matches!(ask.place, Place::Own(_)));
        ask
    }
}

/// `Docker-Content-Digest`. One of an algorithm that is not known is none.
fn told_digest(answer: &Answer) -> Result<Option<Digest>, RegistryError> {
    let Some(text) = answer.header("docker-content-digest") else { return Ok(None) };
    match text.trim().parse::<Digest>() {
        Ok(digest) => Ok(Some(digest)),
        Err(_) if text.contains(':') && !text.starts_with("sha") => Ok(None),
        Err(error) => Err(RegistryError::Answer {
            url: answer.shown(),
            reason: format!("`Docker-Content-Digest`: {error}"),
        }),
    }
}

fn media_type(answer: &Answer) -> String {
    let text = answer.header("content-type").unwrap_or_default();
    text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn digest_of(bytes: &[u8], algorithm: Algorithm) -> Digest {
    let mut hasher = Hasher::new(algorithm);
    hasher.update(bytes);
    hasher.finish()
}
