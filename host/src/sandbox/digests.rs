//! `consign:image/digests`.

use super::{Sandbox, SandboxError};
use crate::types::digests::Algorithm;

impl Sandbox {
    /// The digest of these bytes.
    pub fn compute_digest(&self, algorithm: Algorithm, bytes: &[u8]) -> Result<String, SandboxError> {
        self.call(None, |component, store| {
            component.consign_image_digests().call_compute(store, algorithm, bytes)
        })
    }
}
