//! The store as a place the guest can ask.

use super::{DOCUMENT_LIMIT, Store, StoreError};
use crate::content::{Content, ContentError};
use crate::digest::Digest;
use crate::types::{Descriptor, ImageName};

impl Content for Store {
    /// The name itself; for a name with a digest also any name of the repository that points at that digest.
    fn find(&self, name: &ImageName) -> Result<Option<Descriptor>, ContentError> {
        let names = self.names();
        if let Some(target) = names.get(name)? {
            return Ok(Some(Descriptor::from(&target)));
        }
        let Some(digest) = &name.digest else { return Ok(None) };
        let Ok(digest) = digest.parse::<Digest>() else { return Ok(None) };
        Ok(names.get_by_digest(name, &digest)?.as_ref().map(Descriptor::from))
    }

    fn search(&self, prefix: &str) -> Result<Vec<Descriptor>, ContentError> {
        let images = self.images().candidates(prefix)?;
        if let (true, Ok(digest)) = (images.is_empty(), prefix.parse::<Digest>()) {
            let document = self.documents().get(&digest)?;
            return Ok(document.iter().map(Descriptor::from).collect());
        }
        Ok(images.iter().map(Descriptor::from).collect())
    }

    /// Bounded to 4 MiB.
    fn read(&self, target: &Descriptor) -> Result<Option<Vec<u8>>, ContentError> {
        let Ok(digest) = target.digest.parse::<Digest>() else { return Ok(None) };
        let bytes = Store::read(self, &digest, DOCUMENT_LIMIT)?;
        match bytes {
            // The descriptor lies about the size; the content it means is not this.
            Some(bytes) if bytes.len() as u64 != target.size => {
                Err(ContentError::Corrupt { digest: digest.to_string() })
            }
            bytes => Ok(bytes),
        }
    }

    fn indexes(&self, config: &str) -> Result<Vec<Descriptor>, ContentError> {
        let Ok(config) = config.parse::<Digest>() else { return Ok(Vec::new()) };
        Ok(self.documents().indexes(&config)?.iter().map(Descriptor::from).collect())
    }

    fn manifests(&self, config: &str) -> Result<Vec<Descriptor>, ContentError> {
        let Ok(config) = config.parse::<Digest>() else { return Ok(Vec::new()) };
        Ok(self.documents().manifests(&config)?.iter().map(Descriptor::from).collect())
    }
}

impl From<StoreError> for ContentError {
    fn from(error: StoreError) -> ContentError {
        match error {
            StoreError::TooLarge { size, limit, .. } => ContentError::TooLarge { size, limit },
            StoreError::Corrupt { digest } => ContentError::Corrupt { digest: digest.to_string() },
            other => {
                let mut reason = other.to_string();
                if let Some(source) = std::error::Error::source(&other) {
                    reason.push_str(&format!(": {source}"));
                }
                ContentError::Unavailable { reason }
            }
        }
    }
}
