//! `consign:image/archives`.

use super::{Sandbox, SandboxError};
use crate::types::Descriptor;
use crate::types::archives::{ArchiveImage, LegacyImage, LegacyLayer, LegacyTag};
use crate::types::manifests::ManifestError;

impl Sandbox {
    /// Reads a `docker save` archive's `manifest.json` of at most 16 MiB.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn parse_archive_manifest(
        &self,
        bytes: &[u8],
    ) -> Result<Result<Vec<ArchiveImage>, ManifestError>, SandboxError> {
        self.call_sources(|component, store| {
            component.consign_image_archives().call_parse_manifest_json(store, bytes)
        })
    }

    /// Reads a legacy `repositories` file of at most 16 MiB; in order of repository, then tag.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn parse_repositories(
        &self,
        bytes: &[u8],
    ) -> Result<Result<Vec<LegacyTag>, ManifestError>, SandboxError> {
        self.call_sources(|component, store| {
            component.consign_image_archives().call_parse_repositories(store, bytes)
        })
    }

    /// Reads a legacy image's `json` of at most 4 MiB.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn parse_legacy_image(
        &self,
        bytes: &[u8],
    ) -> Result<Result<LegacyImage, ManifestError>, SandboxError> {
        self.call_sources(|component, store| {
            component.consign_image_archives().call_parse_legacy_image(store, bytes)
        })
    }

    /// The image config of a legacy image, from the `json` documents of its layers, base layer first, and
    /// the digests of their uncompressed contents, one for each.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn legacy_config(
        &self,
        jsons: &[Vec<u8>],
        diff_ids: &[String],
    ) -> Result<Result<Vec<u8>, ManifestError>, SandboxError> {
        self.call_sources(|component, store| {
            component.consign_image_archives().call_legacy_config(store, jsons, diff_ids)
        })
    }

    /// The legacy images that containers/image writes beside the layers of an image with this config, byte
    /// for byte: one for each diff ID, base layer first.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn legacy_layers(
        &self,
        config: &[u8],
        diff_ids: &[String],
    ) -> Result<Result<Vec<LegacyLayer>, ManifestError>, SandboxError> {
        self.call_sources(|component, store| {
            component.consign_image_archives().call_legacy_layers(store, config, diff_ids)
        })
    }

    /// The schema 2 manifest containers/image gives an image of a docker archive, byte for byte. Layer
    /// sizes are uncompressed.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn docker_manifest(
        &self,
        config: &Descriptor,
        layers: &[Descriptor],
    ) -> Result<Vec<u8>, SandboxError> {
        self.call_sources(|component, store| {
            component.consign_image_archives().call_docker_manifest(store, config, layers)
        })
    }
}
