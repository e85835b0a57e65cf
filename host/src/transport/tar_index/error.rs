//! What can be wrong with a tar.

use std::io;

/// A tar cannot be used. Offsets are bytes from the start of the uncompressed archive.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TarError {
    /// The archive ends within an entry.
    #[error("archive is truncated: `{name}` needs bytes up to {wanted}, the archive ends at byte {found}")]
    Truncated {
        /// The entry, or what was being read.
        name: String,
        /// Where it should have ended.
        wanted: u64,
        /// Where the archive ends.
        found: u64,
    },
    /// A header is not one.
    #[error("archive has no tar header at byte {offset}: {reason}")]
    BadHeader {
        /// Where the header starts.
        offset: u64,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// An entry's name is absolute or climbs out of the archive.
    #[error("archive entry at byte {offset} has a name outside the archive: `{name}`")]
    UnsafeName {
        /// Where its header starts.
        offset: u64,
        /// The name as written.
        name: String,
    },
    /// A link that is needed leads out of the archive, in circles, or nowhere.
    #[error("archive entry `{name}` is a link to `{target}`, which is no file in the archive")]
    BadLink {
        /// The link.
        name: String,
        /// Its target as written.
        target: String,
    },
    /// A kind of entry that is not read.
    #[error("archive entry `{name}` is of a kind that is not supported: {kind}")]
    Unsupported {
        /// The entry.
        name: String,
        /// What it is.
        kind: &'static str,
    },
    /// A name that decides the archive's meaning is there twice.
    #[error("archive holds `{name}` twice, at bytes {first} and {second}")]
    Duplicate {
        /// The entry.
        name: String,
        /// Header of the first.
        first: u64,
        /// Header of the second.
        second: u64,
    },
    /// A limit was passed.
    #[error("archive has more than {limit} {what}")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How many there may be.
        limit: usize,
    },
    /// Reading failed.
    #[error("reading the archive at byte {offset}")]
    Read {
        /// Where.
        offset: u64,
        /// Why.
        source: io::Error,
    },
}
