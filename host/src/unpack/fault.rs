//! What goes wrong with one entry.

use std::io;

use rustix::io::Errno;

/// An entry could not be written as it should be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EntryError {
    /// Its path leads out of the root.
    #[error("wanted a path in the root, found one with `..`")]
    Outside,
    /// A hard link's target leads out of the root.
    #[error("wanted a hard link to a path in the root, found `{target}`")]
    LinkOutside {
        /// As written, for people.
        target: String,
    },
    /// It would make the root something else than a directory.
    #[error("wanted a directory at the root, found something else")]
    RootReplaced,
    /// Its path is longer than Linux takes.
    #[error("wanted a path of at most {limit} bytes, found {found}")]
    PathTooLong {
        /// Bytes it has.
        found: usize,
        /// Bytes it may have.
        limit: usize,
    },
    /// There is no such owner on Linux.
    #[error("wanted an owner below 4294967295, found {found}")]
    NoSuchOwner {
        /// User or group as written.
        found: u64,
    },
    /// A layer above others has more entries than are kept track of.
    #[error("wanted a layer of at most {limit} entries, found more")]
    TooManyEntries {
        /// How many there may be.
        limit: usize,
    },
    /// The system refused.
    #[error("{doing} failed: {source}")]
    System {
        /// What was done.
        doing: &'static str,
        /// Why it was not.
        source: io::Error,
    },
}

/// The same, before it is known which entry it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) doing: &'static str,
    pub(super) errno: Errno,
}

/// Says what was done when the system refused.
pub(super) fn at(doing: &'static str) -> impl Fn(Errno) -> Fault {
    move |errno| Fault { doing, errno }
}

impl From<Fault> for EntryError {
    fn from(fault: Fault) -> EntryError {
        EntryError::System { doing: fault.doing, source: fault.errno.into() }
    }
}

impl EntryError {
    /// Whether there is no use in trying other entries.
    pub(super) fn is_final(&self) -> bool {
        let EntryError::System { doing, source } = self else { return false };
        // A file system also says that there is no space where an attribute is larger than it keeps.
        *doing != ATTRIBUTE
            && matches!(
                source.raw_os_error().map(Errno::from_raw_os_error),
                Some(Errno::NOSPC | Errno::DQUOT | Errno::ROFS | Errno::IO | Errno::MFILE | Errno::NFILE)
            )
    }
}

/// What setting an extended attribute is called.
pub(super) const ATTRIBUTE: &str = "setting an extended attribute";
