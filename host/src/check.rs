//! Whether a store is what it says it is, documents included: what the catalogue says of them is held
//! against what the guest reads in them.

use crate::digest::{Digest, NotADigest};
use crate::image::{self, ImageError};
use crate::sandbox::{Sandbox, SandboxError};
use crate::store::{CheckOptions, DOCUMENT_LIMIT, Problem, Report, Store, StoreError, Target};
use crate::types::manifests::Document;

/// Why a check could not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The component did not answer.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
}

/// What [`Store::check_with`] checks, and, unless it is to be quick, what the catalogue says of documents.
///
/// # Errors
/// Only where the check itself cannot go on; what it finds is in the report.
pub fn check(store: &Store, sandbox: &Sandbox, options: CheckOptions) -> Result<Report, CheckError> {
    let mut report = store.check_with(options)?;
    if options.quick {
        return Ok(report);
    }
    for document in store.documents().list()? {
        let what = check_document(store, sandbox, &document)?;
        report.problems.extend(what.map(|what| Problem::WrongRecord { digest: document.digest, what }));
    }
    for id in store.images().ids()? {
        let what = check_image(store, sandbox, &id)?;
        report.problems.extend(what.map(|what| Problem::WrongRecord { digest: id, what }));
    }
    report.problems.sort();
    report.problems.dedup();
    Ok(report)
}

/// The bytes of a document. `None` where they are damaged or not here, which is a problem of its own.
pub(crate) fn read(store: &Store, digest: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
    match store.read(digest, DOCUMENT_LIMIT) {
        Err(StoreError::Corrupt { .. } | StoreError::TooLarge { .. } | StoreError::Io { .. }) => Ok(None),
        read => read,
    }
}

fn check_document(
    store: &Store,
    sandbox: &Sandbox,
    document: &Target,
) -> Result<Option<&'static str>, CheckError> {
    let Some(bytes) = read(store, &document.digest)? else { return Ok(None) };
    let Ok(parsed) = sandbox.parse_manifest(&bytes, Some(&document.media_type))? else {
        return Ok(Some("the kind"));
    };
    let documents = store.documents();
    let (config, listed) = match &parsed {
        Document::Index(index) => (None, &index.entries),
        Document::Manifest(manifest) => (Some(&manifest.config), &manifest.layers),
    };
    let config = config.map(|config| config.digest.parse::<Digest>()).transpose();
    if config.ok() != Some(documents.config(&document.digest)?) {
        return Ok(Some("the config"));
    }
    let listed: Result<Vec<Target>, NotADigest> = listed.iter().map(Target::try_from).collect();
    let known = documents.entries(&document.digest)?;
    Ok((listed.ok() != Some(known)).then_some("what it lists"))
}

fn check_image(store: &Store, sandbox: &Sandbox, id: &Digest) -> Result<Option<&'static str>, CheckError> {
    let record = match image::find_record(store, sandbox, id) {
        Ok(record) => record,
        Err(error) if image::is_unreadable(&error) => {
            // Whether its bytes are damaged has been asked; here they are none of a config.
            return Ok(read(store, id)?.map(|_| "the kind"));
        }
        Err(ImageError::Store(error)) => return Err(error.into()),
        Err(ImageError::Sandbox(error)) => return Err(error.into()),
        Err(_) => return Ok(Some("the kind")),
    };
    let (Some(found), Some(known)) = (record, store.images().get(id)?) else { return Ok(None) };
    Ok(if found.diff_ids != known.diff_ids || found.chain_ids.last() != known.chain_id.as_ref() {
        Some("the layers")
    } else if found.platform != known.platform {
        Some("the platform")
    } else if found.created != known.created {
        Some("the time")
    } else {
        None
    })
}
