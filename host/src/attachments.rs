//! What is attached to an image beside it: cosign's signatures, attestations and bills of material, by tags that its digest
//! makes, and manifests that refer to it.

use std::collections::BTreeSet;

use crate::digest::Digest;
use crate::document::described;
use crate::registry::{RegistryError, Repository};
use crate::sandbox::Sandbox;
use crate::source::{Source, SourceError, is_document, read_document};
use crate::types::Descriptor;
use crate::types::manifests::Document;

/// What cosign's tags end with.
const KINDS: [&str; 3] = ["sig", "att", "sbom"];

/// Something that is attached to an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached {
    /// Its manifest or index.
    pub target: Descriptor,
    /// The tag it goes by. `None`: it refers to the image.
    pub tag: Option<String>,
}

fn tags(image: &Digest) -> impl Iterator<Item = String> {
    KINDS.into_iter().map(move |kind| format!("{}-{}.{kind}", image.algorithm().name(), image.hex()))
}

/// What a repository has that is attached to the manifest or the index with this digest: by tags, then by reference.
///
/// # Errors
///
/// [`RegistryError`] where it could not be told.
pub fn in_repository(repository: &Repository, image: &Digest) -> Result<Vec<Attached>, RegistryError> {
    let mut found = Vec::new();
    for tag in tags(image) {
        let Some(manifest) = repository.get_manifest(&tag)? else { continue };
        let target = described(&manifest.media_type, &manifest.digest, manifest.bytes.len() as u64);
        found.push(Attached { target, tag: Some(tag) });
    }
    let known: BTreeSet<String> = found.iter().map(|attached| attached.target.digest.clone()).collect();
    let referrers = repository.referrers(image, None)?.into_iter();
    let referrers = referrers.filter(|entry| !known.contains(&entry.digest));
    found.extend(referrers.map(|target| Attached { target, tag: None }));
    Ok(found)
}

/// The same in a layout, which lists them as it lists images.
///
/// # Errors
///
/// [`SourceError`] where it cannot be read.
pub fn in_source(
    source: &dyn Source,
    sandbox: &Sandbox,
    image: &Digest,
) -> Result<Vec<Attached>, SourceError> {
    let names: Vec<String> = tags(image).collect();
    let mut found: Vec<Attached> = Vec::new();
    for root in source.roots() {
        let target = &root.descriptor;
        if let Some(name) = root.ref_name.as_ref().filter(|name| names.contains(name)) {
            found.push(Attached { target: target.clone(), tag: Some(name.clone()) });
            continue;
        }
        if !is_document(&target.media_type) || root.ref_name.is_some() {
            continue;
        }
        let Some(bytes) = read_document(source, target)? else { continue };
        let subject = match sandbox.parse_manifest(&bytes, None)? {
            Ok(Document::Index(index)) => index.subject,
            Ok(Document::Manifest(manifest)) => manifest.subject,
            Err(_) => None,
        };
        if subject.is_some_and(|subject| subject.digest == image.to_string()) {
            found.push(Attached { target: target.clone(), tag: None });
        }
    }
    Ok(found)
}
