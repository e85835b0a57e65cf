//! Of an image's names: which is meant, what they are of, what it is saved under.

use alloc::collections::BTreeMap;

use super::{decompose, last_component};
use crate::name::{self, DEFAULT_TAG};
use crate::prelude::*;
use crate::short_name::{LOCALHOST, normalized, written};
use crate::wit::exports::consign::image::podman_names::{MatchError, Repository};
use crate::wit::exports::consign::image::short_names::Unreadable;

/// What there is where there are no names.
const NONE: &str = "<none>";

/// Which of the names is meant: a point each for the registry, the repository or its last component, and the
/// tag; the most points win, if there is one point at all and nobody else has as many.
pub fn match_repo_tag(text: &str, names: &[String]) -> Result<String, MatchError> {
    if names.iter().any(|name| name == text) {
        return Ok(text.to_owned());
    }
    let parts = |text: &str| decompose(text).map_err(MatchError::Unreadable);
    let wanted = parts(text)?;
    let mut best: Vec<String> = Vec::new();
    let mut most = 0;
    for name in names {
        let found = parts(name)?;
        let registry = found.registry == wanted.registry && !wanted.registry.is_empty();
        let repository = found.repository == wanted.repository
            || last_component(&found.repository) == last_component(&wanted.repository);
        let points = u32::from(registry) + u32::from(repository) + u32::from(found.tag == wanted.tag);
        if points > most {
            best.clear();
            most = points;
        }
        if points == most && points > 0 {
            best.push(name.clone());
        }
    }
    match best.len() {
        0 => Err(MatchError::NotFound),
        1 => Ok(best.swap_remove(0)),
        _ => Err(MatchError::Ambiguous(best)),
    }
}

/// The names' repositories with their tags or digests.
pub fn repositories(names: &[String]) -> Result<Vec<Repository>, Unreadable> {
    let mut repositories: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for text in names {
        let name = normalized(text)?;
        let reference = name.tag.clone().or_else(|| name.digest.clone()).unwrap_or_default();
        repositories.entry(written(&name::trim(name))).or_default().push(reference);
    }
    if repositories.is_empty() {
        repositories.insert(NONE.to_owned(), vec![NONE.to_owned()]);
    }
    Ok(repositories.into_iter().map(|(name, references)| Repository { name, references }).collect())
}

/// What an image is called in an archive: as the user named it, of `localhost` where it was found there.
pub fn save_name(id: &str, names: &[String], text: &str) -> Option<String> {
    if id.contains(text) {
        return None;
    }
    let local = |text: &str| text.strip_prefix(LOCALHOST).is_some_and(|rest| rest.starts_with('/'));
    let latest = format!("{text}:{DEFAULT_TAG}");
    let found_there = !local(text)
        && names.iter().any(|name| local(name) && (name.ends_with(text) || name.ends_with(&latest)));
    Some(if found_there { format!("{LOCALHOST}/{text}") } else { text.to_owned() })
}
