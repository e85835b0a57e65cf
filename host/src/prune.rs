//! Pruning: images nobody needs, by Docker's rules (moby, `daemon/images/image_prune.go`), with pins in the
//! part that containers play there.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use crate::digest::Digest;
use crate::image::{self, ImageError, Label};
use crate::resolve;
use crate::sandbox::Sandbox;
use crate::store::{Deletion, Doomed, EventKind, EventRecord, Removed, Store, StoreError, StoredImage};

/// Which images are not needed.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Also those that have a tag. Otherwise only those that have none and that no other was built on.
    pub all: bool,
    /// Only those created up to then. One that does not say when counts as created at the beginning of 1970.
    pub until: Option<SystemTime>,
    /// Only those with all of these labels.
    pub labels: Vec<Label>,
    /// Not those with all of these labels; none where there is none.
    pub without: Vec<Label>,
    /// How long to wait for writers before content is left to the next collection.
    pub patience: Duration,
}

/// What was pruned.
#[derive(Debug, Clone, Default)]
pub struct Pruned {
    /// What was taken out, with all the content that nothing needs any more.
    pub removed: Removed,
    /// Writes that were abandoned, and removed.
    pub ingests: u64,
}

/// Removes the images nobody needs, with those they were built on and nobody needs either, and then
/// collects what content nothing refers to.
///
/// `created` reads the time an image says it was created; `None` where it is none.
///
/// # Errors
/// [`ImageError`] where the store cannot be read or written, or the component does not answer; some images
/// may be removed then. An image whose config cannot be read has no labels.
pub fn prune(
    store: &Store,
    sandbox: &Sandbox,
    options: &Options,
    created: impl Fn(&str) -> Option<SystemTime>,
) -> Result<Pruned, ImageError> {
    let names = store.images().all_names()?;
    let pinned: BTreeSet<Digest> = store.pins().list(None)?.into_iter().map(|pin| pin.image).collect();
    // A name that leads to several images is needed where one of them is.
    let kept: BTreeSet<String> =
        pinned.iter().filter_map(|id| names.get(id)).flatten().map(resolve::name).collect();
    let mut deletions = Vec::new();
    for found in store.images().list()? {
        let id = &found.config.digest;
        let names = names.get(id).map_or(&[][..], Vec::as_slice);
        let tagged = names.iter().any(|name| name.digest.is_none());
        if pinned.contains(id)
            || (tagged && !options.all)
            || (names.is_empty() && !store.images().children(id)?.is_empty())
            || !is_old_enough(&found, options, &created)
            || !has_labels(store, sandbox, &found, options)?
        {
            continue;
        }
        let delete = |subject| Deletion { subject, force: false, keep_parents: false };
        if names.is_empty() {
            deletions.push(delete(Doomed::Image(id.clone())));
        }
        let names = names.iter().filter(|name| !kept.contains(&resolve::name(name)));
        deletions.extend(names.map(|name| delete(Doomed::Name(name.clone()))));
    }
    // What is refused is needed after all, pinned a moment ago, or went with another.
    let mut removed = store.delete(&deletions)?.removed;
    let mut ingests = 0;
    match store.collect_within(options.patience) {
        Ok(collected) => {
            ingests = collected.ingests;
            removed.bytes += collected.bytes;
            removed.blobs.extend(collected.blobs);
            removed.blobs.sort();
            removed.deferred = collected.left > 0;
        }
        Err(StoreError::Busy { .. }) => removed.deferred = true,
        Err(error) => return Err(error.into()),
    }
    if !(removed.names.is_empty() && removed.images.is_empty() && removed.blobs.is_empty()) {
        let event = EventRecord::new(EventKind::Prune).attribute("reclaimed", removed.bytes.to_string());
        store.events().record(&[event])?;
    }
    Ok(Pruned { removed, ingests })
}

fn is_old_enough(
    image: &StoredImage,
    options: &Options,
    created: &impl Fn(&str) -> Option<SystemTime>,
) -> bool {
    let Some(until) = options.until else { return true };
    let created = image.created.as_deref().and_then(created).unwrap_or(SystemTime::UNIX_EPOCH);
    created <= until
}

fn has_labels(
    store: &Store,
    sandbox: &Sandbox,
    found: &StoredImage,
    options: &Options,
) -> Result<bool, ImageError> {
    if options.labels.is_empty() && options.without.is_empty() {
        return Ok(true);
    }
    let labels = image::labels(store, sandbox, &found.config.digest)?;
    let has = |label: &Label| label.is_among(&labels);
    Ok(options.labels.iter().all(has) && (options.without.is_empty() || !options.without.iter().all(has)))
}
