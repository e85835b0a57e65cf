//! Where images are read from in place: an archive, a directory. One small interface, many backends
//! (see [`crate::transport`]).
//!
//! A source hands out bytes as they are. Whoever reads them checks digest and size, with
//! [`read_document`] for documents and on the way into the store for everything else.

mod content;
mod error;
mod names;
mod walk;

use std::io::Read;
use std::sync::Arc;

pub use content::SourceContent;
pub use error::SourceError;
pub(crate) use names::{docker_name, oci_name};
pub(crate) use walk::is_document;
pub use walk::{Found, MAX_DEPTH, Step, Walk};

use crate::digest::Digest;
use crate::layer::read_at::ReadAt;
use crate::transport::tar_index::Extent;
use crate::types::transports::Transport;
use crate::types::{Descriptor, ImageName};

/// Bytes of an index, manifest or config: 4 MiB, which is what registries and the component take.
pub const DOCUMENT_LIMIT: u64 = 4 << 20;

/// A place images are in.
pub trait Source: Send + Sync {
    /// What the source holds by itself, in the source's own order: an image of a docker archive, an entry
    /// of a layout's `index.json`.
    fn roots(&self) -> &[Root];

    /// The bytes of this content, unchecked. `None` where it is not here.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where it cannot be read. Not being there is no error.
    fn open(&self, target: &Descriptor) -> Result<Option<Content>, SourceError>;

    /// The same bytes, to be read at any place.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where it cannot be opened. Not being there is no error.
    fn open_at(&self, target: &Descriptor) -> Result<Option<Arc<dyn ReadAt>>, SourceError>;

    /// Whether this content is here.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where it cannot be told.
    fn contains(&self, target: &Descriptor) -> Result<bool, SourceError> {
        Ok(self.open(target)?.is_some())
    }

    /// The bytes of this content from byte `from` on, unchecked. `None` where it is not here.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where it cannot be read. Not being there is no error.
    fn open_from(&self, target: &Descriptor, from: u64) -> Result<Option<Content>, SourceError> {
        let Some(mut content) = self.open(target)? else { return Ok(None) };
        let skipped = std::io::copy(&mut content.reader.by_ref().take(from), &mut std::io::sink());
        skipped.map_err(|source| SourceError::Read { name: target.digest.clone(), source })?;
        Ok(Some(content))
    }

    /// What is here of a layer that a manifest names as `blob`, where that is another form of it. `None`: it is here as
    /// it is named, or not at all.
    fn form(&self, blob: &Descriptor) -> Option<&Descriptor> {
        let _ = blob;
        None
    }

    /// Whether bringing content in costs so much that what came is kept where it breaks off, for the next time.
    fn is_remote(&self) -> bool {
        false
    }

    /// The registry, `host[:port]`, and the path of the repository that content is in, where that is where it is.
    fn repository(&self) -> Option<(&str, &str)> {
        None
    }

    /// What policies call places of this kind. `None`: they know none such.
    fn transport(&self) -> Option<Transport> {
        None
    }

    /// For an archive that ends without its end marker, where that is: what is missing may have been cut off.
    fn cut_at(&self) -> Option<u64> {
        None
    }
}

/// Content of a source, to be read from its start.
pub struct Content {
    /// The bytes.
    pub reader: Box<dyn Read + Send>,
    /// How many there are.
    pub size: u64,
    /// Where they lie, when the source is one file that can be read at any place.
    pub extent: Option<Extent>,
}

/// An image, or an index of images, that a source holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// The names it goes by, normalised, in the source's order.
    pub names: Vec<ImageName>,
    /// In an OCI layout, its `org.opencontainers.image.ref.name` as written: what `oci:path:NAME` selects.
    pub ref_name: Option<String>,
    /// The index or manifest.
    pub descriptor: Descriptor,
}

/// Which of a source's roots is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// The only one there is, under however many names.
    Only,
    /// The one at this position, from 0.
    Position(usize),
    /// The one with this name, or, as written, this `ref.name`.
    Name {
        /// As written.
        text: String,
        /// Normalised, where it can be.
        name: Option<ImageName>,
    },
}

/// The position of the root that is meant.
///
/// # Errors
/// [`SourceError::NoSuchImage`] and [`SourceError::SeveralImages`], which list the names there are.
pub fn select(source: &dyn Source, selector: &Selector) -> Result<usize, SourceError> {
    let roots = source.roots();
    let known = || {
        let listed = roots.iter().enumerate().take(16).map(|(position, root)| match root.names.first() {
            Some(name) => crate::resolve::name(name),
            None => root.ref_name.clone().unwrap_or_else(|| format!("@{position}")),
        });
        listed.collect::<Vec<_>>()
    };
    let missing = |wanted: String| SourceError::NoSuchImage { wanted, known: known() };
    match selector {
        Selector::Only => match roots {
            [] => Err(missing("an image".into())),
            // One image under several names is still one.
            [first, others @ ..]
                if others.iter().all(|other| other.descriptor.digest == first.descriptor.digest) =>
            {
                Ok(0)
            }
            _ => Err(SourceError::SeveralImages { known: known() }),
        },
        Selector::Position(position) if *position < roots.len() => Ok(*position),
        Selector::Position(position) => Err(missing(format!("@{position}"))),
        Selector::Name { text, name } => {
            let by_text = roots.iter().position(|root| root.ref_name.as_ref() == Some(text));
            let by_name = || {
                let name = name.as_ref()?;
                roots.iter().position(|root| root.names.iter().any(|known| names::same(known, name)))
            };
            by_text.or_else(by_name).ok_or_else(|| missing(text.clone()))
        }
    }
}

/// The whole document a descriptor points at, its size and digest checked. `None` where it is not here.
///
/// # Errors
/// [`SourceError::TooLarge`] where descriptor or content are over [`DOCUMENT_LIMIT`];
/// [`SourceError::SizeMismatch`] and [`SourceError::DigestMismatch`] where the content is another.
pub fn read_document(source: &dyn Source, target: &Descriptor) -> Result<Option<Vec<u8>>, SourceError> {
    let digest: Digest = target.digest.parse()?;
    if target.size > DOCUMENT_LIMIT {
        return Err(SourceError::TooLarge {
            name: target.digest.clone(),
            size: target.size,
            limit: DOCUMENT_LIMIT,
        });
    }
    let Some(content) = source.open(target)? else {
        return Ok(None);
    };
    if content.size != target.size {
        return Err(SourceError::SizeMismatch { digest, wanted: target.size, found: content.size });
    }
    let bytes = read_limited(content, &target.digest, DOCUMENT_LIMIT)?;
    if bytes.len() as u64 != target.size {
        return Err(SourceError::SizeMismatch { digest, wanted: target.size, found: bytes.len() as u64 });
    }
    digest.check(&bytes)?;
    Ok(Some(bytes))
}

/// All of `content`, which `name` stands for, unless it is over `limit` bytes.
pub(crate) fn read_limited(content: Content, name: &str, limit: u64) -> Result<Vec<u8>, SourceError> {
    let too_large = |size| SourceError::TooLarge { name: name.to_owned(), size, limit };
    if content.size > limit {
        return Err(too_large(content.size));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(content.size).unwrap_or_default());
    let read = content.reader.take(limit + 1).read_to_end(&mut bytes);
    read.map_err(|source| SourceError::Read { name: name.to_owned(), source })?;
    // A file may have grown since it was measured.
    if bytes.len() as u64 > limit {
        return Err(too_large(bytes.len() as u64));
    }
    Ok(bytes)
}
