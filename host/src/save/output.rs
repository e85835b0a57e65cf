//! A file or a directory that has its name only when it is complete.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use cap_std::fs::{Dir, OpenOptions};
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use super::directory;
use crate::store::reached;

/// A name beside `name` that nobody has: process, time, count.
fn beside(name: &Path) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = crate::clock::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    // A file name has room for 255 bytes.
    let name: String = name.to_string_lossy().chars().filter(char::is_ascii).take(40).collect();
    format!(".{name}.{:x}-{:x}-{count:x}", std::process::id(), now.as_nanos())
}

/// A file on its way to its name. Where the file system allows it the file has no name at all until then, so
/// that nothing is left of it whatever happens to the process; otherwise a hidden one. Dropped, it is gone.
#[derive(Debug)]
pub struct NewFile<'a> {
    directory: &'a Dir,
    name: &'a Path,
    file: File,
    /// The name it has meanwhile.
    temporary: Option<String>,
}

impl<'a> NewFile<'a> {
    /// Starts a file that is to be called `name` in `directory`.
    ///
    /// # Errors
    ///
    /// The system's, where no file can be made there.
    pub fn create(directory: &'a Dir, name: &'a Path) -> io::Result<NewFile<'a>> {
        let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
        match rustix::fs::openat(directory, ".", flags, Mode::from_raw_mode(0o666)) {
            // Without `/proc` it could not be given a name.
            Ok(file) if rustix::fs::stat(handle(&file)).is_ok() => {
                Ok(NewFile { directory, name, file: file.into(), temporary: None })
            }
            // File systems without it (overlayfs before 6.0, NFS) say so in different ways.
            Ok(_) | Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL | Errno::NOENT) => {
                NewFile::named(directory, name)
            }
            Err(errno) => Err(errno.into()),
        }
    }

    fn named(directory: &'a Dir, name: &'a Path) -> io::Result<NewFile<'a>> {
        let temporary = beside(name);
        let mut options = OpenOptions::new();
        let file = directory.open_with(&temporary, options.write(true).create_new(true))?.into_std();
        Ok(NewFile { directory, name, file, temporary: Some(temporary) })
    }

    /// The file, empty at first.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Gives it its name, in place of whatever file has it.
    ///
    /// # Errors
    ///
    /// The system's; the file is gone then, and what had the name before still has it.
    pub fn publish(mut self) -> io::Result<()> {
        reached("save-written");
        let temporary = match &self.temporary {
            Some(temporary) => temporary.clone(),
            None => {
                let temporary = beside(self.name);
                link(&self.file, self.directory, &temporary)?;
                self.temporary.insert(temporary).clone()
            }
        };
        reached("save-linked");
        self.directory.rename(&temporary, self.directory, self.name)?;
        self.temporary = None;
        reached("save-published");
        Ok(())
    }
}

/// The path of an open file that has none of its own.
fn handle(file: &impl AsRawFd) -> String {
    format!("/proc/self/fd/{}", file.as_raw_fd())
}

/// Gives a file without a name one. Linking by the handle itself is for the privileged; by the handle's path it is
/// for everyone.
fn link(file: &File, directory: &Dir, name: &str) -> io::Result<()> {
    Ok(rustix::fs::linkat(rustix::fs::CWD, handle(file), directory, name, AtFlags::SYMLINK_FOLLOW)?)
}

impl Write for NewFile<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for NewFile<'_> {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            // Nobody is left to tell.
            let _ = self.directory.remove_file(temporary);
        }
    }
}

/// A directory on its way to its name, meanwhile under a hidden one: beside it, or, where a directory has the name
/// already, inside that. Dropped, it is gone.
#[derive(Debug)]
pub struct NewDirectory<'a> {
    parent: &'a Dir,
    name: &'a Path,
    /// The directory that is there: empty, or with what is to be replaced.
    existing: Option<Dir>,
    /// The files of the image that is replaced.
    old: Vec<String>,
    temporary: Option<String>,
    directory: Dir,
}

impl<'a> NewDirectory<'a> {
    /// Starts a directory that is to be called `name` in `parent`, where there may be an empty one.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::DirectoryNotEmpty`] and [`io::ErrorKind::NotADirectory`] where something has the name
    /// that would be lost; the system's, where no directory can be made there.
    pub fn create(parent: &'a Dir, name: &'a Path) -> io::Result<NewDirectory<'a>> {
        NewDirectory::where_may(parent, name, |_| Ok(false))
    }

    /// The same, also where there is an image directory (`dir:`), whose image makes way for the new one.
    ///
    /// # Errors
    ///
    /// As [`create`](NewDirectory::create).
    pub fn replacing_image(parent: &'a Dir, name: &'a Path) -> io::Result<NewDirectory<'a>> {
        NewDirectory::where_may(parent, name, directory::is_image)
    }

    fn where_may(
        parent: &'a Dir,
        name: &'a Path,
        replaceable: impl FnOnce(&Dir) -> io::Result<bool>,
    ) -> io::Result<NewDirectory<'a>> {
        let existing = match parent.open_dir(name) {
            Ok(existing) if existing.entries()?.next().is_some() && !replaceable(&existing)? => {
                return Err(io::ErrorKind::DirectoryNotEmpty.into());
            }
            Ok(existing) => Some(existing),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let old = existing.as_ref().map(directory::files).transpose()?.unwrap_or_default();
        let temporary = beside(name);
        let around = existing.as_ref().unwrap_or(parent);
        around.create_dir(&temporary)?;
        match around.open_dir(&temporary) {
            Ok(directory) => {
                let temporary = Some(temporary);
                Ok(NewDirectory { parent, name, existing, old, temporary, directory })
            }
            Err(error) => {
                let _ = around.remove_dir(&temporary);
                Err(error)
            }
        }
    }

    /// Where to write.
    pub fn directory(&self) -> &Dir {
        &self.directory
    }

    /// Gives it its name. Where a directory has that, its content moves there, the documents that make it an image
    /// last: the directory may be one that cannot be replaced, as a mount point. What an image that was there had
    /// beside goes afterwards, so that whoever is killed leaves one of the two, if with the other's signatures; files that are
    /// no image's stay.
    ///
    /// # Errors
    ///
    /// The system's, also where something got the name meanwhile; the directory is gone then.
    pub fn publish(mut self) -> io::Result<()> {
        reached("save-written");
        let Some(temporary) = &self.temporary else { return Ok(()) };
        match &self.existing {
            None => self.parent.rename(temporary, self.parent, self.name)?,
            Some(existing) => {
                let mut names = Vec::new();
                for entry in self.directory.entries()? {
                    names.push(entry?.file_name());
                }
                self.old.retain(|name| !names.iter().any(|new| new == name.as_str()));
                names.sort_by_key(|name| (name == "index.json" || name == "manifest.json", name.clone()));
                for name in names {
                    self.directory.rename(&name, existing, &name)?;
                    reached("save-moved");
                }
                reached("save-replaced");
                self.old.iter().try_for_each(|name| existing.remove_file(name))?;
                existing.remove_dir(temporary)?;
            }
        }
        self.temporary = None;
        reached("save-published");
        Ok(())
    }
}

impl Drop for NewDirectory<'_> {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            // Nobody is left to tell.
            let _ = self.existing.as_ref().unwrap_or(self.parent).remove_dir_all(temporary);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn names(directory: &Dir) -> Vec<String> {
        let entries = directory.entries().unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_has_its_name_when_it_is_published_and_is_gone_otherwise() {
        let place = tempfile::tempdir().unwrap();
        let directory = Dir::open_ambient_dir(place.path(), cap_std::ambient_authority()).unwrap();
        let name = Path::new("file");
        for create in [NewFile::create, NewFile::named] {
            directory.write(name, "before").unwrap();
            let mut file = create(&directory, name).unwrap();
            file.write_all(b"after").unwrap();
            drop(file);
            assert_eq!(directory.read(name).unwrap(), b"before");
            assert_eq!(names(&directory), ["file"]);
            let mut file = create(&directory, name).unwrap();
            file.write_all(b"after").unwrap();
            file.publish().unwrap();
            assert_eq!(directory.read(name).unwrap(), b"after");
            assert_eq!(names(&directory), ["file"]);
        }
    }

    #[test]
    fn a_directory_is_published_whole_beside_or_inside_and_is_gone_otherwise() {
        let place = tempfile::tempdir().unwrap();
        let parent = Dir::open_ambient_dir(place.path(), cap_std::ambient_authority()).unwrap();
        parent.create_dir("empty").unwrap();
        for name in ["new", "empty"].map(Path::new) {
            let before = names(&parent);
            let new = NewDirectory::create(&parent, name).unwrap();
            new.directory().write("file", "x").unwrap();
            drop(new);
            assert_eq!(names(&parent), before);
            let new = NewDirectory::create(&parent, name).unwrap();
            new.directory().create_dir("directory").unwrap();
            new.directory().write("directory/file", "x").unwrap();
            new.directory().write("index.json", "x").unwrap();
            new.publish().unwrap();
            assert_eq!(names(&parent.open_dir(name).unwrap()), ["directory", "index.json"]);
            // Now there is something in it.
            let error = NewDirectory::create(&parent, name).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::DirectoryNotEmpty);
        }
        parent.write("file", "x").unwrap();
        let error = NewDirectory::create(&parent, Path::new("file")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotADirectory);
        assert_eq!(names(&parent), ["empty", "file", "new"]);
    }
}
