//! `consign:image/transports`.

use super::{Sandbox, SandboxError};
use crate::types::transports::{
    ImageReference, PolicyScope, StorageAnswer, StorageQuestion, Transport, TransportError,
};

/// Without one of these in front a text has no transport, and the component that reads image names need not be
/// loaded: for a look-up in the store that is a quarter of the time.
const NAMES: [&str; 11] = [
    "docker",
    "docker-archive",
    "docker-daemon",
    "dir",
    "oci",
    "oci-archive",
    "containers-storage",
    "tarball",
    "sif",
    "atomic",
    "ostree",
];

impl Sandbox {
    /// The transport in front, if it is one.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn transport_of(&self, text: &str) -> Result<Option<Transport>, SandboxError> {
        if !text.split_once(':').is_some_and(|(name, _)| NAMES.contains(&name)) {
            return Ok(None);
        }
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::sandbox::Limits;

    #[test]
    fn the_names_of_transports_are_those_the_component_knows() {
        let sandbox = Sandbox::new(Limits::default()).unwrap();
        for (position, name) in NAMES.iter().enumerate() {
            let found = sandbox.transport_of(&format!("{name}:x")).unwrap();
            // Every case there is has its name in the list.
            let wanted = found.map(|transport| match transport {
                Transport::Docker => 0,
                Transport::DockerArchive => 1,
                Transport::DockerDaemon => 2,
                Transport::Dir => 3,
                Transport::Oci => 4,
                Transport::OciArchive => 5,
                Transport::ContainersStorage => 6,
                Transport::Tarball => 7,
                Transport::Sif => 8,
                Transport::Atomic => 9,
                Transport::Ostree => 10,
            });
            assert_eq!(wanted, Some(position), "{name}");
        }
        assert_eq!(sandbox.transport_of("debian:12").unwrap(), None);
    }
}
