//! An OCI image layout (image-spec, image-layout.md), in a directory or in an archive.

use std::sync::Arc;

use cap_std::fs::Dir;

use super::Files;
use super::archive::Archive;
use crate::digest::Digest;
use crate::document::OCI_INDEX;
use crate::layer::read_at::ReadAt;
use crate::sandbox::Sandbox;
use crate::source::{
    Content, DOCUMENT_LIMIT, Root, Source, SourceError, docker_name, oci_name, read_limited,
};
use crate::types::manifests::Document;
use crate::types::transports::Transport;
use crate::types::{Descriptor, ImageName};

const INDEX: &str = "index.json";
const MARKER: &str = "oci-layout";

/// The whole name, where containerd, BuildKit and Docker write it.
const CONTAINERD_NAME: &str = "io.containerd.image.name";
/// A name or a tag (image-spec, annotations.md).
const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// An open layout. Its roots are the entries of `index.json`.
pub struct OciLayout {
    files: Box<dyn Files>,
    roots: Vec<Root>,
    transport: Transport,
}

impl OciLayout {
    /// The layout in a directory.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where a document is not what its place says, a limit is
    /// passed, or reading fails.
    pub fn from_directory(directory: Dir, sandbox: &Sandbox) -> Result<Self, SourceError> {
        Self::open(Box::new(directory), Transport::Oci, sandbox)
    }

    /// The layout in an archive.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where a document is not what its place says, a limit is
    /// passed, or reading fails.
    pub fn from_archive(archive: Archive, sandbox: &Sandbox) -> Result<Self, SourceError> {
        Self::open(Box::new(archive), Transport::OciArchive, sandbox)
    }

    fn open(files: Box<dyn Files>, transport: Transport, sandbox: &Sandbox) -> Result<Self, SourceError> {
        let document = |name: &str, problem| SourceError::Document { name: name.into(), problem };
        // Some writers leave the marker out; a version that is not ours is another matter.
        if let Some(marker) = files.open(MARKER)? {
            let bytes = read_limited(marker, MARKER, DOCUMENT_LIMIT)?;
            sandbox.parse_layout(&bytes)?.map_err(|problem| document(MARKER, problem))?;
        }
        let Some(index) = files.open(INDEX)? else {
            let wanted_by = "an OCI image layout".into();
            return Err(SourceError::Missing { name: INDEX.into(), wanted_by, cut_at: files.cut_at() });
        };
        let bytes = read_limited(index, INDEX, DOCUMENT_LIMIT)?;
        let parsed = sandbox.parse_manifest(&bytes, Some(OCI_INDEX))?;
        let entries = match parsed.map_err(|problem| document(INDEX, problem))? {
            Document::Index(index) => index.entries,
            Document::Manifest(_) => {
                let found = format!("a manifest in `{INDEX}`");
                return Err(SourceError::NotAnImage { wanted: "an OCI image layout", found });
            }
        };
        let mut roots = Vec::with_capacity(entries.len());
        for descriptor in entries {
            descriptor.digest.parse::<Digest>()?;
            roots.push(root(sandbox, descriptor)?);
        }
        Ok(OciLayout { files, roots, transport })
    }
}

/// The names of an entry: containerd's annotation if it is there, otherwise what `podman load` makes of the
/// other one.
fn root(sandbox: &Sandbox, descriptor: Descriptor) -> Result<Root, SourceError> {
    let annotation = |key: &str| {
        let found = descriptor.annotations.iter().find(|(name, value)| name == key && !value.is_empty());
        found.map(|(_, value)| value.clone())
    };
    let ref_name = annotation(REF_NAME);
    let name: Option<ImageName> = match (annotation(CONTAINERD_NAME), &ref_name) {
        (Some(name), _) => docker_name(sandbox, &name)?,
        (None, Some(name)) => oci_name(sandbox, name)?,
        (None, None) => None,
    };
    Ok(Root { names: name.into_iter().collect(), ref_name, descriptor })
}

/// Where content is.
fn path(target: &Descriptor) -> Result<String, SourceError> {
    let digest: Digest = target.digest.parse()?;
    Ok(format!("blobs/{}/{}", digest.algorithm().name(), digest.hex()))
}

impl Source for OciLayout {
    fn roots(&self) -> &[Root] {
        &self.roots
    }

    fn open(&self, target: &Descriptor) -> Result<Option<Content>, SourceError> {
        self.files.open(&path(target)?)
    }

    fn open_at(&self, target: &Descriptor) -> Result<Option<Arc<dyn ReadAt>>, SourceError> {
        self.files.open_at(&path(target)?)
    }

    fn cut_at(&self) -> Option<u64> {
        self.files.cut_at()
    }

    fn transport(&self) -> Option<Transport> {
        Some(self.transport)
    }
}
