//! `consign:image/openpgp`.

use super::{Sandbox, SandboxError};
use crate::types::openpgp::{Key, Message};
use crate::types::registries::AnswerError;

impl Sandbox {
    /// Reads a message of OpenPGP of at most 4 MiB. Nothing of it is verified.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn read_message(&self, bytes: &[u8]) -> Result<Result<Message, AnswerError>, SandboxError> {
        self.call_podman(|component, store| component.consign_image_openpgp().call_read_message(store, bytes))
    }

    /// Reads a file of public keys of OpenPGP of at most 4 MiB, armored or not. Nothing of it is verified.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn read_keys(&self, bytes: &[u8]) -> Result<Result<Vec<Key>, AnswerError>, SandboxError> {
        self.call_podman(|component, store| component.consign_image_openpgp().call_read_keys(store, bytes))
    }
}
