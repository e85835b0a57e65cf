//! Files of an image, put into a directory.

use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use cap_std::fs::{Dir, DirBuilder, DirBuilderExt as _};
use rustix::fs::{Mode, OFlags, openat};

use super::{CopyError, Options, copy};
use crate::layer::stack::Stack;
use crate::layer::tree::Node;
use crate::unpack::{self, UnpackError, Writer};

/// Files of an image are not, or not all, where they should be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlaceError {
    /// They cannot be read or written.
    #[error(transparent)]
    Copy(#[from] CopyError<UnpackError>),
    /// Something else is in the way.
    #[error("wanted {wanted} at `{}`, found {found}", path.display())]
    InTheWay {
        /// What is to be there.
        wanted: &'static str,
        /// What is.
        found: &'static str,
        /// Below the directory.
        path: PathBuf,
    },
    /// The directory they are written to first cannot be used, or what is in it cannot be put in place.
    #[error("{doing} `{}` failed", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// Below the directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// What everything is called while it is written.
const COPY: &str = "copy";

/// Puts what is at `node` into `directory` as `name`; with `options.contents` and no name what is in it. Everything is
/// written to a hidden directory beside first, whatever the image says, and put in place by renaming: a file takes the
/// place of what is no directory, directories are joined.
///
/// # Errors
/// [`PlaceError`]; unless it was the putting in place that failed nothing has changed.
pub fn copy_to(
    stack: &Stack,
    node: &Node,
    directory: &Dir,
    name: Option<&OsStr>,
    options: Options,
) -> Result<(), PlaceError> {
    let (hidden, path) = hidden(directory)?;
    let written = write(stack, node, &hidden, options).and_then(|()| {
        let copied = || hidden.open_dir(COPY).map_err(io("opening", COPY));
        match name {
            Some(name) => put(&hidden, Path::new(COPY), directory, Path::new(name), Path::new(name)),
            None => put_all(&copied()?, directory, Path::new("")),
        }
    });
    let removed = unpack::discard(&hidden).and_then(|()| directory.remove_dir(&path));
    written?;
    removed.map_err(io("removing", path))
}

fn io(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> PlaceError {
    let path = path.into();
    move |source| PlaceError::Io { doing, path, source }
}

/// A new directory that nobody else looks into.
fn hidden(directory: &Dir) -> Result<(Dir, PathBuf), PlaceError> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    loop {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = PathBuf::from(format!(".consign-copy-{}-{count}", std::process::id()));
        match directory.create_dir_with(&path, DirBuilder::new().mode(0o700)) {
            Ok(()) => {
                let opened = directory.open_dir(&path).map_err(io("opening", path.clone()))?;
                return Ok((opened, path));
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(io("making", path)(error)),
        }
    }
}

fn write(stack: &Stack, node: &Node, hidden: &Dir, options: Options) -> Result<(), PlaceError> {
    // The handle of a `Dir` may be one that can only be looked up in.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = openat(hidden, ".", flags, Mode::empty()).map_err(|errno| io("opening", ".")(errno.into()))?;
    let mut writer = Writer::new(root, &unpack::Options::default());
    writer.next_layer().map_err(CopyError::Write)?;
    // The directory is there in any case, and what is in it has a place.
    copy(stack, node, COPY.as_bytes(), Options { contents: false, ..options }, &mut writer)?;
    writer.finish().map_err(CopyError::Write)?;
    Ok(())
}

/// Everything in a directory into another, with `path` being that one's.
fn put_all(from: &Dir, to: &Dir, path: &Path) -> Result<(), PlaceError> {
    for entry in from.entries().map_err(io("reading", path))? {
        let name = entry.map_err(io("reading", path))?.file_name();
        let name = Path::new(&name);
        put(from, name, to, name, &path.join(name))?;
    }
    Ok(())
}

fn put(from: &Dir, name: &Path, to: &Dir, new: &Path, path: &Path) -> Result<(), PlaceError> {
    let is = from.symlink_metadata(name).map_err(io("looking at", path))?.is_dir();
    let was = match to.symlink_metadata(new) {
        Ok(metadata) => Some(metadata.is_dir()),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(io("looking at", path)(error)),
    };
    let in_the_way = |wanted, found| Err(PlaceError::InTheWay { wanted, found, path: path.to_owned() });
    match (is, was) {
        (true, Some(true)) => {
            let inside = from.open_dir(name).map_err(io("opening", path))?;
            let there = to.open_dir(new).map_err(io("opening", path))?;
            put_all(&inside, &there, path)
        }
        (true, Some(false)) => in_the_way("a directory", "something else"),
        (false, Some(true)) => in_the_way("something else", "a directory"),
        (_, None) | (false, Some(false)) => from.rename(name, to, new).map_err(io("renaming", path)),
    }
}
