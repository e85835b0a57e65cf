//! `consign:image/content`: what the component asks for, within the bounds of `wit/content.wit`.

use super::State;
use crate::bindings::consign::image::{content as wit, types as shared};
use crate::content::{Content, ContentError, MAX_DOCUMENTS, MAX_FOUND};
use crate::digest::Digest;
use crate::source::DOCUMENT_LIMIT;
use crate::types::{self, Descriptor, ImageName};

impl From<ContentError> for types::ContentError {
    fn from(error: ContentError) -> Self {
        match error {
            ContentError::TooLarge { size, limit } => types::ContentError::TooLarge((size, limit)),
            ContentError::Corrupt { digest } => types::ContentError::Corrupt(digest),
            ContentError::Unavailable { reason } => types::ContentError::Unavailable(reason),
        }
    }
}

impl shared::Host for State {}

impl State {
    fn ask<R: Default>(
        &self,
        question: impl FnOnce(&dyn Content) -> Result<R, ContentError>,
    ) -> Result<R, types::ContentError> {
        self.content.as_deref().map_or_else(|| Ok(R::default()), |content| Ok(question(content)?))
    }
}

/// Whoever wrote the content's side, the guest sees no bytes that are others or too many.
fn checked(bytes: Vec<u8>, target: &Descriptor) -> Result<Vec<u8>, ContentError> {
    let size = bytes.len() as u64;
    if size > DOCUMENT_LIMIT {
        return Err(ContentError::TooLarge { size, limit: DOCUMENT_LIMIT });
    }
    match target.digest.parse::<Digest>() {
        Ok(digest) if digest.verifies(&bytes) => Ok(bytes),
        _ => Err(ContentError::Corrupt { digest: target.digest.clone() }),
    }
}

/// What `wit/content.wit` allows.
fn at_most(mut found: Vec<Descriptor>, limit: usize) -> Vec<Descriptor> {
    found.truncate(limit);
    found
}

impl wit::Host for State {
    fn find(&mut self, name: ImageName) -> Result<Option<Descriptor>, types::ContentError> {
        self.ask(|content| content.find(&name))
    }

    fn search(&mut self, prefix: String) -> Result<Vec<Descriptor>, types::ContentError> {
        self.ask(|content| content.search(&prefix).map(|found| at_most(found, MAX_FOUND)))
    }

    fn read(&mut self, target: Descriptor) -> Result<Option<Vec<u8>>, types::ContentError> {
        self.ask(|content| {
            if target.size > DOCUMENT_LIMIT {
                return Err(ContentError::TooLarge { size: target.size, limit: DOCUMENT_LIMIT });
            }
            let bytes = content.read(&target)?;
            bytes.map(|bytes| checked(bytes, &target)).transpose()
        })
    }

    fn indexes(&mut self, config: String) -> Result<Vec<Descriptor>, types::ContentError> {
        self.ask(|content| content.indexes(&config).map(|found| at_most(found, MAX_DOCUMENTS)))
    }

    fn manifests(&mut self, config: String) -> Result<Vec<Descriptor>, types::ContentError> {
        self.ask(|content| content.manifests(&config).map(|found| at_most(found, MAX_DOCUMENTS)))
    }
}
