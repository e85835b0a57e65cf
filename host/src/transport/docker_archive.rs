//! What `docker save` writes: layers and configs as files, and a `manifest.json` that lists them; before
//! Docker 1.10 only `repositories` and a directory for each layer.
//!
//! Such an archive has no manifests. Each image is given the one containers/image gives it, so that the
//! digest is the one skopeo reports. Layers that the archive holds compressed, as some writers do, are the
//! exception: containers/image would list them uncompressed; here they stay as they came, so the manifest
//! lists the compressed bytes, and the digest is another.

use std::collections::HashMap;
use std::sync::Arc;

use super::archive::Archive;
use super::legacy;
use super::tar_index::Extent;
use crate::digest::{Algorithm, Digest, Hasher};
use crate::document::{DOCKER_CONFIG, DOCKER_MANIFEST, described};
use crate::layer::compression::{Compression, DETECT};
use crate::layer::read_at::ReadAt;
use crate::sandbox::Sandbox;
use crate::source::{Content, DOCUMENT_LIMIT, Root, Source, SourceError, docker_name};
use crate::types::archives::ArchiveImage;
use crate::types::transports::Transport;
use crate::types::{Descriptor, ImageName};

const MANIFEST: &str = "manifest.json";
/// Bytes of a `manifest.json`, as the component has it.
const MANIFEST_LIMIT: u64 = 16 << 20;
/// Bytes of all manifests and configs that are made up for the archive's images.
const MADE_LIMIT: usize = 64 << 20;

const LAYER_TYPE: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";

/// An open docker archive. Its roots are its images, in the order of `manifest.json`.
pub struct DockerArchive {
    archive: Archive,
    roots: Vec<Root>,
    content: HashMap<String, Stored>,
}

/// Where content is.
enum Stored {
    InArchive(Extent),
    Made(Arc<[u8]>),
}

/// An image on its way to being a root.
pub(super) struct Image {
    pub(super) names: Vec<ImageName>,
    pub(super) config: Vec<u8>,
    /// Where the config is, unless it was made up.
    pub(super) config_extent: Option<Extent>,
    /// Path and diff ID of each layer, base layer first.
    pub(super) layers: Vec<(String, String)>,
}

impl DockerArchive {
    /// The images of an archive: by `manifest.json`, or, where there is none, by `repositories`.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where a document is not what its place says, a limit is
    /// passed, or reading fails.
    pub fn open(archive: Archive, sandbox: &Sandbox) -> Result<Self, SourceError> {
        let mut builder = Builder {
            archive: &archive,
            sandbox,
            roots: Vec::new(),
            content: HashMap::new(),
            layers: HashMap::new(),
            made: 0,
        };
        if archive.find(MANIFEST)?.is_none() && archive.find(legacy::REPOSITORIES)?.is_some() {
            for image in legacy::images(&archive, sandbox)? {
                builder.add(image)?;
            }
        } else {
            let bytes = archive.require(MANIFEST, "a docker archive", MANIFEST_LIMIT)?;
            let images = sandbox.parse_archive_manifest(&bytes)?;
            let images =
                images.map_err(|problem| SourceError::Document { name: MANIFEST.into(), problem })?;
            for image in images {
                let image = builder.read(image)?;
                builder.add(image)?;
            }
        }
        let Builder { roots, content, .. } = builder;
        Ok(DockerArchive { archive, roots, content })
    }
}

impl Source for DockerArchive {
    fn roots(&self) -> &[Root] {
        &self.roots
    }

    fn open(&self, target: &Descriptor) -> Result<Option<Content>, SourceError> {
        Ok(self.content.get(&target.digest).map(|stored| match stored {
            Stored::InArchive(extent) => self.archive.read(*extent),
            Stored::Made(bytes) => Content {
                reader: Box::new(std::io::Cursor::new(bytes.clone())),
                size: bytes.len() as u64,
                extent: None,
            },
        }))
    }

    fn open_at(&self, target: &Descriptor) -> Result<Option<Arc<dyn ReadAt>>, SourceError> {
        Ok(self.content.get(&target.digest).map(|stored| match stored {
            Stored::InArchive(extent) => self.archive.read_at(*extent),
            Stored::Made(bytes) => Arc::new(bytes.to_vec()),
        }))
    }

    fn transport(&self) -> Option<Transport> {
        Some(Transport::DockerArchive)
    }
}

struct Builder<'a> {
    archive: &'a Archive,
    sandbox: &'a Sandbox,
    roots: Vec<Root>,
    content: HashMap<String, Stored>,
    /// By path: where a layer is, and, when it is compressed, its digest.
    layers: HashMap<String, (Extent, Option<Digest>)>,
    made: usize,
}

impl Builder<'_> {
    fn read(&self, image: ArchiveImage) -> Result<Image, SourceError> {
        let config = self.archive.require(&image.config, MANIFEST, DOCUMENT_LIMIT)?;
        check_name(&image.config, &config)?;
        let parsed = self.sandbox.parse_image_config(&config)?;
        let parsed =
            parsed.map_err(|problem| SourceError::Document { name: image.config.clone(), problem })?;
        if parsed.diff_ids.len() != image.layers.len() {
            return Err(SourceError::LayerCount {
                name: image.config,
                layers: image.layers.len(),
                diff_ids: parsed.diff_ids.len(),
            });
        }
        let mut names = Vec::with_capacity(image.repo_tags.len());
        for tag in &image.repo_tags {
            names.extend(docker_name(self.sandbox, tag)?);
        }
        let config_extent = self.archive.find(&image.config)?;
        let layers = image.layers.into_iter().zip(parsed.diff_ids).collect();
        Ok(Image { names, config, config_extent, layers })
    }

    fn add(&mut self, image: Image) -> Result<(), SourceError> {
        let config = described(DOCKER_CONFIG, &Digest::of(&image.config), image.config.len() as u64);
        match image.config_extent {
            Some(extent) => {
                self.content.insert(config.digest.clone(), Stored::InArchive(extent));
            }
            None => self.make(&config.digest, image.config)?,
        }
        let mut layers = Vec::with_capacity(image.layers.len());
        for (path, diff_id) in image.layers {
            let diff_id: Digest = diff_id.parse()?;
            let (extent, digest) = self.layer(&path)?;
            let layer = described(LAYER_TYPE, &digest.unwrap_or(diff_id), extent.size);
            self.content.insert(layer.digest.clone(), Stored::InArchive(extent));
            layers.push(layer);
        }
        let manifest = self.sandbox.docker_manifest(&config, &layers)?;
        let descriptor = described(DOCKER_MANIFEST, &Digest::of(&manifest), manifest.len() as u64);
        self.make(&descriptor.digest, manifest)?;
        self.roots.push(Root { names: image.names, ref_name: None, descriptor });
        Ok(())
    }

    /// Where the layer at `path` is, and its digest where that is not the diff ID.
    fn layer(&mut self, path: &str) -> Result<(Extent, Option<Digest>), SourceError> {
        if let Some(known) = self.layers.get(path) {
            return Ok(known.clone());
        }
        let extent = self.archive.find(path)?.ok_or_else(|| self.archive.missing(path, MANIFEST))?;
        let mut head = [0; DETECT];
        let compression = Compression::detect(self.archive.read_head(extent, &mut head)?);
        let digest =
            match compression.map_err(|source| SourceError::Layer { name: path.to_owned(), source })? {
                Compression::Plain => None,
                Compression::Gzip | Compression::Zstd => Some(hash(self.archive, extent, path)?),
            };
        self.layers.insert(path.to_owned(), (extent, digest.clone()));
        Ok((extent, digest))
    }

    fn make(&mut self, digest: &str, bytes: Vec<u8>) -> Result<(), SourceError> {
        self.made += bytes.len();
        if self.made > MADE_LIMIT {
            return Err(SourceError::TooMany {
                what: "bytes of manifests of a docker archive",
                limit: MADE_LIMIT,
            });
        }
        self.content.insert(digest.to_owned(), Stored::Made(bytes.into()));
        Ok(())
    }
}

/// Where a file's name is a digest it has to be the content's: Docker and others name configs so.
fn check_name(path: &str, bytes: &[u8]) -> Result<(), SourceError> {
    let file = path.rsplit('/').next().unwrap_or(path);
    let hex = file.strip_suffix(".json").unwrap_or(file);
    let hex = hex.strip_prefix("sha256:").unwrap_or(hex);
    let Ok(named) = format!("sha256:{hex}").parse::<Digest>() else {
        return Ok(());
    };
    Ok(named.check(bytes)?)
}

fn hash(archive: &Archive, extent: Extent, path: &str) -> Result<Digest, SourceError> {
    let mut reader = archive.read(extent).reader;
    let mut hasher = Hasher::new(Algorithm::Sha256);
    let mut buffer = vec![0; 256 << 10];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(hasher.finish()),
            Ok(read) => hasher.update(&buffer[..read]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(source) => return Err(SourceError::Read { name: path.to_owned(), source }),
        }
    }
}
