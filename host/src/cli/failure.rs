//! What a failed command tells the shell and the person.

use std::fmt;

use consign::content::ContentError;
use consign::resolve::ResolveError;

use super::output;

/// Exit codes, as documented in the README.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Code {
    /// A definite no: not found, no such platform, corruption found.
    No = 1,
    /// It could not be told: usage, input or output, a document that cannot be read.
    Unknown = 2,
}

/// An error that knows its exit code, and what there is to do about it.
#[derive(Debug)]
pub struct Failure {
    pub code: Code,
    pub message: String,
    pub hint: Option<String>,
}

impl Failure {
    /// A definite no.
    pub fn no(message: impl Into<String>) -> Self {
        Failure { code: Code::No, message: message.into(), hint: None }
    }

    /// Something that cannot be done as asked.
    pub fn usage(message: impl Into<String>) -> Self {
        Failure { code: Code::Unknown, message: message.into(), hint: None }
    }

    /// With a hint at what there is to do.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// Prints the error and answers its exit code.
pub fn report(error: &anyhow::Error) -> u8 {
    output::note(&format!("consign: {}", output::printable(&format!("{error:#}"))));
    let failure = error.chain().find_map(|cause| cause.downcast_ref::<Failure>());
    if let Some(hint) = failure.and_then(|failure| failure.hint.as_deref()) {
        output::note(&format!("hint: {hint}"));
    }
    code(error) as u8
}

fn code(error: &anyhow::Error) -> Code {
    for cause in error.chain() {
        if let Some(failure) = cause.downcast_ref::<Failure>() {
            return failure.code;
        }
        if let Some(error) = cause.downcast_ref::<ResolveError>() {
            return if error.is_no() { Code::No } else { Code::Unknown };
        }
        if let Some(ContentError::Corrupt { .. }) = cause.downcast_ref::<ContentError>() {
            return Code::No;
        }
    }
    Code::Unknown
}
