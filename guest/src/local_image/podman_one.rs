//! Podman's order before 2.2 (libpod/image, `Image.getLocalImage`).

use super::{Attempt, Attempted, FindError, Match, Narrowing, Search, id_prefix, matched};
use crate::podman_name::{NO_TAG, decompose, in_full, strip_sha256};
use crate::prelude::*;
use crate::short_name::{as_written, normalized, written};
use crate::transport_name;
use crate::types::ImageName;
use crate::wit::exports::consign::image::podman_names::Parts;

use super::stored::{Looked, has_repository};

/// The input, or the name of an image that is of a transport.
fn without_transport(text: &str) -> String {
    match transport_name::parse(text, None) {
        Ok(image) if !image.unknown_digest => image.name.as_ref().map_or_else(|| text.to_owned(), written),
        _ => text.to_owned(),
    }
}

pub fn find(text: &str, search: &mut Search<'_>) -> Result<Match, FindError> {
    let text = without_transport(text);
    if text.is_empty() {
        return Err(as_written(&text).err().map_or(FindError::NotFound(text), FindError::Unreadable));
    }
    if let Some((position, name)) = image(search, strip_sha256(&text)) {
        return Ok(matched(position, name, text));
    }
    let parts = decompose(&text).map_err(FindError::Unreadable)?;
    if parts.has_registry {
        return Err(search.nothing(&text));
    }
    let local = in_full(&text).map_err(FindError::UnreadableInFull)?;
    if let Some((position, name)) = image(search, &written(&local)) {
        return Ok(matched(position, name, text));
    }
    let (position, name) = by_suffix(search, &parts, &text)?;
    Ok(matched(position, normalized(&name).ok(), text))
}

/// An image as containers/storage names one, `name@ID`, else whatever the store has under the text
/// (`Runtime.getImage`); with the name that led to it.
fn image(search: &mut Search<'_>, text: &str) -> Option<(usize, Option<ImageName>)> {
    let whole_id = |prefix: &str| match search.stored.any(prefix) {
        Looked::Found(position) => Some(search.stored.id(position)),
        _ => None,
    };
    if let Ok(reference) = transport_name::within_store(text, whole_id) {
        if let Some(name) = &reference.name {
            let found = match search.stored.any(&written(name)) {
                Looked::Found(position) => Some(position),
                _ if reference.id.is_none() => search.stored.digested(name),
                _ => None,
            };
            search.told(Attempt::Name(written(name)), found);
            if let Some(position) = found {
                return Some((position, Some(name.clone())));
            }
        }
        if let Some(id) = &reference.id
            && let Some(position) = search.any(id)
        {
            let images = search.stored.images;
            let one = images.get(position);
            let of_it = |name| one.is_some_and(|image| has_repository(image, name));
            if reference.name.as_ref().is_none_or(of_it) {
                return Some((position, None));
            }
        }
    }
    search.any(text).map(|position| (position, None))
}

/// The only name, of whatever image, that ends as this one does and has its tag.
fn by_suffix(search: &mut Search<'_>, wanted: &Parts, text: &str) -> Result<(usize, String), FindError> {
    let mut found: Vec<(usize, String)> = Vec::new();
    for (position, image) in search.stored.images.iter().enumerate() {
        for name in &image.names {
            let Ok(parts) = decompose(name) else { continue };
            // An index's name is one, though several images have it.
            let new = found.iter().all(|(_, known)| known != name);
            if new && parts.tag == wanted.tag && parts.repository.ends_with(&wanted.repository) {
                found.push((position, name.clone()));
            }
        }
    }
    let attempt = Attempt::Suffix(format!("{}:{}", wanted.repository, wanted.tag));
    match found[..] {
        [] | [_] => search.told(attempt, found.first().map(|(position, _)| *position)),
        _ => search.tried.push((attempt, Attempted::Several)),
    }
    match found.len() {
        0 => Err(search.nothing(text)),
        1 => Ok(found.swap_remove(0)),
        _ => Err(FindError::Ambiguous(found.into_iter().map(|(_, name)| name).collect())),
    }
}

pub fn narrow(text: &str) -> Narrowing {
    let text = without_transport(text);
    let bare = strip_sha256(&text);
    let after = bare.rsplit_once('@').map_or(bare, |(_, after)| after);
    let mut narrowing = Narrowing {
        id_prefix: id_prefix(after),
        names: Vec::new(),
        suffix: None,
        tag: None,
        digest: None,
        digested: false,
    };
    if let Ok(reference) = transport_name::within_store(bare, |_| None) {
        narrowing.names.extend(reference.name);
    }
    // An ID where a digest stands is known as one only where the store has it.
    if let Some((before, _)) = bare.rsplit_once('@').filter(|_| narrowing.id_prefix.is_some())
        && let Ok(name) = normalized(before)
    {
        narrowing.names.push(crate::name::tag_name_only(name));
    }
    if let (Ok(parts), Ok(name)) = (decompose(&text), as_written(&text))
        && !parts.has_registry
    {
        narrowing.names.extend(in_full(&text).ok().map(crate::name::tag_name_only));
        narrowing.suffix = Some(parts.repository);
        // A name with a digest alone is as good as any other of them, and as one tagged `none`.
        narrowing.digested = parts.tag == NO_TAG;
        narrowing.tag = name.digest.is_none().then_some(parts.tag).or(name.tag);
        narrowing.digest = name.digest;
    }
    narrowing
}
