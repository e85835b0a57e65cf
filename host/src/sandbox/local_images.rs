//! `consign:image/local-images`.

use super::{Sandbox, SandboxError};
use crate::types::local_images::{Criteria, LocalImage, Narrowing, Outcome};

impl Sandbox {
    /// Which images [`Sandbox::find_image`] has to be given.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn narrow_images(&self, text: &str, criteria: &Criteria) -> Result<Narrowing, SandboxError> {
        self.call_podman(|component, store| {
            component.consign_image_local_images().call_narrow(store, text, criteria)
        })
    }

    /// Which of the images Podman takes the text to mean.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn find_image(
        &self,
        text: &str,
        images: &[LocalImage],
        criteria: &Criteria,
    ) -> Result<Outcome, SandboxError> {
        self.call_podman(|component, store| {
            component.consign_image_local_images().call_find(store, text, images, criteria)
        })
    }
}
