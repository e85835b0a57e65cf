//! What containers/image calls `dir:`: one image, its manifest in `manifest.json`, blobs named by the
//! digits of their digests, manifests below an index as `<digits>.manifest.json`.

use std::sync::Arc;

use cap_std::fs::Dir;

use super::Files;
use crate::digest::{Algorithm, Digest};
use crate::document::media_type;
use crate::layer::read_at::ReadAt;
use crate::sandbox::Sandbox;
use crate::source::{Content, DOCUMENT_LIMIT, Root, Source, SourceError, read_limited};
use crate::types::Descriptor;
use crate::types::manifests::Document;
use crate::types::transports::Transport;

const MANIFEST: &str = "manifest.json";
const VERSION: &str = "version";
/// What the version file starts with; every version so far is 1-point-something.
const VERSIONS: &[u8] = b"Directory Transport Version: 1.";

/// An open directory. Its one root has no name: the format keeps none.
pub struct Directory {
    directory: Dir,
    root: [Root; 1],
}

impl Directory {
    /// The image in `directory`.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where a document is not what its place says, a limit is
    /// passed, or reading fails.
    pub fn open(directory: Dir, sandbox: &Sandbox) -> Result<Self, SourceError> {
        let wanted = "an image directory";
        if let Some(version) = Files::open(&directory, VERSION)? {
            let bytes = read_limited(version, VERSION, 256)?;
            if !bytes.starts_with(VERSIONS) {
                let found = format!("`{}` in `{VERSION}`", String::from_utf8_lossy(&bytes).trim());
                return Err(SourceError::NotAnImage { wanted, found });
            }
        }
        let Some(manifest) = Files::open(&directory, MANIFEST)? else {
            return Err(SourceError::Missing {
                name: MANIFEST.into(),
                wanted_by: wanted.into(),
                cut_at: None,
            });
        };
        let bytes = read_limited(manifest, MANIFEST, DOCUMENT_LIMIT)?;
        let document = sandbox.parse_manifest(&bytes, None)?;
        let kind =
            match document.map_err(|problem| SourceError::Document { name: MANIFEST.into(), problem })? {
                Document::Index(index) => index.kind,
                Document::Manifest(manifest) => manifest.kind,
            };
        let descriptor = Descriptor {
            media_type: media_type(kind).into(),
            digest: Digest::of(&bytes).to_string(),
            size: bytes.len() as u64,
            platform: None,
            annotations: Vec::new(),
            artifact_type: None,
        };
        Ok(Directory { directory, root: [Root { names: Vec::new(), ref_name: None, descriptor }] })
    }
}

impl Directory {
    /// What is at the first of the paths where `target` can be.
    fn first<T>(
        &self,
        target: &Descriptor,
        open: impl Fn(&str) -> Result<Option<T>, SourceError>,
    ) -> Result<Option<T>, SourceError> {
        let digest: Digest = target.digest.parse()?;
        if target.digest == self.root[0].descriptor.digest {
            return open(MANIFEST);
        }
        // Only SHA-256 goes without saying.
        let name = match digest.algorithm() {
            Algorithm::Sha256 => digest.hex().to_owned(),
            other => format!("{}-{}", other.name(), digest.hex()),
        };
        match open(&name)? {
            Some(content) => Ok(Some(content)),
            None => open(&format!("{name}.{MANIFEST}")),
        }
    }
}

impl Source for Directory {
    fn roots(&self) -> &[Root] {
        &self.root
    }

    fn open(&self, target: &Descriptor) -> Result<Option<Content>, SourceError> {
        self.first(target, |path| Files::open(&self.directory, path))
    }

    fn open_at(&self, target: &Descriptor) -> Result<Option<Arc<dyn ReadAt>>, SourceError> {
        self.first(target, |path| self.directory.open_at(path))
    }

    fn transport(&self) -> Option<Transport> {
        Some(Transport::Dir)
    }
}
