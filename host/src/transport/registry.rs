//! An image in a registry, read where it is. Documents are fetched once; what a store has of them, or of
//! anything, is not fetched at all.

mod at;
mod ranges;

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::digest::Digest;
use crate::document::media_type;
use crate::layer::read_at::ReadAt;
use crate::registry::Repository;
use crate::sandbox::Sandbox;
use crate::source::{Content, DOCUMENT_LIMIT, Root, Source, SourceError, is_document, read_limited};
use crate::store::Store;
use crate::types::manifests::Document;
use crate::types::transports::Transport;
use crate::types::{Descriptor, ImageName};
use at::BlobAt;
use ranges::Ranges;

/// Documents kept in memory, in bytes.
const KEPT: usize = 32 << 20;
/// From this size on a blob is fetched in several parts at once.
const LARGE: u64 = 64 << 20;

/// An image, or an index of images, in a registry.
pub struct RegistryImage {
    repository: Repository,
    root: [Root; 1],
    kept: Mutex<Kept>,
    here: Option<Arc<Store>>,
    /// Cleared where the registry turns out not to serve parts.
    in_parts: AtomicBool,
}

#[derive(Default)]
struct Kept {
    documents: BTreeMap<String, Vec<u8>>,
    bytes: usize,
}

impl RegistryImage {
    /// What `name` means in this repository, by its digest if it has one. The name is the user's; that of the
    /// repository may be a mirror's. `here` is a store whose content is not fetched. `None`: there is no such
    /// image.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where it cannot be told, or where what is there is no index and no manifest.
    pub fn open(
        repository: Repository,
        name: &ImageName,
        sandbox: &Sandbox,
        here: Option<Arc<Store>>,
    ) -> Result<Option<RegistryImage>, SourceError> {
        let reference = reference(name);
        let stored = match (&here, &name.digest) {
            (Some(store), Some(digest)) => {
                read_stored(store, &digest.parse()?)?.map(|bytes| (bytes, String::new()))
            }
            _ => None,
        };
        let (bytes, announced, digest) = match stored {
            Some((bytes, media_type)) => (bytes, media_type, name.digest.clone().unwrap_or_default()),
            None => match repository.get_manifest(&reference)? {
                Some(fetched) => (fetched.bytes, fetched.media_type, fetched.digest.to_string()),
                None => return Ok(None),
            },
        };
        // What a registry calls something that is no image's is none of its business; the document tells.
        let announced =
            Some(announced.as_str()).filter(|announced| is_document(announced) && !announced.is_empty());
        let kind = match sandbox.parse_manifest(&bytes, announced)? {
            Ok(Document::Index(index)) => index.kind,
            Ok(Document::Manifest(manifest)) => manifest.kind,
            Err(problem) => {
                return Err(SourceError::Document { name: crate::resolve::name(name), problem });
            }
        };
        let descriptor = Descriptor {
            media_type: media_type(kind).to_owned(),
            digest: digest.clone(),
            size: bytes.len() as u64,
            platform: None,
            annotations: Vec::new(),
            artifact_type: None,
        };
        let image = RegistryImage {
            repository,
            root: [Root { names: vec![name.clone()], ref_name: None, descriptor }],
            kept: Mutex::default(),
            here,
            in_parts: AtomicBool::new(true),
        };
        image.keep(&digest, &bytes);
        Ok(Some(image))
    }

    /// The same image, called by this name.
    pub fn called(mut self, name: ImageName) -> RegistryImage {
        self.root[0].names = vec![name];
        self
    }

    /// The repository it is read from.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    fn keep(&self, digest: &str, bytes: &[u8]) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.bytes + bytes.len() <= KEPT
            && kept.documents.insert(digest.to_owned(), bytes.to_vec()).is_none()
        {
            kept.bytes += bytes.len();
        }
    }

    fn document(&self, target: &Descriptor) -> Result<Option<Vec<u8>>, SourceError> {
        let kept =
            self.kept.lock().unwrap_or_else(PoisonError::into_inner).documents.get(&target.digest).cloned();
        if kept.is_some() {
            return Ok(kept);
        }
        let digest: Digest = target.digest.parse()?;
        if let Some(store) = &self.here
            && let Some(bytes) = read_stored(store, &digest)?
        {
            return Ok(Some(bytes));
        }
        let bytes = if is_document(&target.media_type) {
            self.repository.get_manifest(&target.digest)?.map(|fetched| fetched.bytes)
        } else {
            let reader = self.repository.open_blob(&digest, target.size, 0)?;
            let content = |reader| Content { reader: Box::new(reader), size: target.size, extent: None };
            reader.map(|reader| read_limited(content(reader), &target.digest, DOCUMENT_LIMIT)).transpose()?
        };
        if let Some(bytes) = &bytes {
            self.keep(&target.digest, bytes);
        }
        Ok(bytes)
    }
}

/// What a name asks a registry for: of a tag and a digest the digest counts.
pub fn reference(name: &ImageName) -> String {
    name.digest.clone().or(name.tag.clone()).unwrap_or_else(|| "latest".to_owned())
}

/// A document that a store has. One that is damaged there is as good as none.
fn read_stored(store: &Store, digest: &Digest) -> Result<Option<Vec<u8>>, SourceError> {
    Ok(store.read(digest, DOCUMENT_LIMIT).ok().flatten())
}

/// Whether this is read as a whole, and more than once.
fn is_small_json(target: &Descriptor) -> bool {
    is_document(&target.media_type) || (target.size <= DOCUMENT_LIMIT && target.media_type.ends_with("json"))
}

impl Source for RegistryImage {
    fn roots(&self) -> &[Root] {
        &self.root
    }

    fn open(&self, target: &Descriptor) -> Result<Option<Content>, SourceError> {
        if !is_small_json(target) {
            return self.open_from(target, 0);
        }
        let Some(bytes) = self.document(target)? else { return Ok(None) };
        let size = bytes.len() as u64;
        Ok(Some(Content { reader: Box::new(Cursor::new(bytes)), size, extent: None }))
    }

    fn open_at(&self, target: &Descriptor) -> Result<Option<Arc<dyn ReadAt>>, SourceError> {
        if is_small_json(target) {
            return Ok(self.document(target)?.map(|bytes| Arc::new(bytes) as Arc<dyn ReadAt>));
        }
        let digest = target.digest.parse()?;
        let found = BlobAt::open(&self.repository, &digest, target.size)?;
        Ok(found.map(|found| Arc::new(found) as Arc<dyn ReadAt>))
    }

    fn contains(&self, target: &Descriptor) -> Result<bool, SourceError> {
        let digest = target.digest.parse()?;
        let found = if is_document(&target.media_type) {
            self.repository.head_manifest(&target.digest)?.is_some()
        } else {
            self.repository.head_blob(&digest)?.is_some()
        };
        Ok(found)
    }

    fn open_from(&self, target: &Descriptor, from: u64) -> Result<Option<Content>, SourceError> {
        let digest: Digest = target.digest.parse()?;
        let size = target.size;
        if size.saturating_sub(from) >= LARGE && self.in_parts.load(Ordering::Relaxed) {
            match Ranges::open(&self.repository, &digest, size, from)? {
                ranges::Opened::Absent => return Ok(None),
                ranges::Opened::Parts(reader) => {
                    return Ok(Some(Content { reader: Box::new(reader), size, extent: None }));
                }
                ranges::Opened::Whole => self.in_parts.store(false, Ordering::Relaxed),
            }
        }
        let reader = self.repository.open_blob(&digest, size, from)?;
        Ok(reader.map(|reader| Content { reader: Box::new(reader), size, extent: None }))
    }

    fn is_remote(&self) -> bool {
        true
    }

    fn repository(&self) -> Option<(&str, &str)> {
        Some((self.repository.registry().name(), self.repository.path()))
    }

    fn transport(&self) -> Option<Transport> {
        Some(Transport::Docker)
    }
}
