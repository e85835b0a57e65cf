//! `consign:image/platforms`.

use super::{Sandbox, SandboxError};
use crate::types::Platform;
use crate::types::platforms::{Matcher, PlatformError};

impl Sandbox {
    /// Reads a platform string; what it leaves out is taken from the host.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn parse_platform(
        &self,
        specifier: &str,
        host: &Platform,
    ) -> Result<Result<Platform, PlatformError>, SandboxError> {
        self.call(None, |component, store| {
            component.consign_image_platforms().call_parse(store, specifier, host)
        })
    }

    /// The canonical form of a platform.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn normalize_platform(&self, platform: &Platform, host_os: &str) -> Result<Platform, SandboxError> {
        self.call(None, |component, store| {
            component.consign_image_platforms().call_normalize(store, platform, host_os)
        })
    }

    /// `os/architecture/variant`.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn format_platform(&self, platform: &Platform) -> Result<String, SandboxError> {
        self.call(None, |component, store| component.consign_image_platforms().call_format(store, platform))
    }

    /// `os(version+feature)/architecture/variant`.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn format_platform_all(&self, platform: &Platform) -> Result<String, SandboxError> {
        self.call(None, |component, store| {
            component.consign_image_platforms().call_format_all(store, platform)
        })
    }

    /// Whether the candidate is accepted.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn platform_matches(
        &self,
        matcher: &Matcher,
        candidate: &Platform,
        host_os: &str,
    ) -> Result<bool, SandboxError> {
        self.call(None, |component, store| {
            component.consign_image_platforms().call_matches(store, matcher, candidate, host_os)
        })
    }

    /// Positions of all candidates, preferred ones first; each is less than `candidates.len()`.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn order_platforms(
        &self,
        matcher: &Matcher,
        candidates: &[Platform],
        host_os: &str,
    ) -> Result<Vec<u32>, SandboxError> {
        self.call(None, |component, store| {
            component.consign_image_platforms().call_order(store, matcher, candidates, host_os)
        })
    }
}
