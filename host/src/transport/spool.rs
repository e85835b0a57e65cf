//! A temporary file that has no name: it goes when it is closed, whatever happens to the process.

use std::fs::File;

use cap_std::fs::{Dir, OpenOptions};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::source::SourceError;

/// An empty file in `directory`, open for reading and writing.
pub(super) fn create(directory: Option<&Dir>) -> Result<File, SourceError> {
    let directory = directory.ok_or(SourceError::NoSpool)?;
    unnamed(directory).map_err(|source| SourceError::Spool { source })
}

/// The same, with the system's error.
pub(crate) fn unnamed(directory: &Dir) -> std::io::Result<File> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    match rustix::fs::openat(directory, ".", flags, Mode::RUSR | Mode::WUSR) {
        Ok(file) => Ok(file.into()),
        // File systems without it (overlayfs before 6.0, NFS) say so in different ways.
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL | Errno::NOENT) => named(directory),
        Err(errno) => Err(errno.into()),
    }
}

/// A file that is made under a name and loses it at once.
fn named(directory: &Dir) -> std::io::Result<File> {
    let now = crate::clock::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let name = format!("spool-{:x}-{:x}", std::process::id(), now.as_nanos());
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    let file = directory.open_with(&name, &options)?;
    directory.remove_file(&name)?;
    Ok(file.into_std())
}
