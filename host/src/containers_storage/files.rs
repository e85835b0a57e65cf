//! The files of one layer.

use std::fs::File;
use std::io;

use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt as _};
use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

/// A layer's directory. Nothing outside it is opened, whatever links are in it.
#[derive(Debug)]
pub(crate) struct Files(Dir);

impl Files {
    pub(crate) fn new(directory: Dir) -> Files {
        Files(directory)
    }

    /// The regular file at a path of the layer, which has to be this long.
    pub(crate) fn open(&self, path: &[u8], size: u64) -> io::Result<File> {
        // A pipe put in a file's place would be waited for.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        // As the layer was unpacked: an absolute link leads into it.
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        let file = match rustix::fs::openat2(&self.0, path, flags, Mode::empty(), resolve) {
            Ok(file) => File::from(file),
            // Linux before 5.6, and sandboxes that do not know the call.
            Err(Errno::NOSYS | Errno::PERM) => self.open_beneath(path)?,
            Err(errno) => return Err(errno.into()),
        };
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::other("wanted a regular file, found something else"));
        }
        if metadata.len() != size {
            return Err(io::Error::other(format!("wanted {size} bytes, found {}", metadata.len())));
        }
        Ok(file)
    }

    /// The same without links that are absolute.
    fn open_beneath(&self, path: &[u8]) -> io::Result<File> {
        use std::os::unix::ffi::OsStrExt as _;
        let start = path.iter().position(|byte| *byte != b'/').unwrap_or(path.len());
        let path = std::ffi::OsStr::from_bytes(&path[start..]);
        let mut options = OpenOptions::new();
        options.read(true).custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32);
        Ok(self.0.open_with(path, &options)?.into_std())
    }
}
