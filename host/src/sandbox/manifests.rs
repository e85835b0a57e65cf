//! `consign:image/manifests`.

use super::{Sandbox, SandboxError};
use crate::types::manifests::{Document, ImageConfig, ManifestError};

impl Sandbox {
    /// Reads an index or a manifest of at most 4 MiB. `media_type` is what the pointer to it announced,
    /// if anything did. The inner error says what is wrong with the document.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn parse_manifest(
        &self,
        bytes: &[u8],
        media_type: Option<&str>,
    ) -> Result<Result<Document, ManifestError>, SandboxError> {
        self.call(None, |component, store| {
            component.consign_image_manifests().call_parse(store, bytes, media_type)
        })
    }

    /// Reads an image config of at most 4 MiB. The inner error says what is wrong with it.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn parse_image_config(
        &self,
        bytes: &[u8],
    ) -> Result<Result<ImageConfig, ManifestError>, SandboxError> {
        self.call(None, |component, store| {
            component.consign_image_manifests().call_parse_config(store, bytes)
        })
    }

    /// Chain IDs of the layers with these diff IDs, base layer first.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn chain_ids(&self, diff_ids: &[String]) -> Result<Result<Vec<String>, ManifestError>, SandboxError> {
        self.call(None, |component, store| {
            component.consign_image_manifests().call_chain_ids(store, diff_ids)
        })
    }

    /// Checks an `oci-layout` marker of at most 64 KiB and answers its version.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn parse_layout(&self, bytes: &[u8]) -> Result<Result<String, ManifestError>, SandboxError> {
        self.call(None, |component, store| {
            component.consign_image_manifests().call_parse_layout(store, bytes)
        })
    }
}
