//! Hard links, and a copy where the file system takes no more of them: ext4 takes 65,000 of a file.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};

use rustix::fs::{
    AtFlags, CWD, FileType, Gid, Mode, OFlags, SeekFrom, Stat, Uid, XattrFlags, fchmod, fchown, fgetxattr,
    fsetxattr, fstat, ftruncate, futimens, linkat, openat, seek,
};
use rustix::io::Errno;

use super::access;
use super::fault::{EntryError, Fault, at};
use super::metadata::{is_ours, names};
use super::report::Lost;
use super::stack::times;
use super::writer::Writer;
use crate::layer::entry::Time;
use crate::layer::tree;

/// What a hard link leads to: a name in an open directory.
pub(super) struct Target {
    directory: OwnedFd,
    name: Vec<u8>,
    path: Vec<u8>,
}

const LINKING: &str = "making a hard link";
const COPYING: &str = "copying a file that takes no more links";

/// Files that take no more links, by device and inode, and the copy that stands for each from then on.
pub(super) struct Copies {
    open: HashMap<(u64, u64), OwnedFd>,
    /// Bytes that may still be copied.
    left: u64,
}

impl Copies {
    /// Of so many bytes together: links take next to nothing of a layer, and what is copied for them may be all of it.
    pub(super) fn new(most: u64) -> Copies {
        Copies { open: HashMap::new(), left: most }
    }
}

/// Copies that are kept open: to have one takes as many entries as a file takes links.
const OPEN: usize = 64;

impl Writer {
    /// Where a hard link leads.
    pub(super) fn target(&mut self, link: &[u8]) -> Result<Target, EntryError> {
        let outside =
            || EntryError::LinkOutside { target: String::from_utf8_lossy(link).chars().take(200).collect() };
        let path = tree::clean(link).filter(|path| !path.is_empty()).ok_or_else(outside)?.into_owned();
        let (directory, name) = tree::split(&path);
        if !self.stack.find(directory)? {
            return Err(at(LINKING)(Errno::NOENT).into());
        }
        let directory = rustix::io::fcntl_dupfd_cloexec(self.stack.fd(), 0).map_err(at(LINKING))?;
        Ok(Target { directory, name: name.to_vec(), path })
    }

    /// A hard link has nothing but its name: owner, mode and the rest are those of the file.
    pub(super) fn hard_link(&mut self, path: &[u8], name: &[u8], target: &Target) -> Result<(), EntryError> {
        let here = self.stack.fd();
        let link = || linkat(&target.directory, &target.name, here, name, AtFlags::empty());
        let mut linked = link();
        if linked == Err(Errno::EXIST) {
            let look = |fd, name| rustix::fs::statat(fd, name, AtFlags::SYMLINK_NOFOLLOW);
            let (old, new) = (look(here, name), look(target.directory.as_fd(), &target.name));
            let same = |old: Stat, new: Stat| (old.st_dev, old.st_ino) == (new.st_dev, new.st_ino);
            if target.path == path || matches!((old, new), (Ok(old), Ok(new)) if same(old, new)) {
                return Ok(());
            }
            access::remove(here, name).map_err(at("replacing"))?;
            linked = link();
        }
        match linked {
            Err(Errno::MLINK) => {
                if self.link_to_copy(name, target)? {
                    self.report.lost(Lost::Link, path, &target.path);
                }
                Ok(())
            }
            linked => Ok(linked.map_err(at(LINKING))?),
        }
    }

    /// Makes the name one of the copy of a file that takes no more links. True where it is the first of a copy.
    fn link_to_copy(&mut self, name: &[u8], target: &Target) -> Result<bool, Fault> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let source = match openat(&target.directory, &target.name, flags, Mode::empty()) {
            // A symbolic link, a device.
            Err(Errno::LOOP | Errno::NXIO) => return Err(at(LINKING)(Errno::MLINK)),
            opened => opened.map_err(at(COPYING))?,
        };
        let stat = fstat(&source).map_err(at(COPYING))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(at(LINKING)(Errno::MLINK));
        }
        let (here, key) = (self.stack.fd(), (stat.st_dev, stat.st_ino));
        if let Some(copy) = self.copies.open.get(&key) {
            let itself = format!("/proc/self/fd/{}", copy.as_raw_fd());
            match linkat(CWD, itself, here, name, AtFlags::SYMLINK_FOLLOW) {
                // It is full, too, or removed by now.
                Err(Errno::MLINK | Errno::NOENT) => {}
                linked => return linked.map(|()| false).map_err(at(LINKING)),
            }
        }
        let size = u64::try_from(stat.st_blocks).unwrap_or(u64::MAX).saturating_mul(512);
        self.copies.left = self.copies.left.checked_sub(size).ok_or_else(|| at(COPYING)(Errno::MLINK))?;
        let copy = copy(source, &stat, here, name, self.setter.rootless)?;
        if self.copies.open.len() >= OPEN {
            self.copies.open.clear();
        }
        self.copies.open.insert(key, copy);
        Ok(true)
    }
}

/// Makes a file with the content and all else of another.
fn copy(
    source: OwnedFd,
    stat: &Stat,
    here: BorrowedFd<'_>,
    name: &[u8],
    rootless: bool,
) -> Result<OwnedFd, Fault> {
    let failed = at(COPYING);
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = openat(here, name, flags, Mode::from_raw_mode(0o600)).map_err(&failed)?;
    let (source, to) = (File::from(source), File::from(fd));
    copy_data(&source, &to).map_err(|error| failed(Errno::from_io_error(&error).unwrap_or(Errno::IO)))?;
    ftruncate(&to, u64::try_from(stat.st_size).unwrap_or_default()).map_err(&failed)?;
    if !rootless {
        fchown(&to, Some(Uid::from_raw(stat.st_uid)), Some(Gid::from_raw(stat.st_gid))).map_err(&failed)?;
    }
    for name in
        names(source.as_fd())?.split(|byte| *byte == 0).filter(|name| !name.is_empty() && is_ours(name))
    {
        // As large as Linux takes them.
        let mut value = vec![0; 64 << 10];
        let length = fgetxattr(&source, name, &mut value[..]).map_err(&failed)?;
        fsetxattr(&to, name, &value[..length], XattrFlags::empty()).map_err(&failed)?;
    }
    fchmod(&to, Mode::from_raw_mode(stat.st_mode & 0o7777)).map_err(&failed)?;
    let nanoseconds = u32::try_from(stat.st_mtime_nsec).unwrap_or(0);
    futimens(&to, &times(Time { seconds: stat.st_mtime, nanoseconds })).map_err(&failed)?;
    Ok(to.into())
}

/// Copies what a file has between its holes: a few bytes of a layer make holes of any size.
fn copy_data(mut source: &File, mut to: &File) -> io::Result<()> {
    let mut end = 0;
    loop {
        let start = match seek(source, SeekFrom::Data(end)) {
            // There is no more.
            Err(Errno::NXIO) => return Ok(()),
            start => start?,
        };
        end = seek(source, SeekFrom::Hole(start))?;
        seek(source, SeekFrom::Start(start))?;
        seek(to, SeekFrom::Start(start))?;
        let length = end - start;
        if io::copy(&mut source.by_ref().take(length), &mut to)? < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}
