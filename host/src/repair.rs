//! Putting a store right: content that is damaged or gone is fetched again from where it is to be had, and
//! what cannot be saved is taken out; a catalogue that is lost or damaged is made anew from the content.
//!
//! Names, pins and events are in the catalogue alone: what of them cannot be read there is lost with it.

mod rebuild;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use cap_std::fs::Dir;

use crate::check::{CheckError, check};
use crate::digest::Digest;
use crate::image::{self, ImageError};
use crate::layer::transfer::Transfer;
use crate::load::LoadError;
use crate::sandbox::{Sandbox, SandboxError};
use crate::source::Source;
use crate::store::{
    self, CheckOptions, IndexRecord, LayerRecord, Loss, ManifestRecord, Problem, Records, Report, Store,
    StoreError, Target, is_catalog_damage,
};
use crate::types::Descriptor;
use crate::types::manifests::Document;

/// How long the collection at the end waits for writers.
const PATIENCE: Duration = Duration::from_secs(4);

/// Why a repair could not be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RepairError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The component did not answer.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// Content could not be taken in again.
    #[error(transparent)]
    Load(#[from] Box<LoadError>),
}

impl From<CheckError> for RepairError {
    fn from(error: CheckError) -> RepairError {
        match error {
            CheckError::Store(error) => error.into(),
            CheckError::Sandbox(error) => error.into(),
        }
    }
}

/// What a repair did.
#[derive(Debug, Default)]
pub struct Repaired {
    /// The catalogue was made anew.
    pub rebuilt: bool,
    /// Content that was fetched again; ascending.
    pub fetched: Vec<Digest>,
    /// Documents, images and layers whose records were put right; ascending.
    pub corrected: Vec<Digest>,
    /// What could not be saved.
    pub losses: Vec<Loss>,
    /// Content that nothing needs, and that is gone now; ascending.
    pub collected: Vec<Digest>,
    /// Bytes of that.
    pub bytes: u64,
    /// What a check found afterwards.
    pub report: Report,
}

/// Checks the store in this directory and puts it right, with content from these sources where that is
/// needed.
///
/// Others go on working meanwhile, unless the catalogue is made anew: then nobody else writes. Files among
/// the blobs that are none are left alone.
///
/// # Errors
/// [`StoreError::NewerFormat`] and [`StoreError::NotAStore`] where there is nothing to repair, and
/// [`RepairError`] where the store cannot be read or written, or the component does not answer. A catalogue
/// that is being made anew takes its place when it is done, so the old one is there then.
pub fn repair(
    root: Dir,
    options: &store::Options,
    sandbox: &Sandbox,
    sources: &[Box<dyn Source>],
) -> Result<Repaired, RepairError> {
    let clone = |root: &Dir| {
        root.try_clone().map_err(|source| StoreError::Io { action: "opening", path: ".".into(), source })
    };
    let found = Store::open(clone(&root)?, options.clone())
        .map_err(CheckError::from)
        .and_then(|store| check(&store, sandbox, CheckOptions::default()).map(|report| (store, report)));
    let mut repaired = Repaired::default();
    let (store, report) = match found {
        Ok((store, report)) if !report.problems.iter().any(is_damaged_catalog) => (store, report),
        Err(CheckError::Store(error)) if !is_catalog_damage(&error) => return Err(error.into()),
        Err(CheckError::Sandbox(error)) => return Err(error.into()),
        damaged => {
            // Its connections are not to be open when their file goes.
            drop(damaged);
            rebuild::rebuild(clone(&root)?, options, sandbox, sources, &mut repaired)?;
            let store = Store::open(root, options.clone())?;
            let report = check(&store, sandbox, CheckOptions::default())?;
            (store, report)
        }
    };
    mend(&store, sandbox, sources, &report, &mut repaired)?;
    match store.collect_within(PATIENCE) {
        Ok(collected) => {
            repaired.bytes += collected.bytes;
            repaired.collected.extend(collected.blobs);
            repaired.collected.sort();
        }
        // Somebody writes; what nothing needs does no harm meanwhile.
        Err(StoreError::Busy { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    repaired.report = check(&store, sandbox, CheckOptions::default())?;
    Ok(repaired)
}

fn is_damaged_catalog(problem: &Problem) -> bool {
    matches!(problem, Problem::DamagedCatalog { .. })
}

/// Puts right what a check found in a store whose catalogue is sound.
fn mend(
    store: &Store,
    sandbox: &Sandbox,
    sources: &[Box<dyn Source>],
    report: &Report,
    repaired: &mut Repaired,
) -> Result<(), RepairError> {
    let mut bad = BTreeSet::new();
    let mut wrong = BTreeSet::new();
    let mut indexes = BTreeSet::new();
    for problem in &report.problems {
        match problem {
            Problem::DamagedBlob { digest, .. }
            | Problem::UnreadableBlob { digest, .. }
            | Problem::MissingContent { digest, .. }
            | Problem::WrongSize { digest, .. } => drop(bad.insert(digest.clone())),
            Problem::UnreadableLayer { digest, .. }
            | Problem::WrongDiffId { digest, .. }
            | Problem::WrongLayer { digest, .. }
            | Problem::WrongRecord { digest, .. } => drop(wrong.insert(digest.clone())),
            Problem::UnknownLayer { image, .. } => drop(wrong.insert(image.clone())),
            Problem::DamagedIndex { digest, .. } => drop(indexes.insert(digest.clone())),
            _ => {}
        }
    }
    let wanted: BTreeMap<Digest, Target> =
        store.wanted()?.into_iter().map(|target| (target.digest.clone(), target)).collect();
    let mut lost = BTreeSet::new();
    for digest in bad {
        if !store.discard(&digest)? {
            // Whole, so what the catalogue says of it is not.
            wrong.insert(digest);
            continue;
        }
        match wanted.get(&digest) {
            // Nothing needs it.
            None => repaired.collected.push(digest),
            Some(target) if fetch(store, sources, target)? => repaired.fetched.push(digest),
            Some(_) => drop(lost.insert(digest)),
        }
    }
    for digest in wrong {
        if lost.contains(&digest) {
            continue;
        }
        match correction(store, sandbox, &digest)? {
            Some(records) => {
                store.correct(&records)?;
                repaired.corrected.push(digest);
            }
            None => drop(lost.insert(digest)),
        }
    }
    for digest in indexes.difference(&lost) {
        for layer in store.layers().of_blob(digest)? {
            store.remake_index(&layer)?;
            repaired.corrected.push(digest.clone());
        }
    }
    if !lost.is_empty() {
        let (losses, removed) = store.forget(&lost)?;
        repaired.losses.extend(losses);
        repaired.collected.extend(removed.blobs);
        repaired.bytes += removed.bytes;
    }
    Ok(())
}

/// Takes content in from the first source that has it. False where none has.
fn fetch(store: &Store, sources: &[Box<dyn Source>], target: &Target) -> Result<bool, RepairError> {
    for source in sources {
        let Ok(Some(content)) = source.open(&Descriptor::from(target)) else { continue };
        let mut reader = content.reader;
        let mut writer = store.create()?;
        // One byte more shows that it is another.
        let copied = std::io::copy(&mut std::io::Read::take(&mut reader, target.size + 1), &mut writer);
        match copied {
            Ok(_) => {}
            Err(source) if source.kind() == std::io::ErrorKind::StorageFull => {
                let path = format!("the blob {}", target.digest);
                return Err(StoreError::Io { action: "writing", path, source }.into());
            }
            // What one source cannot read another may.
            Err(_) => continue,
        }
        match writer.commit(&target.digest, target.size) {
            Ok(()) => return Ok(true),
            Err(StoreError::DigestMismatch { .. } | StoreError::SizeMismatch { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(false)
}

/// What is to be recorded of content that is whole and was recorded wrongly. `None` where it is not what it
/// is needed for.
fn correction(store: &Store, sandbox: &Sandbox, digest: &Digest) -> Result<Option<Records>, RepairError> {
    let mut records = Records::default();
    let documents = store.documents();
    if let Some(target) = documents.get(digest)? {
        let size = store.contains(digest)?.unwrap_or(target.size);
        let target = Target { size, ..target };
        let Some(bytes) = crate::check::read(store, digest)? else { return Ok(None) };
        let Ok(document) = sandbox.parse_manifest(&bytes, Some(&target.media_type))? else { return Ok(None) };
        match document {
            Document::Index(index) => {
                let Some(entries) = targets(&index.entries) else { return Ok(None) };
                records.indexes.push(IndexRecord { target, entries });
            }
            Document::Manifest(manifest) => {
                let (Ok(config), Some(layers)) =
                    (Target::try_from(&manifest.config), targets(&manifest.layers))
                else {
                    return Ok(None);
                };
                let here = |target: &Target| Ok(store.contains(&target.digest)? == Some(target.size));
                let parts = layers.iter().chain([&config]);
                let complete =
                    parts.map(here).collect::<Result<Vec<bool>, StoreError>>()?.into_iter().all(|here| here);
                records.manifests.push(ManifestRecord { target, config, layers, complete });
            }
        }
    }
    if let Some(known) = store.images().get(digest)? {
        match image::find_record(store, sandbox, digest) {
            Ok(Some(mut record)) => {
                record.config.media_type = known.config.media_type;
                for (position, diff_id) in record.diff_ids.iter().enumerate() {
                    records.layers.extend(find_layer(store, digest, position, diff_id)?);
                }
                records.images.push(record);
            }
            Ok(None) => return Ok(None),
            Err(error) if image::is_unreadable(&error) => return Ok(None),
            Err(ImageError::Store(error)) => return Err(error.into()),
            Err(ImageError::Sandbox(error)) => return Err(error.into()),
            Err(_) => return Ok(None),
        }
    }
    for known in store.layers().of_blob(digest)? {
        let Some(found) = layer(store, &known.blob, known.diff_id.algorithm())? else { return Ok(None) };
        if found.diff_id != known.diff_id {
            // Another content than its images want.
            return Ok(None);
        }
        records.layers.push(found);
    }
    let found = !(records.indexes.is_empty()
        && records.manifests.is_empty()
        && records.images.is_empty()
        && records.layers.is_empty());
    Ok(found.then_some(records))
}

fn targets(descriptors: &[Descriptor]) -> Option<Vec<Target>> {
    descriptors.iter().map(|descriptor| Target::try_from(descriptor).ok()).collect()
}

/// The stored content of an image's layer, where none is known: a manifest of the image tells.
fn find_layer(
    store: &Store,
    image: &Digest,
    position: usize,
    diff_id: &Digest,
) -> Result<Option<LayerRecord>, RepairError> {
    if !store.layers().blobs(diff_id)?.is_empty() {
        return Ok(None);
    }
    for manifest in store.documents().manifests(image)? {
        let entries = store.documents().entries(&manifest.digest)?;
        let Some(blob) = entries.get(position) else { continue };
        let found = layer(store, blob, diff_id.algorithm())?;
        if let Some(found) = found.filter(|found| found.diff_id == *diff_id) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// What a stored blob is as a layer. `None` where it is damaged, not here, or cannot be decompressed.
fn layer(
    store: &Store,
    blob: &Target,
    algorithm: crate::digest::Algorithm,
) -> Result<Option<LayerRecord>, RepairError> {
    let Some(mut content) = store.open_blob(&blob.digest)? else { return Ok(None) };
    let size = content.size();
    let found = store::undo(&mut content, &blob.digest, algorithm, &mut Transfer::default(), None);
    let Some(found) = found.ok().filter(|found| found.digest == blob.digest) else { return Ok(None) };
    let Some(Ok(undone)) = found.uncompressed else { return Ok(None) };
    Ok(Some(LayerRecord {
        diff_id: undone.digest,
        blob: Target { size, ..blob.clone() },
        unpacked_size: undone.size,
    }))
}
