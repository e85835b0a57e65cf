//! Opening directories, never through a link, and removing what is in them.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, fchmod, fstat, openat, renameat, unlinkat};
use rustix::io::Errno;

/// A directory, open.
pub(super) struct Opened {
    pub(super) fd: OwnedFd,
    pub(super) stat: Stat,
    /// The mode it has to be given back, where it had to be changed to get in.
    pub(super) mode: Option<u32>,
}

/// Whether the process may do what it likes with files of any mode. Others have to give themselves access first.
pub(super) fn is_privileged() -> bool {
    rustix::process::geteuid().is_root()
}

const FLAGS: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Opens a directory in `parent`, so that entries can be made in it.
///
/// `Errno::NOTDIR` where it is something else, a link to a directory among others.
pub(super) fn open(parent: BorrowedFd<'_>, name: &[u8]) -> Result<Opened, Errno> {
    let privileged = is_privileged();
    let fd = match openat(parent, name, FLAGS, Mode::empty()) {
        Err(Errno::ACCESS) if !privileged => {
            let path = openat(parent, name, FLAGS | OFlags::PATH, Mode::empty())?;
            let mode = fstat(&path)?.st_mode & 0o7777;
            let itself = format!("/proc/self/fd/{}", path.as_raw_fd());
            rustix::fs::chmod(&itself, Mode::from_raw_mode(mode | 0o700))?;
            let fd = openat(parent, name, FLAGS, Mode::empty())?;
            let stat = fstat(&fd)?;
            return Ok(Opened { fd, stat, mode: Some(mode) });
        }
        Err(Errno::LOOP) => return Err(Errno::NOTDIR),
        opened => opened?,
    };
    let stat = fstat(&fd)?;
    let mode = stat.st_mode & 0o7777;
    if privileged || mode & 0o700 == 0o700 {
        return Ok(Opened { fd, stat, mode: None });
    }
    fchmod(&fd, Mode::from_raw_mode(mode | 0o700))?;
    Ok(Opened { fd, stat, mode: Some(mode) })
}

/// Removes what is at `name`, and if that is a directory all below it. Nothing there is no error.
pub(super) fn remove(parent: BorrowedFd<'_>, name: &[u8]) -> Result<(), Errno> {
    match unlinkat(parent, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => return Ok(()),
        // Linux says the one, POSIX the other.
        Err(Errno::ISDIR | Errno::PERM) => {}
        Err(errno) => return Err(errno),
    }
    match unlinkat(parent, name, AtFlags::REMOVEDIR) {
        Err(Errno::NOTEMPTY | Errno::EXIST | Errno::ACCESS) => {}
        done => return done,
    }
    let opened = open(parent, name)?;
    empty(opened.fd.as_fd())?;
    unlinkat(parent, name, AtFlags::REMOVEDIR)
}

/// Directories below the one being emptied that are open at a time.
const DEPTH: usize = 32;

/// Removes all that is in a directory, however deep that goes.
pub(super) fn empty(top: BorrowedFd<'_>) -> Result<(), Errno> {
    let mut moved = 0u64;
    let mut stack: Vec<(OwnedFd, Vec<u8>)> = Vec::new();
    loop {
        let here = stack.last().map_or(top, |(fd, _)| fd.as_fd());
        let Some(below) = clear(here)? else {
            let Some((_, name)) = stack.pop() else { return Ok(()) };
            let parent = stack.last().map_or(top, |(fd, _)| fd.as_fd());
            unlinkat(parent, &name, AtFlags::REMOVEDIR)?;
            continue;
        };
        if stack.len() < DEPTH {
            let opened = open(here, &below)?;
            stack.push((opened.fd, below));
            continue;
        }
        // Deeper ones are brought up, so that there is no end to how deep it may go. A name that is taken is
        // that of a directory with something in it.
        loop {
            moved += 1;
            // What is not its owner's to write cannot be moved to another directory.
            let _ = open(here, &below)?;
            match renameat(here, &below, top, format!("{moved:x}")) {
                Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOTDIR | Errno::ISDIR) => {}
                done => break done?,
            }
        }
    }
}

/// Removes what is no directory; the name of a directory, if there is one.
fn clear(directory: BorrowedFd<'_>) -> Result<Option<Vec<u8>>, Errno> {
    for (name, kind) in entries(directory)? {
        if kind == FileType::Directory {
            return Ok(Some(name));
        }
        match unlinkat(directory, &name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(Errno::ISDIR | Errno::PERM) if kind == FileType::Unknown => return Ok(Some(name)),
            Err(errno) => return Err(errno),
        }
    }
    Ok(None)
}

/// What is in a directory, without `.` and `..`, in no order.
pub(super) fn entries(directory: BorrowedFd<'_>) -> Result<Vec<(Vec<u8>, FileType)>, Errno> {
    let mut found = Vec::new();
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            found.push((name.to_vec(), entry.file_type()));
        }
    }
    // What is removed first decides what is seen of a removal that fails.
    found.sort_by_key(|(_, kind)| *kind == FileType::Directory);
    Ok(found)
}

/// Opens a regular file of an unpacked image. Links are followed as they lead within the image: from its root where they
/// are absolute, and never above it.
pub(super) fn open_file(root: &cap_std::fs::Dir, path: &str) -> std::io::Result<std::fs::File> {
    use rustix::fs::{ResolveFlags, openat2};

    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let file = match openat2(root, path, flags, Mode::empty(), resolve) {
        // Before Linux 5.6, and where it is not let through: what needs no links is still found.
        Err(Errno::NOSYS | Errno::PERM) => root.open(path)?.into_std(),
        opened => std::fs::File::from(opened?),
    };
    if !file.metadata()?.is_file() {
        return Err(std::io::Error::other("it is no regular file"));
    }
    Ok(file)
}
