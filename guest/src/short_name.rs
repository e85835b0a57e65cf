//! Short names: those without a registry, and what they can mean (containers/image, pkg/shortnames).
//!
//! | candidates, in order | to be pulled | to be found here |
//! | --- | --- | --- |
//! | has a registry | itself | itself |
//! | only docker.io counts | docker.io | docker.io |
//! | has an alias | the alias | the alias, `localhost`, the search registries |
//! | anything else | the search registries | `localhost`, the search registries |
//!
//! Everything is read by the grammar that containers/image keeps, `Rules::Podman`.

mod check;
#[cfg(test)]
mod tests;

pub use check::check;

use crate::name;
use crate::prelude::*;
use crate::types::{ImageName, Rules};
use crate::wit::exports::consign::image::references::{Reading, Reference};
use crate::wit::exports::consign::image::short_names::{
    Completion, Configuration, Mode, Purpose, Rationale, ShortNameError as Error, Unreadable,
};

/// The registry of images that were made here.
pub const LOCALHOST: &str = "localhost";
const HUB: &str = "docker.io";

/// Whether a domain is a registry's. What is written before the first `/` need not be.
pub fn is_registry(domain: &str) -> bool {
    domain.contains(['.', ':']) || domain == LOCALHOST
}

/// Reads a name with nothing filled in.
pub fn as_written(text: &str) -> Result<ImageName, Unreadable> {
    named(text, Reading::AsWritten)
}

/// Reads a name with `docker.io/library/` filled in.
pub fn normalized(text: &str) -> Result<ImageName, Unreadable> {
    named(text, Reading::Normalized)
}

/// These readings answer with names only.
fn named(text: &str, reading: Reading) -> Result<ImageName, Unreadable> {
    let (offset, expected) = match name::parse(text, reading, Rules::Podman) {
        Ok(Reference::Named(name)) => return Ok(name),
        Ok(Reference::Digest(_)) => (0, "a name".to_owned()),
        Err(error) => (error.offset, error.expected),
    };
    Err(Unreadable { text: text.to_owned(), offset, expected })
}

/// The name in full.
pub fn written(name: &ImageName) -> String {
    name::format(&Reference::Named(name.clone()))
}

/// Whether the name lacks a registry.
pub fn is_short(text: &str) -> bool {
    as_written(text).is_ok_and(|name| !is_registry(&name.domain))
}

/// The names in full that a name can mean.
pub fn complete(
    text: &str,
    purpose: Purpose,
    docker_hub: bool,
    configuration: &Configuration,
) -> Result<Completion, Error> {
    let short = as_written(text).map_err(Error::Unreadable)?;
    let repository = written(&name::trim(short.clone()));
    let answer = |candidates: Vec<ImageName>, rationale| {
        let candidates = candidates.into_iter().map(name::tag_name_only).collect();
        Ok(Completion { candidates, rationale, repository: repository.clone() })
    };
    if is_registry(&short.domain) {
        return answer(vec![normalized(text).map_err(Error::Unreadable)?], Rationale::Qualified);
    }
    if docker_hub {
        let name = match purpose {
            Purpose::Pull => normalized(text).map_err(Error::Unreadable)?,
            Purpose::Local => in_registry(HUB, text)?,
        };
        return answer(vec![name], Rationale::DockerHub);
    }
    let mut candidates = Vec::new();
    if let Some(value) = alias(configuration, &repository) {
        let name = normalized(value).map_err(Error::Unreadable)?;
        let digest = short.digest.clone();
        candidates.push(ImageName { tag: short.tag.clone(), digest, ..name });
    }
    let rationale = if candidates.is_empty() { Rationale::Search } else { Rationale::Alias };
    if purpose == Purpose::Local {
        candidates.push(in_registry(LOCALHOST, text)?);
    } else if !candidates.is_empty() {
        return answer(candidates, rationale);
    }
    for registry in &configuration.search_registries {
        candidates.push(in_registry(without_slashes(registry), text)?);
    }
    match (purpose, configuration.mode, candidates.len()) {
        (Purpose::Pull, _, 0) => Err(Error::NoRegistries),
        (Purpose::Pull, Mode::Enforcing, 2..) => {
            Err(Error::Ambiguous(candidates.into_iter().map(name::tag_name_only).collect()))
        }
        _ => answer(candidates, rationale),
    }
}

/// The repository that a short name stands for.
fn alias<'a>(configuration: &'a Configuration, name: &str) -> Option<&'a str> {
    let last = configuration.aliases.iter().rev().find(|(known, _)| known == name);
    last.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
}

fn in_registry(registry: &str, text: &str) -> Result<ImageName, Error> {
    normalized(&format!("{registry}/{text}")).map_err(Error::Unreadable)
}

/// A registry as configurations may have it, without the slashes after it.
fn without_slashes(registry: &str) -> &str {
    registry.trim_end_matches('/')
}
