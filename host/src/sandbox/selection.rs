//! `consign:image/selection`.

use super::{Sandbox, SandboxError};
use crate::types::Descriptor;
use crate::types::selection::{Choice, Criteria};

impl Sandbox {
    /// Judges the entries of one index for a wanted platform. Positions in the answer's order are less than
    /// `entries.len()`, and there are as many reasons as entries.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn choose(&self, entries: &[Descriptor], criteria: &Criteria) -> Result<Choice, SandboxError> {
        self.call(None, |component, store| {
            component.consign_image_selection().call_choose(store, entries, criteria)
        })
    }
}
