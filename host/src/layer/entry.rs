//! What a layer's tar says of one file.

/// One entry of a layer's tar, as its headers say. Nothing about it is trusted: it may have any path.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entry {
    /// The path as written: not normalised, perhaps not UTF-8, at most [`tar::NAME`](super::tar::NAME) bytes, no
    /// NUL.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// Bytes of content; of a sparse file with its holes. 0 for all that is not a file.
    pub size: u64,
    /// Permission bits, set-user-ID, set-group-ID and sticky: at most 0o7777.
    pub mode: u32,
    /// The owner. Names of owners do not count: they mean something on another machine.
    pub uid: u64,
    /// The owning group.
    pub gid: u64,
    /// When its content was changed.
    pub modified: Time,
    /// Where a link leads, as written; for a hard link the path of another entry. Otherwise empty.
    pub link: Vec<u8>,
    /// Major and minor number of a device; otherwise zeros.
    pub device: (u32, u32),
    /// Extended attributes in the order of their names, each name once.
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    /// The runs of data of a sparse file: in order, within its size, not overlapping. Some may be empty.
    pub sparse: Option<Vec<Run>>,
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Kind {
    /// A regular file.
    #[default]
    File,
    /// Another name for an earlier entry, or for a file of a layer below.
    HardLink,
    /// A symbolic link.
    Symlink,
    /// A character device.
    CharDevice,
    /// A block device.
    BlockDevice,
    /// A directory.
    Directory,
    /// A named pipe.
    Fifo,
}

/// A moment, as seconds from 1970 and nanoseconds after them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time {
    /// Negative before 1970.
    pub seconds: i64,
    /// Less than 1,000,000,000.
    pub nanoseconds: u32,
}

/// Data of a sparse file between holes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Run {
    /// Where in the file it starts.
    pub offset: u64,
    /// Its bytes.
    pub size: u64,
}

impl Entry {
    /// Bytes of content that the tar has: those of a sparse file without its holes.
    pub fn stored_size(&self) -> u64 {
        match &self.sparse {
            Some(runs) => runs.iter().map(|run| run.size).sum(),
            None => self.size,
        }
    }

    /// As new, buffers kept.
    pub(super) fn clear(&mut self) {
        let Entry { mut path, mut link, mut xattrs, .. } = std::mem::take(self);
        path.clear();
        link.clear();
        xattrs.clear();
        *self = Entry { path, link, xattrs, ..Entry::default() };
    }
}
