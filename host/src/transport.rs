//! Where images come from and go to, one module for each form.

pub mod archive;
pub mod containers_storage;
pub mod dir;
pub mod docker_archive;
mod legacy;
pub mod oci_layout;
pub mod registry;
pub(crate) mod spool;
pub mod tar_index;

use std::fs::File;
use std::sync::Arc;

use cap_std::fs::Dir;

use crate::layer::read_at::{FilePart, ReadAt};
use crate::sandbox::Sandbox;
use crate::source::{Content, Source, SourceError};
use archive::Archive;

/// Files by path: an archive's or a directory's.
pub(crate) trait Files: Send + Sync {
    /// The file `path`, from its start. `None` where it is not there.
    fn open(&self, path: &str) -> Result<Option<Content>, SourceError>;

    /// The same file, to be read at any place.
    fn open_at(&self, path: &str) -> Result<Option<Arc<dyn ReadAt>>, SourceError>;

    /// Where an archive ends that ends too early.
    fn cut_at(&self) -> Option<u64>;
}

/// A regular file of a directory. `None` where it is not there.
fn regular(directory: &Dir, path: &str) -> Result<Option<File>, SourceError> {
    let failed = |source| SourceError::Read { name: path.to_owned(), source };
    let metadata = match directory.metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    if !metadata.is_file() {
        // Opening a pipe would wait for its writer, and a device could be read forever.
        return Err(SourceError::NotAnImage { wanted: "a regular file", found: format!("`{path}`") });
    }
    Ok(Some(directory.open(path).map_err(failed)?.into_std()))
}

impl Files for Dir {
    fn open(&self, path: &str) -> Result<Option<Content>, SourceError> {
        let Some(file) = regular(self, path)? else { return Ok(None) };
        let failed = |source| SourceError::Read { name: path.to_owned(), source };
        let metadata = file.metadata().map_err(failed)?;
        Ok(Some(Content { reader: Box::new(file), size: metadata.len(), extent: None }))
    }

    fn open_at(&self, path: &str) -> Result<Option<Arc<dyn ReadAt>>, SourceError> {
        let Some(file) = regular(self, path)? else { return Ok(None) };
        let failed = |source| SourceError::Read { name: path.to_owned(), source };
        Ok(Some(Arc::new(FilePart::whole(file).map_err(failed)?)))
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
