//! What Podman, Buildah and skopeo keep images in (containers/storage), read where it is.
//!
//! ```text
//! <root>/<driver>-images/images.json         images: ID, names, top layer, which documents there are
//!                        <ID>/<document>      manifests and config; see `document_file`
//!        <driver>-layers/layers.json         layers: ID, parent, diff ID, size
//!                        <ID>.tar-split.gz    what is not content of files in the layer's tar: [`tar_split`]
//!        overlay/<ID>/diff, vfs/dir/<ID>     the files
//! ```
//!
//! No lock is taken: each of the two lists is replaced by renaming, layers come before the images that need them and
//! go after them, and images are read first. So what an image names is there, or the image has gone; and
//! nobody waits for a pull that holds the lock for minutes. What is read of layers is held against their diff IDs.
//!
//! ```
//! use std::sync::Arc;
//!
//! use cap_std::ambient_authority;
//! use cap_std::fs::Dir;
//! use consign::containers_storage::{Location, Storage};
//! use consign::sandbox::{Limits, Sandbox};
//! use consign::source::Source;
//! use consign::transport::containers_storage::{Manifests, StoredImage};
//! use consign::types::ImageName;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures");
//! let sandbox = Sandbox::new(Limits::default())?;
//! let directory = Dir::open_ambient_dir(format!("{fixtures}/storage"), ambient_authority())?;
//! let storage = Storage::open(vec![Location { directory, path: "storage".into(), driver: None }])?;
//! let text = |text: &str| text.to_owned();
//! let name = ImageName { domain: text("example.com"), path: text("small"), tag: Some(text("1")), digest: None };
//! let image = StoredImage::open(Arc::new(storage), Some(&name), None, Manifests::Recorded, &sandbox)?;
//! assert_eq!(image.expect("the image is there").roots()[0].names, [name]);
//! # Ok(())
//! # }
//! ```

pub mod conf;
mod error;
mod files;
mod record;
pub mod tar_split;

use std::collections::HashMap;
use std::io::{BufReader, Read};
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cap_std::fs::Dir;
use serde::de::DeserializeOwned;

use crate::digest::Digest;
use crate::resolve;
use crate::source::DOCUMENT_LIMIT;
use crate::types::ImageName;

pub use error::StorageError;
pub(crate) use files::Files;
pub use record::{Image, Layer};

/// Bytes of `images.json` or `layers.json`: some hundred thousand layers.
const LIST_LIMIT: u64 = 256 << 20;
/// Layers of one image.
const MAX_LAYERS: usize = 10_000;

/// How a storage lays out the files of layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Driver {
    /// Each layer has the files it adds.
    Overlay,
    /// Each layer has the files of all layers up to it.
    Vfs,
}

impl Driver {
    const ALL: [Driver; 2] = [Driver::Overlay, Driver::Vfs];

    /// The driver of this name. `None`: it is not known here.
    pub fn find(name: &str) -> Option<Driver> {
        match name {
            // As it was called in Docker's store, and is still taken.
            "overlay" | "overlay2" => Some(Driver::Overlay),
            "vfs" => Some(Driver::Vfs),
            _ => None,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Driver::Overlay => "overlay",
            Driver::Vfs => "vfs",
        }
    }

    /// Where the files of a layer are.
    fn files(self, layer: &str) -> String {
        match self {
            Driver::Overlay => format!("overlay/{layer}/diff"),
            Driver::Vfs => format!("vfs/dir/{layer}"),
        }
    }
}

/// Where a storage is: what is called a graph root, or an additional image store.
pub struct Location {
    /// The directory.
    pub directory: Dir,
    /// What errors call it.
    pub path: String,
    /// `None`: whichever is there.
    pub driver: Option<Driver>,
}

/// An image that was found, and where.
#[derive(Debug, Clone, Copy)]
pub struct Found<'a> {
    /// The image.
    pub image: &'a Image,
    root: usize,
}

/// Storages, of which the first that has an image counts.
pub struct Storage {
    roots: Vec<Root>,
}

struct Root {
    directory: Dir,
    path: String,
    driver: Driver,
    images: Vec<Image>,
    layers: OnceLock<HashMap<String, Layer>>,
}

impl Storage {
    /// The images in these places, in this order. A place with nothing in it has none.
    ///
    /// # Errors
    /// [`StorageError::Read`] and [`StorageError::List`] where a list cannot be read.
    pub fn open(locations: Vec<Location>) -> Result<Storage, StorageError> {
        let mut roots = Vec::with_capacity(locations.len());
        for Location { directory, path, driver } in locations {
            let is_there = |driver: &Driver| directory.exists(list(*driver, "images"));
            let driver = driver.or_else(|| Driver::ALL.into_iter().find(is_there)).unwrap_or(Driver::Overlay);
            let images = read_list(&directory, &path, &list(driver, "images"))?;
            roots.push(Root { directory, path, driver, images, layers: OnceLock::new() });
        }
        Ok(Storage { roots })
    }

    fn images(&self) -> impl Iterator<Item = Found<'_>> {
        self.roots
            .iter()
            .enumerate()
            .flat_map(|(root, at)| at.images.iter().map(move |image| Found { image, root }))
    }

    /// The ID of the only image whose ID starts so.
    pub fn complete(&self, prefix: &str) -> Option<&str> {
        let mut found = self.images().map(|found| found.image.id.as_str());
        let first = found.find(|id| id.starts_with(prefix))?;
        // A later place may have the same image again.
        found.all(|id| id == first || !id.starts_with(prefix)).then_some(first)
    }

    /// The image of this ID, or else this name: as it is written, or else by a digest of the same repository. A name
    /// beside an ID has to be of a repository that the image has a name in.
    pub fn find(&self, name: Option<&ImageName>, id: Option<&str>) -> Option<Found<'_>> {
        let repository = name.map(|name| format!("{}/{}", name.domain, name.path));
        let is_named = |image: &Image| repository.as_ref().is_none_or(|wanted| image.is_of(wanted));
        if let Some(id) = id {
            return self.images().find(|found| found.image.id == id).filter(|found| is_named(found.image));
        }
        let name = name?;
        let text = resolve::name(name);
        let by_name = self.images().find(|found| found.image.names().any(|known| known == text));
        by_name.or_else(|| {
            let digest = name.digest.as_ref()?;
            self.images().find(|found| found.image.has_manifest(digest) && is_named(found.image))
        })
    }

    /// An image that has this manifest or index.
    pub fn with_manifest(&self, digest: &str) -> Option<Found<'_>> {
        self.images().find(|found| found.image.has_manifest(digest))
    }

    /// A document of an image, unchecked. `None` where it is not there.
    ///
    /// # Errors
    /// [`StorageError::Read`], [`StorageError::TooLarge`].
    pub fn document(&self, found: Found<'_>, name: &str) -> Result<Option<Vec<u8>>, StorageError> {
        let root = &self.roots[found.root];
        let path = format!("{}-images/{}/{}", root.driver.name(), found.image.id, document_file(name));
        let failed = |source| StorageError::Read { path: root.shown(&path), source };
        let file = match root.directory.open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let mut bytes = Vec::new();
        file.take(DOCUMENT_LIMIT + 1).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 > DOCUMENT_LIMIT {
            return Err(StorageError::TooLarge { path: root.shown(&path), limit: DOCUMENT_LIMIT });
        }
        Ok(Some(bytes))
    }

    /// The layers of an image, base layer first.
    ///
    /// # Errors
    /// [`StorageError::NoLayer`] where one is not there, [`StorageError::Unfinished`] where it is being written or was
    /// left so, [`StorageError::Unknown`] where its diff ID was not recorded.
    pub fn layers(&self, found: Found<'_>) -> Result<Vec<StoredLayer>, StorageError> {
        let mut layers = Vec::new();
        let mut next = found.image.layer.as_str();
        while !next.is_empty() {
            if layers.len() == MAX_LAYERS {
                return Err(StorageError::TooManyLayers { image: found.image.id.clone(), limit: MAX_LAYERS });
            }
            let (root, layer) = self.layer(next, &found.image.id)?;
            layers.push(StoredLayer::of(root, layer)?);
            next = &layer.parent;
        }
        layers.reverse();
        Ok(layers)
    }

    fn layer(&self, id: &str, image: &str) -> Result<(usize, &Layer), StorageError> {
        for (position, root) in self.roots.iter().enumerate() {
            if let Some(layer) = root.layers()?.get(id) {
                return Ok((position, layer));
            }
        }
        Err(StorageError::NoLayer { layer: id.to_owned(), image: image.to_owned() })
    }

    /// The `.tar-split.gz` of a layer, and its files.
    ///
    /// # Errors
    /// [`StorageError::Read`]; where the first is not there the layer cannot be had as it was.
    pub(crate) fn parts(&self, layer: &StoredLayer) -> Result<(std::fs::File, Files), StorageError> {
        let root = &self.roots[layer.root];
        let open = |path: String| {
            let failed = |source| StorageError::Read { path: root.shown(&path), source };
            root.directory.open(&path).map_err(failed)
        };
        let split = open(format!("{}-layers/{}.tar-split.gz", root.driver.name(), layer.id))?;
        let path = root.driver.files(&layer.id);
        let failed = |source| StorageError::Read { path: root.shown(&path), source };
        let files = root.directory.open_dir(&path).map_err(failed)?;
        Ok((split.into_std(), Files::new(files)))
    }
}

/// A layer of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredLayer {
    root: usize,
    id: String,
    /// The digest of its tar.
    pub diff_id: Digest,
    /// Bytes of its tar.
    pub size: u64,
}

impl StoredLayer {
    fn of(root: usize, layer: &Layer) -> Result<StoredLayer, StorageError> {
        if layer.is_incomplete() {
            return Err(StorageError::Unfinished { layer: layer.id.clone() });
        }
        let unknown = |what| StorageError::Unknown { layer: layer.id.clone(), what };
        let diff_id = layer.diff_digest.parse().map_err(|_| unknown("diff ID"))?;
        let size =
            layer.diff_size.and_then(|size| u64::try_from(size).ok()).ok_or_else(|| unknown("size"))?;
        Ok(StoredLayer { root, id: layer.id.clone(), diff_id, size })
    }
}

impl Root {
    /// Read when they are first asked for, and so after the images.
    fn layers(&self) -> Result<&HashMap<String, Layer>, StorageError> {
        if let Some(layers) = self.layers.get() {
            return Ok(layers);
        }
        let layers: Vec<Layer> = read_list(&self.directory, &self.path, &list(self.driver, "layers"))?;
        let layers = layers.into_iter().map(|layer| (layer.id.clone(), layer)).collect();
        Ok(self.layers.get_or_init(|| layers))
    }

    fn shown(&self, path: &str) -> String {
        format!("{}/{path}", self.path)
    }
}

/// Where a list is: of `images` or of `layers`.
fn list(driver: Driver, what: &str) -> String {
    format!("{}-{what}/{what}.json", driver.name())
}

/// A list; empty where it is not there.
fn read_list<T: DeserializeOwned>(directory: &Dir, root: &str, path: &str) -> Result<Vec<T>, StorageError> {
    let shown = || format!("{root}/{path}");
    let file = match directory.open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(StorageError::Read { path: shown(), source }),
    };
    let mut reader = BufReader::with_capacity(64 << 10, file).take(LIST_LIMIT);
    let list: Option<Vec<T>> =
        serde_json::from_reader(&mut reader).map_err(|source| match reader.limit() {
            0 => StorageError::TooLarge { path: shown(), limit: LIST_LIMIT },
            _ => StorageError::List { path: shown(), source },
        })?;
    Ok(list.unwrap_or_default())
}

/// The file a document is in: its name where that has only lower-case letters, digits and points, otherwise its name
/// in base64.
fn document_file(name: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'.';
    if name.bytes().all(is_plain) { name.to_owned() } else { format!("={}", STANDARD.encode(name)) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
