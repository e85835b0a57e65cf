//! What the guest may ask of the world: the `consign:image/content` interface as a trait.

use std::sync::Arc;

use crate::types::{Descriptor, ImageName};

/// Why content could not be answered for. Not being there is not an error.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ContentError {
    /// The content is larger than it may be.
    #[error("content of {size} bytes is over the limit of {limit}")]
    TooLarge {
        /// Bytes found.
        size: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// What was found does not have the digest that was asked for.
    #[error("content does not have its digest `{digest}`")]
    Corrupt {
        /// The digest that was wanted.
        digest: String,
    },
    /// Reading failed.
    #[error("content is unavailable: {reason}")]
    Unavailable {
        /// For people.
        reason: String,
    },
}

/// Images that a search answers with at most.
pub const MAX_FOUND: usize = 16;
/// Indexes, and manifests, that are answered with at most.
pub const MAX_DOCUMENTS: usize = 64;

/// A place images can be looked up in: the store, an archive, a directory, a registry.
///
/// The sandbox does not rely on it: before the guest sees an answer it checks the digest of what
/// [`Content::read`] returned, refuses more than 4 MiB, and cuts lists that are too long.
pub trait Content: Send + Sync {
    /// What exactly this name points at: an index, a manifest or an image config.
    ///
    /// # Errors
    ///
    /// [`ContentError`] where it cannot be found out. Not being there is no error.
    fn find(&self, name: &ImageName) -> Result<Option<Descriptor>, ContentError>;

    /// Configs of images whose ID starts with `prefix` (hexadecimal, or `algorithm:hex`), ascending,
    /// at most 16. A whole digest that is no image's ID also finds the manifest or index with it.
    ///
    /// # Errors
    ///
    /// [`ContentError`] where it cannot be found out. Not being there is no error.
    fn search(&self, prefix: &str) -> Result<Vec<Descriptor>, ContentError>;

    /// The whole content of `target`, verified. `None` where it is not here.
    ///
    /// # Errors
    ///
    /// [`ContentError`] where it cannot be found out. Not being there is no error.
    fn read(&self, target: &Descriptor) -> Result<Option<Vec<u8>>, ContentError>;

    /// Indexes kept here that may hold the image with this config digest, oldest first, at most 64.
    ///
    /// # Errors
    ///
    /// [`ContentError`] where it cannot be found out. Not being there is no error.
    fn indexes(&self, config: &str) -> Result<Vec<Descriptor>, ContentError>;

    /// Manifests kept here whose config has this digest, oldest first, at most 64.
    ///
    /// # Errors
    ///
    /// [`ContentError`] where it cannot be found out. Not being there is no error.
    fn manifests(&self, config: &str) -> Result<Vec<Descriptor>, ContentError>;
}

/// Several places as one, the first of which counts where names or content are in more than one.
pub struct Stacked(Vec<Arc<dyn Content>>);

impl Stacked {
    /// These places, in this order.
    pub fn new(places: Vec<Arc<dyn Content>>) -> Self {
        Stacked(places)
    }

    /// The first answer there is. A place that cannot answer is passed over where another can.
    fn first<T>(
        &self,
        ask: impl Fn(&dyn Content) -> Result<Option<T>, ContentError>,
    ) -> Result<Option<T>, ContentError> {
        let mut failed = None;
        for place in &self.0 {
            match ask(&**place) {
                Ok(Some(found)) => return Ok(Some(found)),
                Ok(None) => {}
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(None), Err)
    }

    /// All answers, each descriptor once; those of the last place first.
    fn all(
        &self,
        ask: impl Fn(&dyn Content) -> Result<Vec<Descriptor>, ContentError>,
    ) -> Result<Vec<Descriptor>, ContentError> {
        let mut all: Vec<Descriptor> = Vec::new();
        for place in self.0.iter().rev() {
            let found = ask(&**place)?;
            all.retain(|known| found.iter().all(|found| found.digest != known.digest));
            all.extend(found);
        }
        Ok(all)
    }
}

impl Content for Stacked {
    fn find(&self, name: &ImageName) -> Result<Option<Descriptor>, ContentError> {
        self.first(|place| place.find(name))
    }

    fn search(&self, prefix: &str) -> Result<Vec<Descriptor>, ContentError> {
        let mut found = self.all(|place| place.search(prefix))?;
        found.sort_by(|left, right| left.digest.cmp(&right.digest));
        found.truncate(MAX_FOUND);
        Ok(found)
    }

    fn read(&self, target: &Descriptor) -> Result<Option<Vec<u8>>, ContentError> {
        self.first(|place| place.read(target))
    }

    fn indexes(&self, config: &str) -> Result<Vec<Descriptor>, ContentError> {
        self.all(|place| place.indexes(config)).map(newest)
    }

    fn manifests(&self, config: &str) -> Result<Vec<Descriptor>, ContentError> {
        self.all(|place| place.manifests(config)).map(newest)
    }
}

/// The last of a list that may be too long.
fn newest(mut found: Vec<Descriptor>) -> Vec<Descriptor> {
    found.drain(..found.len().saturating_sub(MAX_DOCUMENTS));
    found
}
