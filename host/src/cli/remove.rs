//! `consign rm`: names and images out of the store, by Docker's rules.
//!
//! By name: the name goes; with the last name of an image the image goes too. By ID: the image and the names
//! that mean nothing else go; an image with names in several repositories needs `--force`.

use std::collections::BTreeSet;

use anyhow::Result;
use serde_json::json;

use consign::digest::Digest;
use consign::resolve::name;
use consign::store::{Removal, Removed, Store};
use consign::types::resolution::Matched;

use super::args::{Format, Rm, Rules, Wanted};
use super::failure::{Failure, Failures};
use super::refusal::with_hint;
use super::session::Session;
use super::{image, output};

pub fn run(session: &Session, arguments: &Rm) -> Result<()> {
    let store = session.store()?;
    let mut all = Removed::default();
    let mut failures = Vec::new();
    for text in &arguments.images {
        // As docker does: what can be removed is, and the first thing that cannot decides the exit code.
        match removal(session, &store, text, arguments.force).and_then(|removal| Ok(store.remove(&removal)?))
        {
            Ok(removed) => {
                all.names.extend(removed.names);
                all.images.extend(removed.images);
                all.documents.extend(removed.documents);
                all.blobs.extend(removed.blobs);
                all.bytes += removed.bytes;
                all.deferred |= removed.deferred;
            }
            Err(error) => failures.push(error),
        }
    }
    show(&all, arguments.format)?;
    Failures::all(failures)
}

fn show(removed: &Removed, format: Format) -> Result<()> {
    let untagged = removed.names.iter().map(name);
    match format {
        Format::Json => output::json(&json!({
            "untagged": untagged.collect::<Vec<_>>(),
            "deleted": removed.images.iter().map(Digest::to_string).collect::<Vec<_>>(),
            "documents": removed.documents.iter().map(Digest::to_string).collect::<Vec<_>>(),
            "blobs": removed.blobs.iter().map(Digest::to_string).collect::<Vec<_>>(),
            "bytes": removed.bytes,
            "deferred": removed.deferred,
        })),
        Format::Table => output::lines(
            untagged
                .map(|name| format!("Untagged: {name}"))
                .chain(removed.images.iter().map(|id| format!("Deleted: {id}"))),
        ),
    }
}

fn removal(session: &Session, store: &Store, text: &str, force: bool) -> Result<Removal> {
    // A name that is there is taken as one, whatever it points at and whether that can be read.
    if let Ok(named) = session.tag_or_digest(text)
        && store.names().get(&named)?.is_some()
    {
        let images = store.names().only_images(&named)?;
        return Ok(Removal { names: vec![named], images: free(store, &images, force)? });
    }
    let opened = image::open(session, text)?;
    let options = session.options(&Wanted { platform: None, rules: Rules::Docker })?;
    let resolved = match opened.resolve(session, &options) {
        Ok(resolved) => resolved,
        Err(error) if force && error.is_no() => return Ok(Removal::default()),
        Err(error) => return Err(with_hint(error, &opened)),
    };
    if let Matched::Target = resolved.matched {
        return Err(Failure::usage(format!("wanted an image in the store, found `{text}`")).into());
    }
    let id: Digest = resolved.config.digest.parse()?;
    let names = store.images().names(&id)?;
    let repositories: BTreeSet<_> =
        names.iter().map(|known| (&known.name.domain, &known.name.path)).collect();
    if repositories.len() > 1 && !force {
        let listed: Vec<String> = names.iter().map(|known| format!("`{}`", name(&known.name))).collect();
        let message = format!("image `{id}` has names in several repositories: {}", listed.join(", "));
        return Err(Failure::usage(message).hint("remove it by name, or use --force").into());
    }
    // A name that means other images, too, goes on meaning those.
    let mut only = Vec::new();
    for known in names {
        if store.documents().images(&known.target.digest)? == [id.clone()] {
            only.push(known.name);
        }
    }
    let images = free(store, &[id], force)?;
    Ok(Removal { names: only, images })
}

/// The images, if nothing was built on them or that does not matter.
fn free(store: &Store, images: &[Digest], force: bool) -> Result<Vec<Digest>> {
    for image in images {
        let children = store.images().children(image)?;
        if let (Some(child), false) = (children.first(), force) {
            let message = format!("image `{image}` has a child image `{child}`");
            return Err(Failure::usage(message).hint("remove that first, or use --force").into());
        }
    }
    Ok(images.to_vec())
}
