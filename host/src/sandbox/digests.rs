//! `consign:image/digests`.

use super::held::Held;
use super::{Sandbox, SandboxError};
use crate::types::digests::{Algorithm, DigestError, DigestParts, LookupError};

impl Sandbox {
    /// Reads a digest of one of the three algorithms.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn parse_digest(&self, text: &str) -> Result<Result<DigestParts, DigestError>, SandboxError> {
        self.call_sources(|component, store| component.consign_image_digests().call_parse(store, text))
    }

    /// Whether the text has the form of a digest of any algorithm, registered or not.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn is_well_formed_digest(&self, text: &str) -> Result<bool, SandboxError> {
        self.call_sources(|component, store| {
            component.consign_image_digests().call_is_well_formed(store, text)
        })
    }

    /// The digest of these bytes.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn compute_digest(&self, algorithm: Algorithm, bytes: &[u8]) -> Result<String, SandboxError> {
        self.call_sources(|component, store| {
            component.consign_image_digests().call_compute(store, algorithm, bytes)
        })
    }
}

/// A set of digests in the component, found by the start of their digits.
pub struct DigestSet<'a>(Held<'a>);

impl Sandbox {
    /// An empty set of digests.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn digest_set(&self) -> Result<DigestSet<'_>, SandboxError> {
        Held::new(self, |component, store| {
            component.consign_image_digests().digest_set().call_constructor(store)
        })
        .map(DigestSet)
    }
}

impl DigestSet<'_> {
    /// Adds a digest. One that is there stays as it is.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn add(&mut self, digest: &str) -> Result<Result<(), DigestError>, SandboxError> {
        self.0.call(|component, store, set| {
            component.consign_image_digests().digest_set().call_add(store, set, digest)
        })
    }

    /// Removes a digest, if it is there.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn remove(&mut self, digest: &str) -> Result<Result<(), DigestError>, SandboxError> {
        self.0.call(|component, store, set| {
            component.consign_image_digests().digest_set().call_remove(store, set, digest)
        })
    }

    /// The one digest that `text` stands for.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn lookup(&mut self, text: &str) -> Result<Result<String, LookupError>, SandboxError> {
        self.0.call(|component, store, set| {
            component.consign_image_digests().digest_set().call_lookup(store, set, text)
        })
    }

    /// Every digest, ordered by digits, then by algorithm.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn all(&mut self) -> Result<Vec<String>, SandboxError> {
        self.0
            .call(|component, store, set| component.consign_image_digests().digest_set().call_all(store, set))
    }

    /// For every digest, in the set's order, the shortest text of at least `length` digits that finds it.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn short_code_table(&mut self, length: u32) -> Result<Vec<(String, String)>, SandboxError> {
        self.0.call(|component, store, set| {
            component.consign_image_digests().digest_set().call_short_code_table(store, set, length)
        })
    }
}
