//! `consign:image/lookup`: resolution over the host's content.

use std::sync::Arc;

use super::{Sandbox, SandboxError};
use crate::content::Content;
use crate::types::Rules;
use crate::types::resolution::{Located, Options, ResolveError, Resolved, Subject};

impl Sandbox {
    /// Resolves `subject`; the component asks `content` as often as it takes.
    pub fn resolve(
        &self,
        content: Arc<dyn Content>,
        subject: &Subject,
        options: &Options,
    ) -> Result<Result<Resolved, ResolveError>, SandboxError> {
        self.call(Some(content), |component, store| {
            component.consign_image_lookup().call_resolve(store, subject, options)
        })
    }

    /// What `input` points at first, unread.
    pub fn locate(
        &self,
        content: Arc<dyn Content>,
        input: &str,
        rules: Rules,
    ) -> Result<Result<Located, ResolveError>, SandboxError> {
        self.call(Some(content), |component, store| {
            component.consign_image_lookup().call_locate(store, input, rules)
        })
    }
}
