//! One layer, open: its entries, any file of it, and all of it, compressed as it lies there or not.
//!
//! What is opened stays readable to its end, whatever is removed from the store meanwhile.
//!
//! ```
//! use std::io::Read;
//!
//! use consign::layer::opened::Layer;
//! use consign::store::Store;
//!
//! /// The file `path` of the layer with this chain ID, where both are there.
//! fn file(store: &Store, chain_id: &str, path: &[u8]) -> Result<Option<Vec<u8>>, Box<dyn std::error::Error>> {
//!     let Some(layer) = Layer::get(store, &chain_id.parse()?)? else { return Ok(None) };
//!     let Some(position) = layer.index()?.find(path) else { return Ok(None) };
//!     let mut content = Vec::new();
//!     layer.file(position)?.read_to_end(&mut content)?;
//!     Ok(Some(content))
//! }
//! ```

mod error;
mod file;
mod made;
#[cfg(test)]
mod tests;
mod verified;

use std::io::Read;
use std::sync::{Arc, OnceLock};

pub use error::LayerError;
pub use file::FileReader;
pub use verified::Verified;

use super::checkpoints::SPAN;
use super::compression::Compression;
use super::index::Index;
use super::read_at::ReadAt;
use super::seek::Seekable;
use crate::digest::Digest;
use crate::source::Source;
use crate::store::{LayerRecord, Store};
use crate::types::Descriptor;

/// Bytes of a file that is read as a whole before any of it is given.
const SMALL: u64 = 1 << 20;

/// A layer that can be read. Nothing of it is read before it is asked for.
pub struct Layer {
    diff_id: Digest,
    place: Place,
    /// Files need no digests: the layer is plain and only its headers are read.
    headers_only: bool,
    blob: OnceLock<Blob>,
    index: OnceLock<Index>,
    /// The blob with its checkpoints: those the store keeps, or that were come upon as the index was made.
    noted: OnceLock<Seekable>,
}

enum Place {
    Store(Store),
    Source { source: Arc<dyn Source>, blob: Descriptor },
}

/// A stored form of the layer.
struct Blob {
    digest: Digest,
    bytes: Seekable,
    /// As the store knows it.
    form: Option<LayerRecord>,
}

impl Layer {
    /// The layer of the store with this chain ID. `None` where there is none.
    ///
    /// # Errors
    /// [`LayerError::Store`] where the catalogue cannot be read.
    pub fn get(store: &Store, chain_id: &Digest) -> Result<Option<Layer>, LayerError> {
        let layer = store.layers().get(chain_id)?;
        Ok(layer.map(|layer| Layer::stored(store, layer.diff_id)))
    }

    /// The layer of the store with this diff ID.
    pub fn stored(store: &Store, diff_id: Digest) -> Layer {
        Layer::at(Place::Store(store.clone()), diff_id, false)
    }

    /// The layer with this diff ID, which lies in a source as this blob, to be read where it is. Its index is made when
    /// it is wanted: of a plain layer from its headers alone where `headers_only` says so, and then without the digests
    /// of files; otherwise from all of it, which is held against the diff ID.
    pub fn in_place(source: Arc<dyn Source>, blob: Descriptor, diff_id: Digest, headers_only: bool) -> Layer {
        Layer::at(Place::Source { source, blob }, diff_id, headers_only)
    }

    fn at(place: Place, diff_id: Digest, headers_only: bool) -> Layer {
        Layer {
            diff_id,
            place,
            headers_only,
            blob: OnceLock::new(),
            index: OnceLock::new(),
            noted: OnceLock::new(),
        }
    }

    /// The digest of its uncompressed content.
    pub fn diff_id(&self) -> &Digest {
        &self.diff_id
    }

    /// How it is compressed where it lies.
    ///
    /// # Errors
    /// [`LayerError`] where it is not here or cannot be read.
    pub fn compression(&self) -> Result<Compression, LayerError> {
        Ok(self.blob()?.bytes.compression())
    }

    /// Its entries.
    ///
    /// # Errors
    /// [`LayerError`] where it is not here, cannot be read, or is another than its diff ID says.
    pub fn index(&self) -> Result<&Index, LayerError> {
        if let Some(index) = self.index.get() {
            return Ok(index);
        }
        if let Some(index) = self.kept_index()? {
            return Ok(self.index.get_or_init(|| index));
        }
        let bytes = &self.blob()?.bytes;
        let index = if self.headers_only && bytes.compression() == Compression::Plain {
            made::from_headers(&**bytes.blob(), &self.diff_id)?
        } else {
            let made = made::from_all(bytes, &self.blob()?.digest, &self.diff_id)?;
            self.noted.get_or_init(|| made.bytes);
            made.index
        };
        Ok(self.index.get_or_init(|| index))
    }

    /// The content of the regular file at this position of the index. Its end is an error where the index has the
    /// file's digest and the content is another.
    ///
    /// # Errors
    /// [`LayerError::NotAFile`] for any other kind of entry; [`LayerError`] as [`index`](Self::index).
    ///
    /// # Panics
    /// Where the index has no such position.
    pub fn file(&self, position: usize) -> Result<FileReader, LayerError> {
        let record = self.index()?.get(position);
        let bytes = self.bytes_at(record.content)?;
        let file = FileReader::new(bytes.reader(), &record);
        if !bytes.has_checkpoints() || record.size > SMALL {
            return file;
        }
        // Known to be right before it is given, or else read as if there were no checkpoints.
        match file.and_then(FileReader::verified) {
            Ok(file) => Ok(file),
            Err(_) => FileReader::new(bytes.without_checkpoints().reader(), &record),
        }
    }

    /// The index the store keeps. One that is not there is made first, if the store can be written to.
    fn kept_index(&self) -> Result<Option<Index>, LayerError> {
        let Place::Store(store) = &self.place else { return Ok(None) };
        if let Some(index) = store.kept_index(&self.diff_id) {
            return Ok(Some(index));
        }
        if let Some(form) = &self.blob()?.form
            && store.make_index(form).is_ok_and(|made| made)
        {
            return Ok(store.kept_index(&self.diff_id));
        }
        Ok(None)
    }

    /// The blob, with its checkpoints where there is something before this place to be passed over.
    fn bytes_at(&self, offset: u64) -> Result<&Seekable, LayerError> {
        if let Some(bytes) = self.noted.get() {
            return Ok(bytes);
        }
        let Blob { digest, bytes, form } = self.blob()?;
        let (Place::Store(store), Some(form)) = (&self.place, form) else { return Ok(bytes) };
        if bytes.compression() == Compression::Plain || offset < SPAN {
            return Ok(bytes);
        }
        let mut checkpoints = store.kept_checkpoints(digest);
        if checkpoints.is_none() && store.make_index(form).is_ok_and(|made| made) {
            checkpoints = store.kept_checkpoints(digest);
        }
        let bytes = Seekable::new(bytes.blob().clone(), Some(form.unpacked_size), checkpoints.map(Arc::new))?;
        Ok(self.noted.get_or_init(|| bytes))
    }

    /// All of it, as it lies there. The end is an error where it is not the blob it should be.
    ///
    /// # Errors
    /// [`LayerError`] where it is not here or cannot be read.
    pub fn compressed(&self) -> Result<Verified<impl Read + Send + use<>>, LayerError> {
        let blob = self.blob()?;
        let whole = super::read_at::From::new(blob.bytes.blob().clone(), 0);
        Ok(Verified::new(whole, blob.digest.clone()))
    }

    /// All of it, uncompressed: a tar. The end is an error where it is not what its diff ID says.
    ///
    /// # Errors
    /// [`LayerError`] where it is not here or cannot be read.
    pub fn uncompressed(&self) -> Result<Verified<impl Read + Send + use<>>, LayerError> {
        let bytes = self.blob()?.bytes.without_checkpoints();
        Ok(Verified::new(bytes.reader(), self.diff_id.clone()))
    }

    fn blob(&self) -> Result<&Blob, LayerError> {
        if let Some(blob) = self.blob.get() {
            return Ok(blob);
        }
        let absent = || LayerError::NotHere { diff_id: self.diff_id.clone() };
        let blob = match &self.place {
            Place::Store(store) => {
                let forms = store.layers().blobs(&self.diff_id)?;
                // What is plain is read at once.
                let plain = forms.iter().find(|form| form.blob.size == form.unpacked_size);
                let form = plain.or(forms.first()).ok_or_else(absent)?;
                let file = store.open_blob(&form.blob.digest)?.ok_or_else(absent)?;
                let bytes = Seekable::new(Arc::new(file), Some(form.unpacked_size), None)?;
                Blob { digest: form.blob.digest.clone(), bytes, form: Some(form.clone()) }
            }
            Place::Source { source, blob } => {
                let digest: Digest = blob.digest.parse().map_err(crate::source::SourceError::from)?;
                let bytes: Arc<dyn ReadAt> = source.open_at(blob)?.ok_or_else(absent)?;
                Blob { digest, bytes: Seekable::new(bytes, None, None)?, form: None }
            }
        };
        Ok(self.blob.get_or_init(|| blob))
    }
}
