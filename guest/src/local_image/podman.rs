//! Podman's order since 2.2 (libimage, `Runtime.LookupImage`).

use super::{Attempt, Attempted, Criteria, FindError, Match, Narrowing, Search, id_prefix, matched};
use crate::name::{self, is_identifier};
use crate::podman_name::strip_sha256;
use crate::prelude::*;
use crate::short_name::{as_written, complete, is_short, written};
use crate::transport_name;
use crate::types::{ImageName, Rules};
use crate::wit::exports::consign::image::references::{Reading, Reference};
use crate::wit::exports::consign::image::short_names::{Purpose, ShortNameError, Unreadable};

/// The name without the tag that stands beside a digest.
fn read(text: &str) -> Result<ImageName, FindError> {
    let name = as_written(text).map_err(FindError::Unreadable)?;
    Ok(if name.digest.is_some() { ImageName { tag: None, ..name } } else { name })
}

/// The names it can mean, in order.
fn candidates(text: &str, criteria: &Criteria) -> Result<Vec<ImageName>, Unreadable> {
    let mut candidates = match complete(text, Purpose::Local, false, &criteria.configuration) {
        Ok(completion) => completion.candidates,
        Err(ShortNameError::Unreadable(error)) => return Err(error),
        // What is here has `localhost` to be in, and everything here may be meant.
        Err(ShortNameError::NoRegistries | ShortNameError::Ambiguous(_)) => Vec::new(),
    };
    if let Ok(Reference::Named(name)) = name::parse(text, Reading::Docker, Rules::Podman) {
        candidates.push(name);
    }
    let mut seen = Vec::new();
    candidates.retain(|name| {
        let new = !seen.contains(name);
        seen.push(name.clone());
        new
    });
    Ok(candidates)
}

pub fn find(text: &str, search: &mut Search<'_>, criteria: &Criteria) -> Result<Match, FindError> {
    if let Ok(image) = transport_name::parse(text, None) {
        return Err(FindError::Transport(image.transport));
    }
    let name = read(text)?;
    let text = written(&name);
    let id = strip_sha256(&text);
    if text.starts_with("sha256:") && !is_identifier(id) {
        return Err(FindError::NotAnId(text));
    }
    if is_identifier(id) {
        return match search.any(id) {
            Some(position) => Ok(matched(position, None, text)),
            None => Err(search.nothing(&text)),
        };
    }
    for candidate in candidates(&text, criteria).map_err(FindError::UnreadableInFull)? {
        if let Some(position) = by_name(search, &candidate) {
            let resolved = written(&candidate);
            return Ok(matched(position, Some(candidate), resolved));
        }
    }
    // An ID comes after every name, and whoever gives one knows what it is for.
    if let Some(position) = search.any(&text)
        && (search.stored.id(position).starts_with(&text) || search.stored.other_platform(position).is_none())
    {
        return Ok(matched(position, None, text));
    }
    if !is_short(&text) {
        return Err(search.nothing(&text));
    }
    match by_suffix(search, &name) {
        Some((position, found)) => {
            let resolved = written(&found);
            Ok(matched(position, Some(found), resolved))
        }
        None => Err(search.nothing(&text)),
    }
}

/// The image of this name, if it is for the platform.
fn by_name(search: &mut Search<'_>, name: &ImageName) -> Option<usize> {
    let found = search.stored.named(name);
    let other = found.and_then(|position| search.stored.other_platform(position));
    let attempt = Attempt::Name(written(name));
    match other {
        Some(platform) => {
            search.tried.push((attempt, Attempted::OtherPlatform(platform.to_owned())));
            None
        }
        None => {
            search.told(attempt, found);
            found
        }
    }
}

/// The first image, by its first such name, whose repository ends in this one's components.
fn by_suffix(search: &mut Search<'_>, name: &ImageName) -> Option<(usize, ImageName)> {
    let name = name::tag_name_only(name.clone());
    let suffix = written(&name::trim(name.clone()));
    let images = search.stored.images;
    let found = images.iter().find_map(|image| {
        let known = image.names.iter().filter_map(|known| as_written(known).ok()).find(|known| {
            let tagged = name.digest.is_some() || known.tag == name.tag;
            let repository = written(&name::trim(known.clone()));
            let ends = repository.strip_suffix(&suffix);
            tagged && ends.is_some_and(|before| before.is_empty() || before.ends_with('/'))
        })?;
        // A digest alone is no tag, and a name without either is `latest`.
        let position = search.stored.named(&name::tag_name_only(known.clone()))?;
        if search.stored.other_platform(position).is_some() {
            return None;
        }
        let Some(digest) = &name.digest else { return Some((position, known)) };
        let has = images.get(position).is_some_and(|image| image.digests.contains(digest));
        let canonical = ImageName { tag: None, digest: Some(digest.clone()), ..known };
        has.then_some((position, canonical))
    });
    search.told(Attempt::Suffix(written(&name)), found.as_ref().map(|(position, _)| *position));
    found
}

pub fn narrow(text: &str, criteria: &Criteria) -> Narrowing {
    let mut narrowing = Narrowing {
        id_prefix: None,
        names: Vec::new(),
        suffix: None,
        tag: None,
        digest: None,
        digested: false,
    };
    let Ok(name) = read(text) else { return narrowing };
    let text = written(&name);
    narrowing.id_prefix = id_prefix(strip_sha256(&text));
    narrowing.names = candidates(&text, criteria).unwrap_or_default();
    if is_short(&text) {
        let name = name::tag_name_only(name);
        narrowing.suffix = Some(written(&name::trim(name.clone())));
        (narrowing.tag, narrowing.digest) = (name.tag, name.digest);
    }
    narrowing
}
