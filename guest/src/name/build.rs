//! Names made from names.

use super::{DEFAULT_TAG, Fault, Parts, Problem, check_length, error, explained, grammar};
use crate::prelude::*;
use crate::types::{ImageName, Rules};
use crate::wit::exports::consign::image::references::ReferenceError;

/// The name without tag and digest.
pub fn trim(name: ImageName) -> ImageName {
    ImageName { tag: None, digest: None, ..name }
}

/// The name with the tag `latest` if it has neither a tag nor a digest.
pub fn tag_name_only(mut name: ImageName) -> ImageName {
    if name.tag.is_none() && name.digest.is_none() {
        name.tag = Some(DEFAULT_TAG.to_owned());
    }
    name
}

/// A name from its text alone, with nothing filled in.
pub fn with_name(text: &str, rules: Rules) -> Result<ImageName, ReferenceError> {
    if rules == Rules::Podman {
        check_length("", text.len(), 0, rules)?;
    }
    let Parts { domain, path, tag, digest } =
        grammar::reference(text, rules).map_err(|fault| explained(text, fault, false))?;
    if tag.is_some() || digest.is_some() {
        // The first `:` that is not the domain's, or the `@`, follows the path.
        let offset = if domain.is_empty() { path.len() } else { domain.len() + 1 + path.len() };
        let expected = "a lower-case letter or digit, `.`, `_`, `-`, `/` or the end";
        return Err(explained(text, Fault { offset, expected }, false));
    }
    check_length(domain, path.len(), text.len() - path.len(), rules)?;
    Ok(ImageName { domain: domain.to_owned(), path: path.to_owned(), tag: None, digest: None })
}

/// The name with this tag in place of its own.
pub fn with_tag(name: ImageName, tag: String) -> Result<ImageName, ReferenceError> {
    match grammar::tag(&tag) {
        Ok(()) => Ok(ImageName { tag: Some(tag), ..name }),
        Err(fault) => Err(error(fault.offset, Problem::InvalidTag(found(&tag, fault)), fault.expected)),
    }
}

/// The name with this digest in place of its own.
pub fn with_digest(name: ImageName, digest: String) -> Result<ImageName, ReferenceError> {
    match grammar::digest(&digest) {
        Ok(()) => Ok(ImageName { digest: Some(digest), ..name }),
        Err(fault) => Err(error(fault.offset, Problem::InvalidDigest(found(&digest, fault)), fault.expected)),
    }
}

fn found(text: &str, fault: Fault) -> Option<char> {
    text.get(fault.offset..).and_then(|rest| rest.chars().next())
}
