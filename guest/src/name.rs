//! References: reading, and the forms they are written in (distribution/reference).
//!
//! The rules in one table, for what stands before the first `/` of a text read as people write names:
//!
//! | text | domain | path |
//! | --- | --- | --- |
//! | no `/` | `docker.io` | `library/` + text |
//! | `localhost` | it | rest |
//! | `index.docker.io` | `docker.io` | rest, with `library/` where it has no `/` |
//! | has `.` or `:` | it | rest; for `docker.io` with `library/` where it has no `/` |
//! | has an upper-case letter | it (`docker` rules only) | rest |
//! | anything else | `docker.io` | whole text |

mod build;
mod grammar;
mod order;
mod pattern;

pub use build::{tag_name_only, trim, with_digest, with_name, with_tag};
pub use order::sort;
pub use pattern::familiar_match;

use crate::digest::{self, saturating};
use crate::lower_case;
use crate::prelude::*;
use crate::types::{ImageName, Rules};
use crate::wit::exports::consign::image::references::{
    Reading, Reference, ReferenceError, ReferenceProblem as Problem,
};
use grammar::{Fault, Parts};

const HUB: &str = "docker.io";
const LEGACY_HUB: &str = "index.docker.io";
const OFFICIAL: &str = "library/";
/// The tag a name without one is given.
pub const DEFAULT_TAG: &str = "latest";
/// Bytes a repository name may have.
const NAME_MAX: usize = 255;

/// Reads a reference.
pub fn parse(text: &str, reading: Reading, rules: Rules) -> Result<Reference, ReferenceError> {
    match reading {
        Reading::AsWritten => as_written(text, rules),
        Reading::Normalized => normalized(text, rules),
        Reading::Any if is_identifier(text) => return Ok(Reference::Digest(format!("sha256:{text}"))),
        Reading::Any => match digest::check(text) {
            Ok(_) => return Ok(Reference::Digest(text.to_owned())),
            Err(_) => normalized(text, rules),
        },
        Reading::Docker => normalized(text, rules).map(|mut name| {
            if name.digest.is_some() {
                name.tag = None;
            }
            tag_name_only(name)
        }),
        Reading::Canonical => normalized(text, rules).and_then(|name| {
            let canonical = write(&name.domain, &name.path, &name);
            if canonical == text {
                return Ok(name);
            }
            let same = text.bytes().zip(canonical.bytes()).take_while(|(a, b)| a == b).count();
            let expected = format!("the name in full, `{canonical}`");
            Err(error(same, Problem::NotCanonical(canonical), &expected))
        }),
    }
    .map(Reference::Named)
}

/// Whether the text is 64 lower-case hexadecimal digits, as image IDs are.
pub fn is_identifier(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(digest::is_lower_hex)
}

/// Whether the text is a host, with or without a port.
pub fn is_domain(text: &str, rules: Rules) -> bool {
    grammar::domain(text.as_bytes(), rules).is_ok()
}

/// Whether the text is a tag.
pub fn is_tag(text: &str) -> bool {
    grammar::tag(text).is_ok()
}

/// The reference in full.
pub fn format(reference: &Reference) -> String {
    match reference {
        Reference::Named(name) => write(&name.domain, &name.path, name),
        Reference::Digest(digest) => digest.clone(),
    }
}

/// The name without tag and digest, as people write it.
pub fn familiar_name(name: &ImageName) -> String {
    let (domain, path) = familiar(name);
    joined(domain, path, 0)
}

/// The reference with its name in the familiar form.
pub fn familiar_string(reference: &Reference) -> String {
    match reference {
        Reference::Named(name) => {
            let (domain, path) = familiar(name);
            write(domain, path, name)
        }
        Reference::Digest(digest) => digest.clone(),
    }
}

/// The grammar alone.
fn as_written(text: &str, rules: Rules) -> Result<ImageName, ReferenceError> {
    if text.is_empty() {
        return Err(error(0, Problem::Empty, "a repository name"));
    }
    match grammar::reference(text, rules) {
        Ok(parts) => name("", parts, path_start(&parts), rules),
        Err(fault) => {
            let is_name_in_lower_case = grammar::reference(&lower_case(text), rules).is_ok();
            Err(explained(text, fault, is_name_in_lower_case))
        }
    }
}

/// Whose repository a text names, and from which byte on the text is its path.
enum Whose {
    /// The Hub's; `official` where `library/` is to be put in front of the path.
    Hub { start: usize, official: bool },
    /// That of the domain the text starts with; its path starts at the byte given.
    Own { start: usize },
}

fn whose(text: &str, rules: Rules) -> Whose {
    let Some((first, rest)) = text.split_once('/') else {
        return Whose::Hub { start: 0, official: true };
    };
    let start = first.len() + 1;
    let official = !rest.contains('/');
    match first {
        HUB | LEGACY_HUB => Whose::Hub { start, official },
        "localhost" => Whose::Own { start },
        _ if first.bytes().any(|byte| byte == b'.' || byte == b':') => Whose::Own { start },
        _ if rules == Rules::Docker && uppercase(first).is_some() => Whose::Own { start },
        _ => Whose::Hub { start: 0, official: false },
    }
}

/// A name as people write it.
fn normalized(text: &str, rules: Rules) -> Result<ImageName, ReferenceError> {
    if is_identifier(text) {
        return Err(error(0, Problem::Identifier, "a repository name that cannot be an image ID"));
    }
    let whose = whose(text, rules);
    let (start, official) = match whose {
        Whose::Hub { start, official } => (start, if official { OFFICIAL } else { "" }),
        Whose::Own { start } => (start, ""),
    };
    // Up to the tag; a digest counts as part of it, which is how the peers word the error.
    let path = text[start..].split(':').next().unwrap_or_default();
    if let Some(at) = uppercase(path) {
        let problem = Problem::UppercasePath(format!("{official}{path}"));
        return Err(error(start + at, problem, "a lower-case repository path"));
    }
    let parts = match whose {
        Whose::Hub { .. } => grammar::remote(text, start),
        Whose::Own { .. } => grammar::reference(text, rules),
    };
    match parts {
        Ok(parts) if matches!(whose, Whose::Hub { .. }) => {
            name(official, Parts { domain: HUB, ..parts }, start, rules)
        }
        // A first component with a dot need not be a host: in `a_b.c/d` it is part of the path.
        Ok(parts) => name("", parts, path_start(&parts), rules),
        Err(fault) => {
            let lower = lower_case(
                &text[match whose {
                    Whose::Hub { start, .. } => start,
                    Whose::Own { .. } => 0,
                }..],
            );
            let in_lower_case = match whose {
                Whose::Hub { .. } => grammar::remote(&lower, 0),
                Whose::Own { .. } => grammar::reference(&lower, rules),
            };
            Err(explained(text, fault, in_lower_case.is_ok()))
        }
    }
}

/// Where the path starts in a text that was read whole.
fn path_start(parts: &Parts) -> usize {
    if parts.domain.is_empty() { 0 } else { parts.domain.len() + 1 }
}

/// The parts as a name, once they are known to follow the grammar.
fn name(official: &str, parts: Parts, start: usize, rules: Rules) -> Result<ImageName, ReferenceError> {
    let Parts { domain, path, tag, digest } = parts;
    check_length(domain, official.len() + path.len(), start, rules)?;
    if let Some(digest) = digest
        && let Err(wrong) = digest::check(digest)
    {
        // The digest is what the text ends with.
        let before = start + path.len() + tag.map_or(0, |tag| tag.len() + 1) + 1;
        return Err(error(before + wrong.offset as usize, Problem::Digest(wrong.problem), &wrong.expected));
    }
    let mut whole = String::with_capacity(official.len() + path.len());
    whole.push_str(official);
    whole.push_str(path);
    Ok(ImageName {
        domain: domain.to_owned(),
        path: whole,
        tag: tag.map(str::to_owned),
        digest: digest.map(str::to_owned),
    })
}

/// Docker's rules count the path alone, Podman's the domain too. `start` is where the path starts in the text.
fn check_length(domain: &str, path: usize, start: usize, rules: Rules) -> Result<(), ReferenceError> {
    let length = match rules {
        Rules::Podman if !domain.is_empty() => domain.len() + 1 + path,
        _ => path,
    };
    if length <= NAME_MAX {
        return Ok(());
    }
    let found = (NAME_MAX as u32, saturating(length));
    Err(error(start, Problem::TooLong(found), "a repository name of at most 255 bytes"))
}

/// What to leave out of a name for people.
fn familiar(name: &ImageName) -> (&str, &str) {
    if name.domain != HUB {
        return (&name.domain, &name.path);
    }
    match name.path.strip_prefix(OFFICIAL) {
        Some(rest) if !rest.contains('/') => ("", rest),
        _ => ("", &name.path),
    }
}

fn write(domain: &str, path: &str, name: &ImageName) -> String {
    let more = name.tag.as_ref().map_or(0, |tag| tag.len() + 1)
        + name.digest.as_ref().map_or(0, |digest| digest.len() + 1);
    let mut text = joined(domain, path, more);
    if let Some(tag) = &name.tag {
        text.push(':');
        text.push_str(tag);
    }
    if let Some(digest) = &name.digest {
        text.push('@');
        text.push_str(digest);
    }
    text
}

/// `domain/path`, with room for as many bytes more.
fn joined(domain: &str, path: &str, more: usize) -> String {
    let mut text = String::with_capacity(domain.len() + 1 + path.len() + more);
    if !domain.is_empty() {
        text.push_str(domain);
        text.push('/');
    }
    text.push_str(path);
    text
}

/// The byte offset of the first character that has a lower case of its own.
fn uppercase(text: &str) -> Option<usize> {
    text.char_indices().find(|(_, char)| is_upper(*char)).map(|(at, _)| at)
}

fn is_upper(char: char) -> bool {
    lower_case::lower(char) != char
}

/// The text in lower case as far as the grammar can tell: besides A to Z there are two characters outside
/// ASCII whose lower case is in it.
fn lower_case(text: &str) -> String {
    text.chars()
        .map(|char| match char {
            '\u{130}' => 'i',
            '\u{212a}' => 'k',
            _ => char.to_ascii_lowercase(),
        })
        .collect()
}

/// A grammar fault as an error. `lower_case_fits`: whether the text in lower case would have been a reference.
fn explained(text: &str, fault: Fault, lower_case_fits: bool) -> ReferenceError {
    let found = text.get(fault.offset..).and_then(|rest| rest.chars().next());
    let problem = if lower_case_fits { Problem::Uppercase(found) } else { Problem::Unexpected(found) };
    error(fault.offset, problem, fault.expected)
}

fn error(offset: usize, problem: Problem, expected: &str) -> ReferenceError {
    ReferenceError { offset: saturating(offset), problem, expected: expected.to_owned() }
}

#[cfg(test)]
mod tests;
