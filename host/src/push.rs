//! Pushing: an image or an index into a repository of a registry, from a store or from wherever it can be read.
//!
//! Blobs come first, several at once, then manifests, then the index over them, and tags last: nothing has a name
//! before all its parts are there. A blob the registry has is not sent; one that another of its repositories is known
//! to have it is asked to take over. What is sent is read once and held against its digest on the way.

mod blobs;
mod error;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::digest::Digest;
use crate::document::referring;
use crate::load::{Count, Progress};
use crate::policy::{SignaturesError, Staging};
use crate::registry::Repository;
use crate::sandbox::Sandbox;
use crate::save::piece::Piece;
use crate::save::tree::{Builder, Tree};
use crate::save::{Options, Origin, SaveError, SavedRoot, Wanted};
use crate::store::{EventKind, EventRecord, PlaceRecord};
use blobs::{Blobs, Came};

pub use error::PushError;

/// The member that says what a document refers to.
const SUBJECT: &[u8] = b"\"subject\"";

/// Where an image goes.
#[derive(Clone)]
pub struct Place {
    /// The repository.
    pub repository: Repository,
    /// The tags it gets. Without any it can be had by its digest.
    pub tags: Vec<String>,
    /// The digest it has to have there.
    pub digest: Option<Digest>,
    /// Where signatures are put. `None`: there is no place for them.
    pub staging: Option<Arc<Staging>>,
}

/// What was pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// What was wanted, and what the registry has in its place.
    pub root: SavedRoot,
    /// Blobs that were sent.
    pub written: Count,
    /// Blobs that the registry took over from another repository.
    pub mounted: Count,
    /// Blobs that were there.
    pub present: Count,
}

/// Pushes an image, or an index and what it lists.
///
/// # Errors
///
/// A [`PushError`]; no tag means anything else than before then, and no upload is left underway.
pub fn push(
    from: &Origin,
    sandbox: &Sandbox,
    wanted: &Wanted,
    options: &Options<'_>,
    to: &Place,
    progress: &dyn Progress,
) -> Result<Pushed, PushError> {
    let blobs = Blobs { from, repository: &to.repository, progress };
    let mut builder = Builder::new(from, sandbox, options, &blobs);
    builder.add(wanted)?;
    let mut tree = builder.finish()?;
    let root = tree.roots.pop().ok_or(PushError::Nothing)?;
    if let Some(wanted) = &to.digest
        && wanted.to_string() != root.written.digest
    {
        let found = root.written.digest.parse()?;
        return Err(PushError::OtherDigest { wanted: wanted.clone(), found });
    }
    let staging = match &to.staging {
        None if !tree.signatures.is_empty() => return Err(SignaturesError::NoStaging.into()),
        staging => staging.as_deref(),
    };
    if let Some(staging) = staging {
        tree.signatures.iter().try_for_each(|(manifest, kept)| staging.check(manifest, kept))?;
    }
    let came = blobs.send(pieces(&mut tree))?;
    if let Some(staging) = staging {
        // Whoever finds the image by its name finds them.
        tree.signatures.iter().try_for_each(|(manifest, kept)| staging.keep(manifest, kept, sandbox))?;
    }
    publish(&tree, &root, to)?;
    refer(&tree, sandbox, to)?;
    let (mut written, mut mounted, mut present) = (Count::default(), Count::default(), Count::default());
    let mut places = Vec::with_capacity(came.len());
    for (blob, size, came) in came {
        let count = match came {
            Came::Sent => &mut written,
            Came::Mounted => &mut mounted,
            Came::Before => &mut present,
        };
        count.blobs += 1;
        count.bytes += size;
        let (registry, repository) = (to.repository.registry().name(), to.repository.path());
        places.push(PlaceRecord { blob, registry: registry.to_owned(), repository: repository.to_owned() });
    }
    if let Some(store) = from.store()
        && !store.is_read_only()
    {
        store.places().record(&places, &[event(&root, to)])?;
    }
    Ok(Pushed { root, written, mounted, present })
}

/// All that is sent as blobs: configs are, too.
fn pieces(tree: &mut Tree) -> Vec<(Digest, Result<Piece, Vec<u8>>)> {
    let documents = std::mem::take(&mut tree.documents);
    let (manifests, configs): (BTreeMap<_, _>, BTreeMap<_, _>) =
        documents.into_iter().partition(|(digest, _)| tree.manifests.contains(digest));
    tree.documents = manifests;
    let blobs = std::mem::take(&mut tree.blobs).into_iter();
    let mut pieces: Vec<_> = blobs.map(|(digest, piece)| (digest, Ok(piece))).collect();
    pieces.extend(configs.into_iter().map(|(digest, bytes)| (digest, Err(bytes))));
    pieces
}

/// Puts the documents, each after what it names, and the tags at the end.
fn publish(tree: &Tree, root: &SavedRoot, to: &Place) -> Result<(), PushError> {
    let top: Digest = root.written.digest.parse()?;
    let mut done = std::collections::BTreeSet::new();
    for (digest, media_type) in &tree.order {
        let Some(bytes) = tree.documents.get(digest) else { continue };
        if !done.insert(digest) || (*digest == top && !to.tags.is_empty()) {
            continue;
        }
        to.repository.put_manifest(&digest.to_string(), media_type, bytes)?;
    }
    for tag in &to.tags {
        let named = tree.order.iter().find(|(digest, _)| *digest == top);
        let (digest, media_type) = named.ok_or(PushError::Nothing)?;
        let bytes = tree.documents.get(digest).ok_or(PushError::Nothing)?;
        to.repository.put_manifest(tag, media_type, bytes)?;
    }
    Ok(())
}

/// Has what refers to something be found by it.
fn refer(tree: &Tree, sandbox: &Sandbox, to: &Place) -> Result<(), PushError> {
    for (digest, media_type) in &tree.order {
        let Some(bytes) = tree.documents.get(digest) else { continue };
        // Few do, and then it is written there.
        if !bytes.windows(SUBJECT.len()).any(|window| window == SUBJECT) {
            continue;
        }
        let parsed = sandbox.parse_manifest(bytes, Some(media_type)).map_err(SaveError::from)?;
        let document = parsed.map_err(|problem| SaveError::Document { digest: digest.clone(), problem })?;
        let (entry, subject) = referring(document, media_type, digest, bytes.len() as u64);
        let Some(subject) = subject else { continue };
        to.repository.add_referrer(&subject.digest.parse()?, &entry)?;
    }
    Ok(())
}

/// What a push is recorded as: where to, as podman does.
fn event(root: &SavedRoot, to: &Place) -> EventRecord {
    let repository = format!("{}/{}", to.repository.registry().name(), to.repository.path());
    let names: Vec<String> = to.tags.iter().map(|tag| format!("{repository}:{tag}")).collect();
    let name = match names.first() {
        Some(name) => name.clone(),
        None => format!("{repository}@{}", root.written.digest),
    };
    let mut event =
        EventRecord::new(EventKind::Push).name(name).attribute("digest", root.written.digest.clone());
    if let [image] = root.images.as_slice() {
        event = event.image(&image.id);
    }
    if names.len() > 1 {
        event = event.attribute("names", names.join(" "));
    }
    event
}
