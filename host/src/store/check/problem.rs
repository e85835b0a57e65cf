//! What a check can find.

use crate::digest::Digest;

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Blobs that were read and hashed; none in a quick check.
    pub blobs: u64,
    /// Bytes of these.
    pub bytes: u64,
    /// Names in the catalogue.
    pub names: u64,
    /// Images in the catalogue.
    pub images: u64,
    /// What is not as it should be, in the order of the enum, then by digest or path.
    pub problems: Vec<Problem>,
}

impl Report {
    /// Nothing is damaged or missing. What is left over does no harm.
    pub fn is_sound(&self) -> bool {
        self.problems.iter().all(Problem::is_harmless)
    }
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// SQLite finds fault with the catalogue.
    #[error("the catalogue is damaged: {reason}")]
    DamagedCatalog {
        /// SQLite's message.
        reason: String,
    },
    /// A blob's bytes have another digest.
    #[error("the blob `{digest}` is damaged: its {size} bytes have another digest")]
    DamagedBlob {
        /// Its name.
        digest: Digest,
        /// Bytes found.
        size: u64,
    },
    /// A blob cannot be read.
    #[error("the blob `{digest}` cannot be read: {reason}")]
    UnreadableBlob {
        /// Its name.
        digest: Digest,
        /// The system's message.
        reason: String,
    },
    /// The catalogue refers to content that is not there.
    #[error("`{digest}` is missing, and {wanted_by} needs it")]
    MissingContent {
        /// The content.
        digest: Digest,
        /// What refers to it.
        wanted_by: String,
    },
    /// The catalogue has another size for content than it has.
    #[error("wanted {wanted} bytes of `{digest}` for {wanted_by}, found {found}")]
    WrongSize {
        /// The content.
        digest: Digest,
        /// What refers to it.
        wanted_by: String,
        /// Bytes the catalogue has.
        wanted: u64,
        /// Bytes found.
        found: u64,
    },
    /// A layer's content cannot be decompressed, though its bytes are what they were.
    #[error("the layer `{digest}` cannot be decompressed: {reason}")]
    UnreadableLayer {
        /// Its blob.
        digest: Digest,
        /// What is wrong with it.
        reason: String,
    },
    /// A layer's content has another diff ID or size than the catalogue says.
    #[error(
        "wanted the diff ID `{wanted}` and {wanted_size} bytes for the layer `{digest}`, found `{found}` and {found_size}"
    )]
    WrongDiffId {
        /// Its blob.
        digest: Digest,
        /// The diff ID the catalogue has.
        wanted: Digest,
        /// The one it has.
        found: Digest,
        /// Bytes uncompressed by the catalogue.
        wanted_size: u64,
        /// Bytes uncompressed.
        found_size: u64,
    },
    /// A layer that came without being undone is another than its image says.
    #[error("wanted the diff ID `{wanted}` for the layer `{digest}`, found `{found}`")]
    WrongLayer {
        /// Its blob.
        digest: Digest,
        /// The diff ID that the image has.
        wanted: Digest,
        /// The one it has.
        found: Digest,
    },
    /// The catalogue does not know which blob is a layer of an image that is said to be whole.
    #[error("nothing is known to be the layer `{diff_id}` of the image `{image}`")]
    UnknownLayer {
        /// The image.
        image: Digest,
        /// The layer.
        diff_id: Digest,
    },
    /// What the catalogue says of an index, a manifest or a config is not what that says itself.
    #[error("the catalogue has {what} of `{digest}` other than it is")]
    WrongRecord {
        /// The document.
        digest: Digest,
        /// What differs.
        what: &'static str,
    },
    /// A file among the blobs has a name that is no digest.
    #[error("the file `{path}` is no blob")]
    Stranger {
        /// Relative to the root.
        path: String,
    },
    /// Content that nothing refers to. Harmless; a collection removes it.
    #[error("nothing refers to the blob `{digest}` ({size} bytes)")]
    OrphanBlob {
        /// Its name.
        digest: Digest,
        /// Its bytes.
        size: u64,
    },
    /// What was made of a layer, for reading in it, is damaged or says something else than the layer. Harmless: it is
    /// made again when it is wanted.
    #[error("what was made of the layer `{digest}`, `{path}`, is not that: {reason}")]
    DamagedIndex {
        /// The layer's blob.
        digest: Digest,
        /// Relative to the root.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// What was made of a layer that is not here. Harmless; a collection removes it.
    #[error("nothing refers to what `{path}` was made of ({size} bytes)")]
    OrphanIndex {
        /// Relative to the root.
        path: String,
        /// Its bytes.
        size: u64,
    },
    /// A write that is going on or was abandoned. Harmless; a collection removes it in the latter case.
    #[error("the write `{path}` ({size} bytes) is unfinished")]
    Unfinished {
        /// Relative to the root.
        path: String,
        /// Bytes so far.
        size: u64,
    },
}

impl Problem {
    /// Nothing is lost by it.
    pub fn is_harmless(&self) -> bool {
        matches!(
            self,
            Problem::OrphanBlob { .. }
                | Problem::DamagedIndex { .. }
                | Problem::OrphanIndex { .. }
                | Problem::Unfinished { .. }
                | Problem::Stranger { .. }
        )
    }
}
