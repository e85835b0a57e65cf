//! Hashing what is stored: blobs, and what layers are uncompressed.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::atomic::{AtomicUsize, Ordering};

use rusqlite::Connection;

use super::Problem;
use crate::digest::Digest;
use crate::layer::index::Scratch;
use crate::layer::make::Making;
use crate::layer::transfer::Transfer;
use crate::store::kept::Comparing;
use crate::store::{self, Blob, LayerClaim, LayerRecord, Store, StoreError, Target, blob};

/// Bytes a hashing thread reads at once.
const PIECE: usize = 256 << 10;

impl Store {
    /// Hashes blobs on several threads. What is not known yet to be the layer it is said to be is verified, and
    /// recorded as that.
    pub(in crate::store) fn hash(&self, blobs: &[(Digest, u64)], known: &Known) -> Vec<Problem> {
        let next = AtomicUsize::new(0);
        let threads = std::thread::available_parallelism().map_or(1, |count| count.get().min(8));
        let hash_some = || {
            let mut buffer = vec![0; PIECE];
            let mut transfer = Transfer::default();
            let mut problems = Vec::new();
            while let Some((digest, size)) = blobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                let path = blob::path(digest);
                let blob = match blob::open(self.root(), &path) {
                    Ok(Some(blob)) => blob,
                    // Gone since it was listed: what needs it will miss it.
                    Ok(None) => continue,
                    Err(error) => {
                        problems.push(unreadable(digest, &error));
                        continue;
                    }
                };
                let claims = known.claims.get(digest).map(Vec::as_slice).unwrap_or_default();
                let mut sound = None;
                for claim in claims {
                    match self.verify(claim, &mut transfer) {
                        Ok(found) => sound = found,
                        Err(error) => problems.push(not_the_layer(claim, error)),
                    }
                }
                if sound.is_some() && !known.layers.contains_key(digest) {
                    continue;
                }
                let layer = known.layers.get(digest);
                // Of a plain layer without an index there is nothing more to see than its digest.
                let layer = layer.filter(|layer| layer.diff_id != *digest || self.has_index(digest));
                let found = match layer {
                    Some(layer) => {
                        let mut comparing = Comparing::new(self, layer);
                        let problem = undo(blob, layer, &mut transfer, &mut comparing, self.scratch());
                        if problem.is_none() {
                            problems.extend(comparing.problems);
                        }
                        problem
                    }
                    None => match blob::verify(blob, digest, &path, &mut buffer) {
                        Ok(Some(_)) => None,
                        Ok(None) => Some(Problem::DamagedBlob { digest: digest.clone(), size: *size }),
                        Err(error) => Some(unreadable(digest, &error)),
                    },
                };
                problems.extend(found);
            }
            problems
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..threads).map(|_| scope.spawn(hash_some)).collect();
            threads
                .into_iter()
                .flat_map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                .collect()
        })
    }
}

fn unreadable(digest: &Digest, error: &dyn Error) -> Problem {
    let reason = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    Problem::UnreadableBlob { digest: digest.clone(), reason }
}

/// Hashes a layer and what it is uncompressed, in one go.
fn undo(
    mut blob: Blob,
    layer: &LayerRecord,
    transfer: &mut Transfer,
    comparing: &mut Comparing<'_>,
    scratch: Scratch,
) -> Option<Problem> {
    let (digest, size) = (&layer.blob.digest, blob.size());
    let making = Making::new(comparing, scratch);
    let found = match store::undo(&mut blob, digest, layer.diff_id.algorithm(), transfer, Some(making)) {
        Ok(found) => found,
        Err(error) => return Some(unreadable(digest, &error)),
    };
    if found.digest != *digest {
        return Some(Problem::DamagedBlob { digest: digest.clone(), size });
    }
    if let Some(made) = &found.made {
        comparing.compare(made);
    }
    match found.uncompressed? {
        Ok(undone) if undone.digest == layer.diff_id && undone.size == layer.unpacked_size => None,
        Ok(undone) => Some(Problem::WrongDiffId {
            digest: digest.clone(),
            wanted: layer.diff_id.clone(),
            found: undone.digest,
            wanted_size: layer.unpacked_size,
            found_size: undone.size,
        }),
        Err(error) => Some(Problem::UnreadableLayer { digest: digest.clone(), reason: error.to_string() }),
    }
}

/// What the catalogue says of stored blobs as layers.
#[derive(Default)]
pub(in crate::store) struct Known {
    /// What they are.
    layers: BTreeMap<Digest, LayerRecord>,
    /// What images say they are.
    claims: BTreeMap<Digest, Vec<LayerClaim>>,
}

impl Known {
    pub(super) fn of(connection: &Connection) -> rusqlite::Result<Known> {
        let mut known = Known::default();
        let mut select = connection
            .prepare("SELECT diff_id, media_type, blob, size, unpacked_size, verified FROM layer_blobs")?;
        for row in select.query_map([], |row| Ok((store::layers::record_at(row)?, row.get(5)?)))? {
            let (layer, verified): (LayerRecord, bool) = row?;
            if verified {
                known.layers.insert(layer.blob.digest.clone(), layer);
            } else {
                let claims = known.claims.entry(layer.blob.digest.clone()).or_default();
                claims.push(LayerClaim { diff_id: layer.diff_id, blob: layer.blob });
            }
        }
        Ok(known)
    }
}

/// Why a blob is not the layer it is said to be, or not even itself.
fn not_the_layer(claim: &LayerClaim, error: StoreError) -> Problem {
    let LayerClaim { diff_id, blob: Target { digest, size, .. } } = claim;
    match error {
        StoreError::WrongLayer { found, .. } => {
            Problem::WrongLayer { digest: digest.clone(), wanted: diff_id.clone(), found }
        }
        StoreError::UnreadableLayer { source, .. } => {
            Problem::UnreadableLayer { digest: digest.clone(), reason: source.to_string() }
        }
        StoreError::Corrupt { .. } => Problem::DamagedBlob { digest: digest.clone(), size: *size },
        error => unreadable(digest, &error),
    }
}
