//! Hiding what layers below have (image-spec, layer.md, "Whiteouts"): here it is removed. What the layer itself has
//! stays, wherever its whiteouts stand.

use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{FileType, Mode, fchmod, futimens};
use rustix::io::Errno;

use super::access;
use super::fault::{EntryError, at};
use super::metadata::forget;
use super::stack::times;
use super::writer::Writer;
use crate::layer::entry::Time;
use crate::layer::tree::join;

/// Hides what is at `name` in the directory that is open.
pub(super) fn hide(writer: &mut Writer, directory: &[u8], name: &[u8]) -> Result<(), EntryError> {
    writer.stack.top().touched = true;
    let here = rustix::io::fcntl_dupfd_cloexec(writer.stack.fd(), 0).map_err(at("hiding"))?;
    let path = join(directory, name);
    remove_lower(writer, here.as_fd(), name, &path, FileType::Unknown)
}

/// Hides what is in the directory that is open.
pub(super) fn hide_below(writer: &mut Writer, directory: &[u8]) -> Result<(), EntryError> {
    writer.stack.top().touched = true;
    let here = rustix::io::fcntl_dupfd_cloexec(writer.stack.fd(), 0).map_err(at("hiding"))?;
    remove_lower_below(writer, here.as_fd(), directory)
}

fn remove_lower_below(writer: &mut Writer, directory: BorrowedFd<'_>, path: &[u8]) -> Result<(), EntryError> {
    for (name, kind) in access::entries(directory).map_err(at("hiding"))? {
        remove_lower(writer, directory, &name, &join(path, &name), kind)?;
    }
    Ok(())
}

/// Removes what is not of this layer; a directory of this layer stays with what it has of it.
fn remove_lower(
    writer: &mut Writer,
    parent: BorrowedFd<'_>,
    name: &[u8],
    path: &[u8],
    kind: FileType,
) -> Result<(), EntryError> {
    if !writer.own.contains(path) {
        return match access::remove(parent, name) {
            // A name that cannot be one hides nothing.
            Err(Errno::NAMETOOLONG) => Ok(()),
            removed => Ok(removed.map_err(at("hiding"))?),
        };
    }
    if kind != FileType::Directory && kind != FileType::Unknown {
        return Ok(());
    }
    let opened = match access::open(parent, name) {
        Ok(opened) => opened,
        Err(Errno::NOTDIR | Errno::NOENT) => return Ok(()),
        Err(errno) => return Err(at("hiding")(errno).into()),
    };
    remove_lower_below(writer, opened.fd.as_fd(), path)?;
    let mut modified = Time { seconds: opened.stat.st_mtime, nanoseconds: opened.stat.st_mtime_nsec as u32 };
    let mut mode = opened.mode;
    if !writer.own.is_said(path) {
        // What was said of it was said by the layers that are hidden.
        forget(&opened.fd, &writer.setter)?;
        modified = Time::default();
        mode = None;
    }
    futimens(&opened.fd, &times(modified)).map_err(at("setting its time"))?;
    if let Some(mode) = mode {
        fchmod(&opened.fd, Mode::from_raw_mode(mode)).map_err(at("setting its mode"))?;
    }
    Ok(())
}
