//! `consign:image/lookup`: resolution over the host's content.

use std::sync::Arc;

use super::{Sandbox, SandboxError};
use crate::content::Content;
use crate::types::Rules;
use crate::types::lookup::{LocateError, Located};
use crate::types::resolution::{Explanation, Options, ResolveError, Resolved, Subject};

impl Sandbox {
    /// Resolves `subject`; the component asks `content` as often as it takes. What came of it, and how it
    /// went.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn resolve(
        &self,
        content: Arc<dyn Content>,
        subject: &Subject,
        options: &Options,
    ) -> Result<(Result<Resolved, ResolveError>, Explanation), SandboxError> {
        self.call(Some(content), |component, store| {
            let resolution = component.consign_image_lookup().call_resolve(&mut *store, subject, options)?;
            let one = component.consign_image_resolution().resolution();
            let explanation = one.call_explain(&mut *store, resolution)?;
            Ok((one.call_finish(store, resolution)?, explanation))
        })
    }

    /// What `input` points at first, unread.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn locate(
        &self,
        content: Arc<dyn Content>,
        input: &str,
        rules: Rules,
    ) -> Result<Result<Located, LocateError>, SandboxError> {
        self.call(Some(content), |component, store| {
            component.consign_image_lookup().call_locate(store, input, rules)
        })
    }
}
