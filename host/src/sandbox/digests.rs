//! `consign:image/digests`.

use super::{Sandbox, SandboxError};
use crate::types::digests::{Algorithm, DigestError, DigestParts};

impl Sandbox {
    /// Reads a digest of one of the three algorithms.
    pub fn parse_digest(&self, text: &str) -> Result<Result<DigestParts, DigestError>, SandboxError> {
        self.call(None, |component, store| component.consign_image_digests().call_parse(store, text))
    }

    /// Whether the text has the form of a digest of any algorithm, registered or not.
    pub fn is_well_formed_digest(&self, text: &str) -> Result<bool, SandboxError> {
        self.call(None, |component, store| component.consign_image_digests().call_is_well_formed(store, text))
    }

    /// The digest of these bytes.
    pub fn compute_digest(&self, algorithm: Algorithm, bytes: &[u8]) -> Result<String, SandboxError> {
        self.call(None, |component, store| {
            component.consign_image_digests().call_compute(store, algorithm, bytes)
        })
    }
}
