//! Images in Podman's and Buildah's store: `[driver@root+runroot:options]name@ID`, every part optional.

use super::{ImageReference, Problem, Span, TransportError, read_name};
use crate::digest;
use crate::name;
use crate::prelude::*;
use crate::wit::exports::consign::image::references::Reference;
use crate::wit::exports::consign::image::transports::{
    StorageAnswer, StorageQuestion, StoreLocation, Transport,
};

/// Shorter texts are never taken for the start of an ID.
const ID_PREFIX_MIN: usize = 3;

/// What has to be found out before the text can be read.
pub fn ask(text: &str) -> Option<StorageQuestion> {
    if super::transport_of(text) != Some(Transport::ContainersStorage) {
        return None;
    }
    let (_, within) = Span { text, offset: 0 }.cut(':');
    let (store, rest) = store(within?).ok()?;
    let rest = skip_second_store(rest).ok()?;
    Some(StorageQuestion { store, id_prefix: id_prefix(rest).map(str::to_owned) })
}

pub(super) fn parse(
    within: Span,
    answer: Option<StorageAnswer>,
    mut image: ImageReference,
) -> Result<ImageReference, TransportError> {
    let (written_store, rest) = store(within)?;
    let (found_store, found_id) = answer.map_or((None, None), |answer| (answer.store, answer.id));
    image.store = found_store.or(written_store);
    name_or_id(rest, |_| found_id, image)
}

/// A name or an ID within a store that is known; one that is written before it is passed over
/// (`ParseStoreReference`). `find` answers with the whole ID where exactly one image's starts so.
pub fn within_store(
    text: &str,
    find: impl FnOnce(&str) -> Option<String>,
) -> Result<ImageReference, TransportError> {
    name_or_id(Span { text, offset: 0 }, find, super::empty(Transport::ContainersStorage))
}

fn name_or_id(
    rest: Span,
    find: impl FnOnce(&str) -> Option<String>,
    mut image: ImageReference,
) -> Result<ImageReference, TransportError> {
    let mut rest = skip_second_store(rest)?;
    // The host is not believed: what it found has to start with what was asked for.
    let found_id =
        id_prefix(rest).and_then(|prefix| find(prefix).filter(|id| is_id(id) && id.starts_with(prefix)));

    match rest.text.rfind('@') {
        Some(at) => {
            let possible = rest.from(at + 1);
            if possible.text.is_empty() {
                return Err(possible.error(Problem::NotAnId(String::new()), "a digest or an image ID"));
            }
            // A digest belongs to the name.
            if digest::check(possible.text).is_err() {
                image.id = Some(if is_id(possible.text) {
                    possible.text.to_owned()
                } else {
                    found_id.ok_or_else(|| {
                        let problem = Problem::NotAnId(possible.text.to_owned());
                        possible.error(problem, "a digest or an image ID")
                    })?
                });
                rest.text = &rest.text[..at];
            }
        }
        None if found_id.is_some() => {
            image.id = found_id;
            rest.text = "";
        }
        None => {}
    }
    if !rest.text.is_empty() {
        image.name = Some(name::tag_name_only(read_name(rest)?));
    } else if image.id.is_none() {
        return Err(rest.error(Problem::Empty, "a name or an image ID"));
    }
    Ok(image)
}

/// The store in brackets, if there is one, and what follows it.
fn store(within: Span) -> Result<(Option<StoreLocation>, Span), TransportError> {
    if !within.text.starts_with('[') {
        return Ok((None, within));
    }
    let (inside, Some(rest)) = within.from(1).cut(']') else {
        return Err(within.error(Problem::InvalidStore, "`]` after the store"));
    };
    let (driver, roots) = match inside.cut('@') {
        (roots, None) => ("", roots),
        (driver, Some(roots)) if !driver.text.is_empty() => (driver.text, roots),
        (driver, Some(_)) => return Err(driver.error(Problem::InvalidStore, "a storage driver's name")),
    };
    if roots.text.is_empty() {
        return Err(roots.error(Problem::InvalidStore, "an absolute path"));
    }
    let (roots, options) = roots.cut(':');
    let (graph_root, run_root) = roots.cut('+');
    for path in [Some(graph_root), run_root].into_iter().flatten() {
        if !path.text.is_empty() && !path.text.starts_with('/') {
            let problem = Problem::RelativeStorePath(path.text.to_owned());
            return Err(path.error(problem, "an absolute path"));
        }
    }
    let run_root = run_root.map_or("", |path| path.text);
    if graph_root.text.is_empty() && run_root.is_empty() {
        return Err(roots.error(Problem::NoStoreRoot, "an absolute path"));
    }
    let store = StoreLocation {
        driver: driver.to_owned(),
        graph_root: graph_root.text.to_owned(),
        run_root: run_root.to_owned(),
        options: options
            .map_or_else(Vec::new, |options| options.text.split(',').map(str::to_owned).collect()),
    };
    Ok((Some(store), rest))
}

/// A second store in brackets is passed over, as the peer does.
fn skip_second_store(rest: Span) -> Result<Span, TransportError> {
    if rest.text.is_empty() {
        return Err(rest.error(Problem::Empty, "a name or an image ID"));
    }
    if !rest.text.starts_with('[') {
        return Ok(rest);
    }
    match rest.cut(']') {
        (_, Some(after)) => Ok(after),
        _ => Err(rest.error(Problem::InvalidStore, "`]` after the store")),
    }
}

/// What may be the start of an image's ID.
fn id_prefix(rest: Span<'_>) -> Option<&str> {
    let possible = match rest.text.rsplit_once('@') {
        Some((_, possible)) if digest::check(possible).is_ok() || is_id(possible) => return None,
        Some((_, possible)) => possible,
        None if rest.text.contains(':') => return None,
        None => rest.text,
    };
    (possible.len() >= ID_PREFIX_MIN).then_some(possible)
}

fn is_id(text: &str) -> bool {
    name::is_identifier(text)
}

/// `[driver@root+runroot:options]name@ID`.
pub(super) fn within(image: &ImageReference) -> String {
    let mut text = String::new();
    if let Some(StoreLocation { driver, graph_root, run_root, options }) = &image.store {
        let separator = if driver.is_empty() { "" } else { "@" };
        text = format!("[{driver}{separator}{graph_root}+{run_root}");
        if !options.is_empty() {
            text.push(':');
            text.push_str(&options.join(","));
        }
        text.push(']');
    }
    text.push_str(&name_and_id(image));
    text
}

/// `name@ID`.
pub fn name_and_id(image: &ImageReference) -> String {
    let mut text = String::new();
    if let Some(name) = &image.name {
        text.push_str(&name::format(&Reference::Named(name.clone())));
    }
    if let Some(id) = &image.id {
        text.push('@');
        text.push_str(id);
    }
    text
}
