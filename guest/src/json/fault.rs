//! Building errors, and naming the member they are in on the way out.

use crate::prelude::*;
use crate::wit::exports::consign::image::manifests::{ManifestError, ManifestProblem};

/// Boxed: the good case should not carry the space for the bad one.
pub(crate) type Result<T> = core::result::Result<T, Box<ManifestError>>;

/// Bytes of a text from a document that an error repeats.
const SHOWN: usize = 100;

/// A problem at a byte.
pub(crate) fn problem(at: usize, problem: ManifestProblem) -> Box<ManifestError> {
    Box::new(ManifestError { offset: at as u64, problem })
}

/// A member has a value it cannot have.
pub(crate) fn invalid(
    at: usize,
    name: &str,
    wanted: impl Into<String>,
    found: impl Into<String>,
) -> Box<ManifestError> {
    problem(at, ManifestProblem::Invalid((name.into(), wanted.into(), found.into())))
}

/// A member is absent that must be there.
pub(crate) fn missing(at: usize, name: &str) -> Box<ManifestError> {
    problem(at, ManifestProblem::Missing(name.into()))
}

/// A limit was passed.
pub(crate) fn too_large(at: usize, what: &str, limit: usize, found: usize) -> Box<ManifestError> {
    problem(at, ManifestProblem::TooLarge((what.into(), limit as u64, found as u64)))
}

/// The text, cut to a length fit for an error, control characters escaped.
pub(crate) fn shown(text: &str) -> String {
    shown_up_to(text, SHOWN)
}

/// The same, cut after this many bytes or a few more.
pub(crate) fn shown_up_to(text: &str, bytes: usize) -> String {
    let mut shown = String::new();
    for character in text.chars() {
        if shown.len() >= bytes {
            shown.push('…');
            break;
        }
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

impl ManifestError {
    /// The same error, in a member of this name: `size` becomes `config.size`.
    pub(crate) fn within(mut self: Box<Self>, name: &str) -> Box<Self> {
        if let Some(inner) = self.name() {
            let name = shown(name);
            *inner = match inner.as_bytes().first() {
                None => name,
                Some(b'[') => format!("{name}{inner}"),
                Some(_) => format!("{name}.{inner}"),
            };
        }
        self
    }

    /// The same error, in an element of an array: `size` becomes `[3].size`.
    pub(crate) fn within_element(mut self: Box<Self>, position: usize) -> Box<Self> {
        if let Some(inner) = self.name() {
            let dot = if inner.is_empty() || inner.starts_with('[') { "" } else { "." };
            *inner = format!("[{position}]{dot}{inner}");
        }
        self
    }

    fn name(&mut self) -> Option<&mut String> {
        match &mut self.problem {
            ManifestProblem::Missing(name)
            | ManifestProblem::Invalid((name, _, _))
            | ManifestProblem::Duplicate(name) => Some(name),
            _ => None,
        }
    }
}
