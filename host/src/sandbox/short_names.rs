//! `consign:image/short-names`.

use super::{Sandbox, SandboxError};
use crate::types::short_names::{Completion, Configuration, ConfigurationError, Purpose, ShortNameError};

impl Sandbox {
    /// What is wrong with a configuration of short names.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn check_short_names(
        &self,
        configuration: &Configuration,
    ) -> Result<Vec<ConfigurationError>, SandboxError> {
        self.call_podman(|component, store| {
            component.consign_image_short_names().call_check(store, configuration)
        })
    }

    /// Whether a name lacks a registry.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn is_short_name(&self, text: &str) -> Result<bool, SandboxError> {
        self.call_podman(|component, store| component.consign_image_short_names().call_is_short(store, text))
    }

    /// The names in full that a name can mean.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn complete_name(
        &self,
        text: &str,
        purpose: Purpose,
        docker_hub: bool,
        configuration: &Configuration,
    ) -> Result<Result<Completion, ShortNameError>, SandboxError> {
        self.call_podman(|component, store| {
            component.consign_image_short_names().call_complete(
                store,
                text,
                purpose,
                docker_hub,
                configuration,
            )
        })
    }
}
