//! `consign:image/transports`.

use super::{Sandbox, SandboxError};
use crate::types::transports::{
    ImageReference, PolicyScope, StorageAnswer, StorageQuestion, Transport, TransportError,
};

impl Sandbox {
    /// The transport in front, if it is one.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn transport_of(&self, text: &str) -> Result<Option<Transport>, SandboxError> {
        self.call_sources(|component, store| {
            component.consign_image_transports().call_transport_of(store, text)
        })
    }

    /// What has to be found out before [`Sandbox::parse_image_name`].
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn ask_storage(&self, text: &str) -> Result<Option<StorageQuestion>, SandboxError> {
        self.call_sources(|component, store| {
            component.consign_image_transports().call_ask_storage(store, text)
        })
    }

    /// Reads an image name with a transport in front.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn parse_image_name(
        &self,
        text: &str,
        storage: Option<&StorageAnswer>,
    ) -> Result<Result<ImageReference, TransportError>, SandboxError> {
        self.call_sources(|component, store| {
            component.consign_image_transports().call_parse(store, text, storage)
        })
    }

    /// The whole image name.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn format_image_name(&self, image: &ImageReference) -> Result<String, SandboxError> {
        self.call_sources(|component, store| component.consign_image_transports().call_format(store, image))
    }

    /// What stands after the transport and its colon.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn string_within_transport(&self, image: &ImageReference) -> Result<String, SandboxError> {
        self.call_sources(|component, store| {
            component.consign_image_transports().call_string_within_transport(store, image)
        })
    }

    /// Where trust in the image is looked up; `explicit_path` is what [`crate::explicit_path::resolve`]
    /// makes of its path.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn policy_scope(
        &self,
        image: &ImageReference,
        explicit_path: Option<&str>,
    ) -> Result<Option<PolicyScope>, SandboxError> {
        self.call_sources(|component, store| {
            component.consign_image_transports().call_policy(store, image, explicit_path)
        })
    }
}
