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
//!     let Some(record) = layer.index()?.find(path)? else { return Ok(None) };
//!     let mut content = Vec::new();
//!     layer.file(record.position)?.read_to_end(&mut content)?;
//!     Ok(Some(content))
//! }
//! ```

mod error;
mod file;
mod made;
#[cfg(test)]
mod tests;
mod verified;

use std::io::{Read, Write};
use std::sync::{Arc, OnceLock};

use cap_std::fs::Dir;

pub use error::LayerError;
pub use file::FileReader;
pub use verified::Verified;

use super::cache::Cache;
use super::checkpoints::SPAN;
use super::compression::Compression;
use super::index::{Index, Scratch};
use super::read_at::{From, ReadAt};
use super::seek::{Reader, Seekable};
use crate::digest::Digest;
use crate::source::Source;
use crate::store::{LayerRecord, Store};
use crate::transport::spool;
use crate::types::Descriptor;

/// Bytes of a file that is read as a whole before any of it is given.
const SMALL: u64 = 1 << 20;

/// A layer that can be read. Nothing of it is read before it is asked for.
pub struct Layer {
    diff_id: Digest,
    place: Place,
    blob: OnceLock<Blob>,
    index: OnceLock<Index>,
    /// The blob with its checkpoints: those the store keeps, or that were come upon as the index was made.
    noted: OnceLock<Seekable>,
}

#[derive(Clone)]
enum Place {
    Store(Store),
    Source { source: Arc<dyn Source>, blob: Descriptor, reading: Reading },
}

/// How a layer is read that lies in a source.
#[derive(Clone, Default)]
pub struct Reading {
    /// Files need no digests: of a plain layer whose index is not kept only headers are read, which hold nothing
    /// against the diff ID.
    pub headers_only: bool,
    /// Where what is made of the layer is kept for the next time.
    pub cache: Option<Cache>,
    /// Where that of an index which does not fit into memory is while it is made, in files without names. Otherwise it is
    /// in memory, some 150 bytes an entry.
    pub spool: Option<Arc<Dir>>,
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
        Layer::at(Place::Store(store.clone()), diff_id)
    }

    /// The layer with this diff ID, which lies in a source as this blob, to be read where it is. Its index is taken from
    /// the cache, or made when it is wanted: of a plain layer from its headers alone where `reading` says so, and then
    /// without the digests of files; otherwise from all of it, which is held against both digests, and kept.
    pub fn in_place(source: Arc<dyn Source>, blob: Descriptor, diff_id: Digest, reading: Reading) -> Layer {
        Layer::at(Place::Source { source, blob, reading }, diff_id)
    }

    fn at(place: Place, diff_id: Digest) -> Layer {
        Layer { diff_id, place, blob: OnceLock::new(), index: OnceLock::new(), noted: OnceLock::new() }
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
        let index = match self.kept_index()? {
            Some(index) => {
                let layer = Layer::at(self.place.clone(), self.diff_id.clone());
                index.or_again(move || layer.remade())
            }
            None if self.headers_only() && self.compression()? == Compression::Plain => {
                made::from_headers(&**self.blob()?.bytes.blob(), &self.diff_id, self.scratch())?
            }
            None => self.make()?,
        };
        Ok(self.index.get_or_init(|| index))
    }

    fn headers_only(&self) -> bool {
        matches!(&self.place, Place::Source { reading, .. } if reading.headers_only)
    }

    fn scratch(&self) -> Scratch {
        match &self.place {
            Place::Source { reading, .. } => match reading.spool.clone() {
                Some(spool) => Scratch::new(move || spool::unnamed(&spool)),
                None => Scratch::default(),
            },
            Place::Store(store) => store.scratch(),
        }
    }

    fn cache(&self) -> Option<&Cache> {
        match &self.place {
            Place::Source { reading, .. } => reading.cache.as_ref(),
            Place::Store(_) => None,
        }
    }

    /// The content of the regular file at this position of the index. Its end is an error where the index has the
    /// file's digest and the content is another.
    ///
    /// # Errors
    /// [`LayerError::NotAFile`] for any other kind of entry; [`LayerError`] as [`index`](Self::index).
    pub fn file(&self, position: usize) -> Result<FileReader, LayerError> {
        self.file_from(position, None)
    }

    /// The same, read on by what has read another file of the layer.
    pub(super) fn file_from(
        &self,
        position: usize,
        reader: Option<Reader>,
    ) -> Result<FileReader, LayerError> {
        let record = self.index()?.get(position)?;
        let bytes = self.bytes_at(record.content)?;
        // One from before checkpoints were wanted goes on without them: to where it can begin later that is far.
        let reader = reader.filter(|reader| reader.has_checkpoints() == bytes.has_checkpoints());
        let file = FileReader::new(reader.unwrap_or_else(|| bytes.reader()), &record);
        if !bytes.has_checkpoints() || record.size > SMALL {
            return file;
        }
        // Known to be right before it is given, or else read as if there were no checkpoints.
        match file.and_then(FileReader::verified) {
            Ok(file) => Ok(file),
            Err(_) => FileReader::new(bytes.without_checkpoints().reader(), &record),
        }
    }

    /// The index that is kept. One that the store does not have is made first, if it can be written to.
    fn kept_index(&self) -> Result<Option<Index>, LayerError> {
        let Place::Store(store) = &self.place else {
            return Ok(self.cache().and_then(|cache| cache.index(&self.diff_id)));
        };
        if let Some(index) = store.kept_index(&self.diff_id) {
            return Ok(Some(index));
        }
        let Some(form) = &self.blob()?.form else { return Ok(None) };
        // A layer that is verified only now has one by now.
        if let Some(index) = store.kept_index(&self.diff_id) {
            return Ok(Some(index));
        }
        if store.make_index(form).is_ok_and(|made| made) {
            return Ok(store.kept_index(&self.diff_id));
        }
        Ok(None)
    }

    /// The bytes of the index, made anew: in the place of one that is kept and turned out to be damaged.
    fn remade(&self) -> Option<Arc<dyn ReadAt>> {
        if let Place::Store(store) = &self.place
            && let Some(form) = &self.blob().ok()?.form
            && store.make_index(form).is_ok_and(|made| made)
            && let Some(index) = store.kept_index(&self.diff_id)
        {
            return Some(index.into_bytes());
        }
        self.make().ok().map(Index::into_bytes)
    }

    /// Makes the index from all of the layer. It is kept, and so are checkpoints, where there is a cache; otherwise they
    /// are in memory.
    fn make(&self) -> Result<Index, LayerError> {
        let Blob { digest, bytes, .. } = self.blob()?;
        let mut keeping = self.cache().map(Cache::keeping);
        let mut few = made::Few::default();
        let sink: &mut (dyn Write + Send) = match &mut keeping {
            Some(keeping) => keeping,
            None => &mut few,
        };
        let (undone, made) = made::from_all(self.whole()?, digest, &self.diff_id, sink, self.scratch())?;
        let checkpoints = match (self.cache(), keeping) {
            (Some(cache), Some(keeping)) => {
                // What cannot be kept is made again the next time.
                let _ = keeping.keep(&self.diff_id, digest, &made);
                cache.checkpoints(digest)
            }
            _ if made.checkpoints => few.checkpoints(digest),
            _ => None,
        };
        let bytes = Seekable::new(bytes.blob().clone(), Some(undone.size), checkpoints.map(Arc::new))?;
        self.noted.get_or_init(|| bytes);
        Ok(Index::open(made.index?, &self.diff_id)?)
    }

    /// All of the blob as it lies there, and its size.
    fn whole(&self) -> Result<(Box<dyn Read + Send>, u64), LayerError> {
        match &self.place {
            Place::Source { source, blob, .. } => {
                let content = source.open(blob)?.ok_or_else(|| self.absent())?;
                Ok((content.reader, content.size))
            }
            Place::Store(_) => {
                let bytes = self.blob()?.bytes.blob();
                Ok((Box::new(From::new(bytes.clone(), 0)), bytes.size()))
            }
        }
    }

    /// The blob, with its checkpoints where there is something before this place to be passed over.
    fn bytes_at(&self, offset: u64) -> Result<&Seekable, LayerError> {
        if let Some(bytes) = self.noted.get() {
            return Ok(bytes);
        }
        let Blob { digest, bytes, form } = self.blob()?;
        if bytes.compression() == Compression::Plain || offset < SPAN {
            return Ok(bytes);
        }
        let (checkpoints, size) = match (&self.place, form) {
            (Place::Store(store), Some(form)) => {
                let mut checkpoints = store.kept_checkpoints(digest);
                if checkpoints.is_none() && store.make_index(form).is_ok_and(|made| made) {
                    checkpoints = store.kept_checkpoints(digest);
                }
                (checkpoints, form.unpacked_size)
            }
            _ => {
                let Some(cache) = self.cache() else { return Ok(bytes) };
                let mut checkpoints = cache.checkpoints(digest);
                let size = self.index()?.size();
                if checkpoints.is_none() && size > SPAN {
                    self.make()?;
                    checkpoints = cache.checkpoints(digest);
                }
                (checkpoints, size)
            }
        };
        let bytes = Seekable::new(bytes.blob().clone(), Some(size), checkpoints.map(Arc::new))?;
        Ok(self.noted.get_or_init(|| bytes))
    }

    /// All of it, as it lies there. The end is an error where it is not the blob it should be.
    ///
    /// # Errors
    /// [`LayerError`] where it is not here or cannot be read.
    pub fn compressed(&self) -> Result<Verified<impl Read + Send + use<>>, LayerError> {
        let blob = self.blob()?;
        let whole = From::new(blob.bytes.blob().clone(), 0);
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

    fn absent(&self) -> LayerError {
        LayerError::NotHere { diff_id: self.diff_id.clone() }
    }

    fn blob(&self) -> Result<&Blob, LayerError> {
        if let Some(blob) = self.blob.get() {
            return Ok(blob);
        }
        let absent = || self.absent();
        let blob = match &self.place {
            Place::Store(store) => {
                let forms = store.layer_forms(&self.diff_id)?;
                // What is plain is read at once.
                let plain = forms.iter().find(|form| form.blob.size == form.unpacked_size);
                let form = plain.or(forms.first()).ok_or_else(absent)?;
                let file = store.open_blob(&form.blob.digest)?.ok_or_else(absent)?;
                let bytes = Seekable::new(Arc::new(file), Some(form.unpacked_size), None)?;
                Blob { digest: form.blob.digest.clone(), bytes, form: Some(form.clone()) }
            }
            Place::Source { source, blob, .. } => {
                let digest: Digest = blob.digest.parse().map_err(crate::source::SourceError::from)?;
                let bytes: Arc<dyn ReadAt> = source.open_at(blob)?.ok_or_else(absent)?;
                Blob { digest, bytes: Seekable::new(bytes, None, None)?, form: None }
            }
        };
        Ok(self.blob.get_or_init(|| blob))
    }
}
