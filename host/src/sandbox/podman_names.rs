//! `consign:image/podman-names`.

use super::{Sandbox, SandboxError};
use crate::types::ImageName;
use crate::types::podman_names::{MatchError, Parts, QualifyError, Repository};
use crate::types::short_names::Unreadable;

impl Sandbox {
    /// Takes a name apart as Podman 1.x does.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn decompose_name(&self, text: &str) -> Result<Result<Parts, Unreadable>, SandboxError> {
        self.call_podman(|component, store| {
            component.consign_image_podman_names().call_decompose(store, text)
        })
    }

    /// A name normalised, with this registry in front or by its own.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn qualify_name(
        &self,
        text: &str,
        registry: Option<&str>,
    ) -> Result<Result<ImageName, QualifyError>, SandboxError> {
        self.call_podman(|component, store| {
            component.consign_image_podman_names().call_qualify(store, text, registry)
        })
    }

    /// The name Podman gives an image: of `localhost` where it has no registry.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn normalized_tag(&self, text: &str) -> Result<Result<ImageName, Unreadable>, SandboxError> {
        self.call_podman(|component, store| {
            component.consign_image_podman_names().call_normalized_tag(store, text)
        })
    }

    /// Whether a text has `://`.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn has_transport(&self, text: &str) -> Result<bool, SandboxError> {
        self.call_podman(|component, store| {
            component.consign_image_podman_names().call_has_transport(store, text)
        })
    }

    /// A text without `sha256:` in front, unless that is all of it.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn strip_sha256(&self, text: &str) -> Result<String, SandboxError> {
        self.call_podman(|component, store| {
            component.consign_image_podman_names().call_strip_sha256(store, text)
        })
    }

    /// The repositories of names, in order, each with its tags or digests.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn repositories(
        &self,
        names: &[String],
    ) -> Result<Result<Vec<Repository>, Unreadable>, SandboxError> {
        self.call_podman(|component, store| {
            component.consign_image_podman_names().call_repositories(store, names)
        })
    }

    /// Whether a text could follow `http://` and name a registry's host.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn is_image_uri(&self, text: &str) -> Result<bool, SandboxError> {
        self.call_podman(|component, store| {
            component.consign_image_podman_names().call_is_image_uri(store, text)
        })
    }

    /// What Podman calls an image in an archive it is saved to.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn save_name(&self, id: &str, names: &[String], text: &str) -> Result<Option<String>, SandboxError> {
        self.call_podman(|component, store| {
            component.consign_image_podman_names().call_save_name(store, id, names, text)
        })
    }

    /// Which of an image's names a user means.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn match_repo_tag(
        &self,
        text: &str,
        names: &[String],
    ) -> Result<Result<String, MatchError>, SandboxError> {
        self.call_podman(|component, store| {
            component.consign_image_podman_names().call_match_repo_tag(store, text, names)
        })
    }
}
