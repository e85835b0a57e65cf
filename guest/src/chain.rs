//! Chain IDs (image-spec, config.md, "Layer ChainID").

use crate::digest;
use crate::manifest::MAX_LAYERS;
use crate::prelude::*;
use crate::wit::exports::consign::image::digests::Algorithm;
use crate::wit::exports::consign::image::manifests::{ManifestError, ManifestProblem};

/// Chain IDs of the layers with these diff IDs, base layer first: the first is the diff ID itself,
/// each later one the SHA-256 of the one before, a space and the diff ID.
///
/// The strings are taken as they are, as image-spec's `identity.ChainIDs` does; those of an image
/// config that was read here are digests. More than [`MAX_LAYERS`] are an error.
pub fn ids(diff_ids: &[String]) -> Result<Vec<String>, ManifestError> {
    if diff_ids.len() > MAX_LAYERS {
        let found = ("layers".to_owned(), MAX_LAYERS as u64, diff_ids.len() as u64);
        return Err(ManifestError { offset: 0, problem: ManifestProblem::TooLarge(found) });
    }
    let mut chain: Vec<String> = Vec::with_capacity(diff_ids.len());
    for diff_id in diff_ids {
        chain.push(match chain.last() {
            None => diff_id.clone(),
            Some(parent) => digest::compute(Algorithm::Sha256, format!("{parent} {diff_id}").as_bytes()),
        });
    }
    Ok(chain)
}
