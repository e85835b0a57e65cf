//! `consign:image/signatures`.

use super::{Sandbox, SandboxError};
use crate::types::registries::AnswerError;
use crate::types::signatures::{Claim, KeptSignature, ListedSignature, SignatureForm};

impl Sandbox {
    /// Reads a file with a signature of at most 4 MiB.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn read_signature(&self, bytes: &[u8]) -> Result<Result<KeptSignature, AnswerError>, SandboxError> {
        self.call_podman(|component, store| component.consign_image_signatures().call_read_kept(store, bytes))
    }

    /// Reads a registry's list of signatures of at most 4 MiB.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn read_signature_list(
        &self,
        bytes: &[u8],
    ) -> Result<Result<Vec<ListedSignature>, AnswerError>, SandboxError> {
        self.call_podman(|component, store| component.consign_image_signatures().call_read_list(store, bytes))
    }

    /// Reads what a signature of this form signs, of at most 4 MiB.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn read_claim(
        &self,
        bytes: &[u8],
        form: SignatureForm,
    ) -> Result<Result<Claim, AnswerError>, SandboxError> {
        self.call_podman(|component, store| {
            component.consign_image_signatures().call_read_claim(store, bytes, form)
        })
    }
}
