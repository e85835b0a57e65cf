//! What a name, an index or a manifest points at.

use crate::digest::{Digest, NotADigest};
use crate::types::Descriptor;

/// A pointer to content, as far as the store needs one: the digest has been checked for its form.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// As the pointer's document wrote it.
    pub media_type: String,
    /// The content's digest.
    pub digest: Digest,
    /// The content's bytes.
    pub size: u64,
}

impl From<&Target> for Descriptor {
    fn from(target: &Target) -> Descriptor {
        Descriptor {
            media_type: target.media_type.clone(),
            digest: target.digest.to_string(),
            size: target.size,
            platform: None,
            annotations: Vec::new(),
            artifact_type: None,
        }
    }
}

impl TryFrom<&Descriptor> for Target {
    type Error = NotADigest;

    fn try_from(descriptor: &Descriptor) -> Result<Target, NotADigest> {
        Ok(Target {
            media_type: descriptor.media_type.clone(),
            digest: descriptor.digest.parse()?,
            size: descriptor.size,
        })
    }
}
