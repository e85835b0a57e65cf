//! `consign:image/pull-goals`.

use super::{Sandbox, SandboxError};
use crate::types::pull_goals::{Goal, GoalError, Wanted};

impl Sandbox {
    /// What Podman 1.x pulls, and what it calls it then.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn pull_goal(&self, wanted: &Wanted) -> Result<Result<Goal, GoalError>, SandboxError> {
        self.call_podman(|component, store| component.consign_image_pull_goals().call_goal_of(store, wanted))
    }
}
