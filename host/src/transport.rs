//! Where images come from and go to, one module for each form.

pub mod archive;
pub mod dir;
pub mod docker_archive;
mod legacy;
pub mod oci_layout;
pub(crate) mod spool;
pub mod tar_index;

use cap_std::fs::Dir;

use crate::sandbox::Sandbox;
use crate::source::{Content, Source, SourceError};
use archive::Archive;

/// Files by path: an archive's or a directory's.
pub(crate) trait Files: Send + Sync {
    /// The file `path`, from its start. `None` where it is not there.
    fn open(&self, path: &str) -> Result<Option<Content>, SourceError>;

    /// Where an archive ends that ends too early.
    fn cut_at(&self) -> Option<u64>;
}

impl Files for Dir {
    fn open(&self, path: &str) -> Result<Option<Content>, SourceError> {
        let failed = |source| SourceError::Read { name: path.to_owned(), source };
        let metadata = match self.metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        if !metadata.is_file() {
            // Opening a pipe would wait for its writer, and a device could be read forever.
            return Err(SourceError::NotAnImage { wanted: "a regular file", found: format!("`{path}`") });
        }
        let file = Dir::open(self, path).map_err(failed)?.into_std();
        let metadata = file.metadata().map_err(failed)?;
        Ok(Some(Content { reader: Box::new(file), size: metadata.len(), extent: None }))
    }

    fn cut_at(&self) -> Option<u64> {
        None
    }
}

/// An archive of whichever kind it is. With an OCI layout in it (`docker save` since version 25) the layout
/// counts, because it has the manifests; then `manifest.json`; then `repositories`.
///
/// # Errors
///
/// [`SourceError`] where a document is not what its place says, a limit is
/// passed, or reading fails.
pub fn open_archive(archive: Archive, sandbox: &Sandbox) -> Result<Box<dyn Source>, SourceError> {
    if archive.find("index.json")?.is_some() {
        Ok(Box::new(oci_layout::OciLayout::from_archive(archive, sandbox)?))
    } else {
        Ok(Box::new(docker_archive::DockerArchive::open(archive, sandbox)?))
    }
}

/// A directory of whichever kind it is: an OCI layout, or what containers/image calls `dir:`.
///
/// # Errors
///
/// [`SourceError`] where a document is not what its place says, a limit is
/// passed, or reading fails.
pub fn open_directory(directory: Dir, sandbox: &Sandbox) -> Result<Box<dyn Source>, SourceError> {
    if Files::open(&directory, "index.json")?.is_some() {
        Ok(Box::new(oci_layout::OciLayout::from_directory(directory, sandbox)?))
    } else {
        Ok(Box::new(dir::Directory::open(directory, sandbox)?))
    }
}
