//! `consign:image/registries`.

use super::{Sandbox, SandboxError};
use crate::types::registries::{AnswerError, Challenge, RegistryProblem, Span, TagPage, Token, Url};

impl Sandbox {
    /// The ways to authenticate that `WWW-Authenticate` headers offer, in order.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn challenges(&self, headers: &[String]) -> Result<Vec<Challenge>, SandboxError> {
        self.call_sources(|component, store| {
            component.consign_image_registries().call_challenges(store, headers)
        })
    }

    /// Reads a token server's answer.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn read_token(&self, bytes: &[u8]) -> Result<Result<Token, AnswerError>, SandboxError> {
        self.call_sources(|component, store| {
            component.consign_image_registries().call_read_token(store, bytes)
        })
    }

    /// Reads a page of a repository's tags.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn read_tags(&self, bytes: &[u8]) -> Result<Result<TagPage, AnswerError>, SandboxError> {
        self.call_sources(|component, store| {
            component.consign_image_registries().call_read_tags(store, bytes)
        })
    }

    /// The errors in the body of a refusal.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn read_problems(&self, bytes: &[u8]) -> Result<Vec<RegistryProblem>, SandboxError> {
        self.call_sources(|component, store| {
            component.consign_image_registries().call_read_problems(store, bytes)
        })
    }

    /// Where a URL, or what is relative to one, leads.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn locate_url(&self, base: &str, reference: &str) -> Result<Option<Url>, SandboxError> {
        self.call_sources(|component, store| {
            component.consign_image_registries().call_locate(store, base, reference)
        })
    }

    /// The next page that `Link` headers tell of.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn next_page(&self, base: &str, links: &[String]) -> Result<Option<Url>, SandboxError> {
        self.call_sources(|component, store| {
            component.consign_image_registries().call_next_page(store, base, links)
        })
    }

    /// Reads a `Content-Range`, or the `Range` of an upload.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn read_range(&self, header: &str) -> Result<Option<Span>, SandboxError> {
        self.call_sources(|component, store| {
            component.consign_image_registries().call_read_range(store, header)
        })
    }

    /// Reads a date of HTTP: seconds since 1970.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn read_date(&self, header: &str) -> Result<Option<u64>, SandboxError> {
        self.call_sources(|component, store| {
            component.consign_image_registries().call_read_date(store, header)
        })
    }
}
