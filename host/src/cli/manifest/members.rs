//! Which images an index lists: those of the store, and those that are taken into it for that.

use std::sync::Arc;

use anyhow::Result;

use consign::content::Content;
use consign::digest::Digest;
use consign::image_index::take_in;
use consign::load::Progress;
use consign::resolve;
use consign::types::manifests::{Document, Index};
use consign::types::resolution::Options;
use consign::types::{Descriptor, Rules};

use crate::cli::args::{Lookup, Members};
use crate::cli::failure::Failure;
use crate::cli::image::{self, Opened};
use crate::cli::progress;
use crate::cli::refusal::{self, with_hint};
use crate::cli::session::Session;

/// What an index has to list for these images.
pub(super) fn all(session: &Session, members: &Members, images: &[String]) -> Result<Vec<Descriptor>> {
    let options = session.options(&members.wanted)?;
    let mut all = Vec::new();
    for text in images {
        all.extend(of(session, members, &options, text)?);
    }
    Ok(all)
}

fn of(session: &Session, members: &Members, options: &Options, text: &str) -> Result<Vec<Descriptor>> {
    let lookup = members.looked_up.lookup;
    let opened = match session.sandbox().transport_of(text)? {
        Some(_) => image::open_to_take_in(session, text, &members.reached),
        // Of additional stores an index here would have nothing.
        None => image::open_in_by(session, text, &[session.store()?], lookup, options),
    };
    let opened = opened.map_err(refusal::looked_up)?;
    let entries = entries(session, members, options, &opened)?;
    if let Some(source) = opened.source() {
        let store = session.store()?;
        let take_in =
            |progress: &dyn Progress| take_in(&store, session.sandbox(), &**source, &entries, progress);
        progress::shown(members.quiet, "taken in", "already here", take_in)?;
    }
    Ok(entries)
}

fn entries(
    session: &Session,
    members: &Members,
    options: &Options,
    opened: &Opened,
) -> Result<Vec<Descriptor>> {
    if members.all {
        let target = opened.target(session, options).map_err(|error| with_hint(error, opened))?;
        let bytes = image::content(opened, &target)?;
        if let Ok(Document::Index(index)) = session.sandbox().parse_manifest(&bytes, None)? {
            return Ok(index.entries);
        }
    }
    let resolved = opened.resolve(session, options).map_err(|error| with_hint(error, opened))?;
    let without = || Failure::no(format!("image `{}` has a config and no manifest", resolved.config.digest));
    let manifest = resolved.manifest.clone().ok_or_else(without)?;
    Ok(vec![Descriptor {
        platform: Some(resolved.platform.clone()),
        annotations: Vec::new(),
        artifact_type: None,
        ..manifest
    }])
}

/// What an index refers to: the index or the manifest of the store that this means.
pub(super) fn subject(session: &Session, text: &str) -> Result<Descriptor> {
    let store = session.store()?;
    let content: Arc<dyn Content> = store.clone();
    let located = resolve::locate(session.sandbox(), content, text, Rules::Docker);
    let target = located.map_err(|error| Failure::no(format!("`{text}`: {error}")))?.target;
    let known = store.documents().get(&target.digest.parse()?)?;
    let known = known.ok_or_else(|| Failure::no(format!("wanted an index or a manifest, found `{text}`")))?;
    Ok(Descriptor::from(&known))
}

/// Where an index lists what this means: a digest, or an image of the store.
pub(super) fn position(session: &Session, lookup: Lookup, index: &Index, text: &str) -> Result<usize> {
    let digests = match text.parse::<Digest>() {
        Ok(digest) => vec![digest.to_string()],
        Err(_) => digests_of(session, lookup, text)?,
    };
    let position = index.entries.iter().position(|entry| digests.contains(&entry.digest));
    let absent = || {
        let known: Vec<String> =
            index.entries.iter().take(16).map(|entry| format!("`{}`", entry.digest)).collect();
        let known = if known.is_empty() { "nothing".to_owned() } else { known.join(", ") };
        Failure::no(format!("the index does not list `{text}`; it lists {known}"))
    };
    position.ok_or_else(|| absent().into())
}

/// The digests by which an index may list an image of the store.
fn digests_of(session: &Session, lookup: Lookup, text: &str) -> Result<Vec<String>> {
    let options = session.options_for(lookup)?;
    let stores = [session.store()?];
    let opened = image::open_in_by(session, text, &stores, lookup, &options).map_err(refusal::looked_up)?;
    let target = opened.target(session, &options).map_err(|error| with_hint(error, &opened))?;
    // Of an image that has been reached by its config the manifest is listed.
    let manifest = opened.resolve(session, &options).ok().and_then(|resolved| resolved.manifest);
    Ok([Some(target.digest), manifest.map(|manifest| manifest.digest)].into_iter().flatten().collect())
}
