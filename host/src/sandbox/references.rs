//! `consign:image/references`.

use super::{Sandbox, SandboxError};
use crate::types::references::{PatternError, Reading, Reference, ReferenceError};
use crate::types::{ImageName, Rules};

impl Sandbox {
    /// Reads a reference.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn parse_reference(
        &self,
        text: &str,
        reading: Reading,
        rules: Rules,
    ) -> Result<Result<Reference, ReferenceError>, SandboxError> {
        self.call(None, |component, store| {
            component.consign_image_references().call_parse(store, text, reading, rules)
        })
    }

    /// The whole reference: `domain/path:tag@digest`, or the digest.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn format_reference(&self, reference: &Reference) -> Result<String, SandboxError> {
        self.call(None, |component, store| component.consign_image_references().call_format(store, reference))
    }

    /// The name without tag and digest, as people write it.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn familiar_name(&self, name: &ImageName) -> Result<String, SandboxError> {
        self.call(None, |component, store| {
            component.consign_image_references().call_familiar_name(store, name)
        })
    }

    /// The whole reference with its name in the familiar form.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn familiar_string(&self, reference: &Reference) -> Result<String, SandboxError> {
        self.call(None, |component, store| {
            component.consign_image_references().call_familiar_string(store, reference)
        })
    }

    /// The name without tag and digest.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn trim_name(&self, name: &ImageName) -> Result<ImageName, SandboxError> {
        self.call(None, |component, store| component.consign_image_references().call_trim(store, name))
    }

    /// The name with the tag `latest` if it has neither a tag nor a digest.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn tag_name_only(&self, name: &ImageName) -> Result<ImageName, SandboxError> {
        self.call(None, |component, store| {
            component.consign_image_references().call_tag_name_only(store, name)
        })
    }

    /// A name from its text alone, with nothing filled in.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn with_name(
        &self,
        text: &str,
        rules: Rules,
    ) -> Result<Result<ImageName, ReferenceError>, SandboxError> {
        self.call(None, |component, store| {
            component.consign_image_references().call_with_name(store, text, rules)
        })
    }

    /// The name with this tag in place of its own; a digest stays.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn with_tag(
        &self,
        name: &ImageName,
        tag: &str,
    ) -> Result<Result<ImageName, ReferenceError>, SandboxError> {
        self.call(None, |component, store| {
            component.consign_image_references().call_with_tag(store, name, tag)
        })
    }

    /// The name with this digest in place of its own; a tag stays.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn with_digest(
        &self,
        name: &ImageName,
        digest: &str,
    ) -> Result<Result<ImageName, ReferenceError>, SandboxError> {
        self.call(None, |component, store| {
            component.consign_image_references().call_with_digest(store, name, digest)
        })
    }

    /// Whether a shell pattern matches the familiar string or the familiar name.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn familiar_match(
        &self,
        pattern: &str,
        reference: &Reference,
    ) -> Result<Result<bool, PatternError>, SandboxError> {
        self.call(None, |component, store| {
            component.consign_image_references().call_familiar_match(store, pattern, reference)
        })
    }

    /// The references in canonical form and in order; what is no reference follows as it came.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the component did not answer, which says
    /// nothing about what was asked.
    pub fn sort_references(&self, texts: &[String]) -> Result<Vec<String>, SandboxError> {
        self.call(None, |component, store| component.consign_image_references().call_sort(store, texts))
    }
}
