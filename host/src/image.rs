//! Images over the store: made known from a config, read back, and found again.
//!
//! This is moby's image store: the catalogue keeps what configs say, the guest reads what they say.

use crate::digest::Digest;
use crate::document::DOCKER_CONFIG;
use crate::sandbox::{Sandbox, SandboxError};
use crate::store::{DOCUMENT_LIMIT, ImageRecord, Store, StoreError, Target};
use crate::types::Platform;
use crate::types::manifests::{ImageConfig, ManifestError};

/// Why an image could not be made known or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The component did not answer.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The config is none.
    #[error("the image config is not valid: {error:?}")]
    Config {
        /// What is wrong with it, and where.
        error: ManifestError,
    },
    /// The history has more steps that added a layer than there are layers.
    #[error("wanted at most {layers} steps with a layer in the image's history, found {steps}")]
    TooManySteps {
        /// Layers the config lists.
        layers: usize,
        /// Steps of the history that are not marked as empty.
        steps: usize,
    },
    /// The image is for an operating system whose layers this one cannot handle.
    #[error("wanted an image for `{wanted}`, found one for `{found}`")]
    OtherOs {
        /// This machine's.
        wanted: String,
        /// The image's.
        found: String,
    },
    /// The image's layers are not in the store.
    #[error("the layer `{chain_id}` is not in the store")]
    MissingLayer {
        /// The chain ID of the image's top layer.
        chain_id: Digest,
    },
}

/// An image: what its config says, and what is known beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The digest of the config.
    pub id: Digest,
    /// What the config says.
    pub config: ImageConfig,
    /// The chain ID of the top layer. `None` for an image without layers.
    pub chain_id: Option<Digest>,
    /// The image this one was built on, as recorded in the store.
    pub parent: Option<Digest>,
}

impl Image {
    /// The config's architecture, or the host's where it names none.
    pub fn architecture<'a>(&'a self, host: &'a Platform) -> &'a str {
        or(&self.config.platform.architecture, &host.architecture)
    }

    /// The config's operating system, or the host's where it names none.
    pub fn operating_system<'a>(&'a self, host: &'a Platform) -> &'a str {
        or(&self.config.platform.os, &host.os)
    }

    /// The value of a label, whatever the letter case of its key; one in this very case comes first (libpod,
    /// `GetLabel`).
    pub fn label(&self, key: &str) -> Option<&str> {
        let labels = self.config.config.as_ref()?.labels.as_deref()?;
        let exact = labels.iter().find(|(known, _)| known == key);
        let found = exact.or_else(|| labels.iter().find(|(known, _)| known.eq_ignore_ascii_case(key)));
        found.map(|(_, value)| value.as_str())
    }

    /// Steps of the history that are not marked as empty.
    fn steps(&self) -> usize {
        self.config.history.iter().filter(|step| !step.empty_layer).count()
    }
}

/// A label, or one with this value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Its key.
    pub key: String,
    /// Its value. `None`: any.
    pub value: Option<String>,
}

impl Label {
    /// Reads `KEY` or `KEY=VALUE`; the value may be empty.
    pub fn parse(text: &str) -> Label {
        match text.split_once('=') {
            Some((key, value)) => Label { key: key.into(), value: Some(value.into()) },
            None => Label { key: text.into(), value: None },
        }
    }

    /// Whether it is one of an image's labels. Keys are compared as they are written, as docker's filters do.
    pub fn is_among(&self, labels: &[(String, String)]) -> bool {
        labels
            .iter()
            .any(|(key, value)| *key == self.key && self.value.as_ref().is_none_or(|wanted| wanted == value))
    }
}

fn or<'a>(text: &'a str, default: &'a str) -> &'a str {
    if text.is_empty() { default } else { text }
}

/// Stores a config and makes its image known. An image that is known already stays as it is.
///
/// This is how images come to be that are made here. `host` is the platform of this machine: as with
/// moby, an image with layers has to be for its operating system. Images that come from elsewhere, for
/// whatever platform, come in a [`Batch`](crate::store::Batch).
///
/// # Errors
/// [`ImageError::Config`] and [`ImageError::TooManySteps`] before anything is stored;
/// [`ImageError::OtherOs`] and [`ImageError::MissingLayer`] with the config stored and the image not known.
pub fn create(
    store: &Store,
    sandbox: &Sandbox,
    config: &[u8],
    host: &Platform,
) -> Result<Digest, ImageError> {
    let image = parse(sandbox, Digest::of(config), config)?;
    let (layers, steps) = (image.config.diff_ids.len(), image.steps());
    if steps > layers {
        return Err(ImageError::TooManySteps { layers, steps });
    }
    store.put(config)?;
    if !store.images().contains(&image.id)? {
        require_layers(store, &image, host)?;
        store.images().create(&record(sandbox, &image, config.len() as u64)?)?;
    }
    Ok(image.id)
}

/// The image with this ID, its config verified and read. `None` where the config is not stored.
///
/// # Errors
/// [`StoreError::Corrupt`] where the config is damaged, [`ImageError::Config`] where what is stored is no
/// config.
pub fn get(store: &Store, sandbox: &Sandbox, id: &Digest) -> Result<Option<Image>, ImageError> {
    let Some(config) = store.images().read_config(id)? else { return Ok(None) };
    let mut image = parse(sandbox, id.clone(), &config)?;
    image.parent = store.images().parent(id)?;
    Ok(Some(image))
}

/// The labels of the image with this ID, ascending by key. None for one whose config is not stored, damaged
/// or no config.
///
/// # Errors
///
/// [`ImageError`] where the store cannot be read or the component does not answer.
pub fn labels(store: &Store, sandbox: &Sandbox, id: &Digest) -> Result<Vec<(String, String)>, ImageError> {
    let image = match get(store, sandbox, id) {
        Ok(image) => image,
        Err(error) if is_unreadable(&error) => None,
        Err(error) => return Err(error),
    };
    Ok(image.and_then(|image| image.config.config?.labels).unwrap_or_default())
}

/// The images whose config is intact, by ID.
///
/// # Errors
///
/// [`ImageError`] where the store cannot be read or the component does not answer. A config that is damaged
/// is left out.
pub fn map(store: &Store, sandbox: &Sandbox) -> Result<Vec<Image>, ImageError> {
    readable(store, sandbox, store.images().ids()?)
}

/// The images that are no other's parent and whose config is intact, by ID.
///
/// # Errors
///
/// [`ImageError`] where the store cannot be read or the component does not answer.
pub fn heads(store: &Store, sandbox: &Sandbox) -> Result<Vec<Image>, ImageError> {
    readable(store, sandbox, store.images().heads()?)
}

fn readable(store: &Store, sandbox: &Sandbox, ids: Vec<Digest>) -> Result<Vec<Image>, ImageError> {
    let mut images = Vec::new();
    for id in ids {
        match get(store, sandbox, &id) {
            Ok(image) => images.extend(image),
            Err(error) if is_unreadable(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(images)
}

/// Looks through all stored content for configs, and makes exactly the images known whose config is intact
/// and whose layers are known. What is recorded beside configs (parents, last updates) applies again.
///
/// This is what rebuilds the images of a catalogue that was lost.
///
/// # Errors
///
/// [`ImageError`] where the store cannot be read or written, or the component does not answer.
pub fn restore(store: &Store, sandbox: &Sandbox, host: &Platform) -> Result<(), ImageError> {
    let mut records = Vec::new();
    for (digest, size) in store.blobs()? {
        if size > DOCUMENT_LIMIT || store.documents().get(&digest)?.is_some() {
            continue;
        }
        let found = get(store, sandbox, &digest).and_then(|image| {
            image.map(|image| require_layers(store, &image, host).map(|()| image)).transpose()
        });
        match found {
            Ok(Some(image)) => records.push(record(sandbox, &image, size)?),
            Ok(None) | Err(ImageError::OtherOs { .. } | ImageError::MissingLayer { .. }) => {}
            Err(error) if is_unreadable(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(store.images().replace(&records)?)
}

/// The content is no config, or damaged.
pub(crate) fn is_unreadable(error: &ImageError) -> bool {
    matches!(
        error,
        ImageError::Config { .. }
            | ImageError::Store(StoreError::Corrupt { .. } | StoreError::TooLarge { .. })
    )
}

/// What is to be recorded of the image with this config. `None` where the config is not stored.
pub(crate) fn find_record(
    store: &Store,
    sandbox: &Sandbox,
    id: &Digest,
) -> Result<Option<ImageRecord>, ImageError> {
    let Some(config) = store.images().read_config(id)? else { return Ok(None) };
    let image = parse(sandbox, id.clone(), &config)?;
    record(sandbox, &image, config.len() as u64).map(Some)
}

fn parse(sandbox: &Sandbox, id: Digest, config: &[u8]) -> Result<Image, ImageError> {
    let config = sandbox.parse_image_config(config)?.map_err(|error| ImageError::Config { error })?;
    let chain_id = chain(sandbox, &config)?.pop();
    Ok(Image { id, config, chain_id, parent: None })
}

/// The chain ID of every layer, base layer first.
fn chain(sandbox: &Sandbox, config: &ImageConfig) -> Result<Vec<Digest>, ImageError> {
    let chain = sandbox.chain_ids(&config.diff_ids)?.map_err(|error| ImageError::Config { error })?;
    digests(&chain)
}

fn digests(texts: &[String]) -> Result<Vec<Digest>, ImageError> {
    let parse = |text: &String| text.parse::<Digest>().map_err(|error| ImageError::Store(error.into()));
    texts.iter().map(parse).collect()
}

fn require_layers(store: &Store, image: &Image, host: &Platform) -> Result<(), ImageError> {
    let Some(chain_id) = &image.chain_id else { return Ok(()) };
    let found = image.operating_system(host);
    if !found.eq_ignore_ascii_case(&host.os) {
        return Err(ImageError::OtherOs { wanted: host.os.clone(), found: found.to_owned() });
    }
    match store.layers().get(chain_id)? {
        Some(_) => Ok(()),
        None => Err(ImageError::MissingLayer { chain_id: chain_id.clone() }),
    }
}

fn record(sandbox: &Sandbox, image: &Image, size: u64) -> Result<ImageRecord, ImageError> {
    Ok(ImageRecord {
        // An image may come without a manifest, which would say it.
        config: Target { media_type: DOCKER_CONFIG.into(), digest: image.id.clone(), size },
        platform: image.config.platform.clone(),
        created: image.config.created.clone(),
        diff_ids: digests(&image.config.diff_ids)?,
        chain_ids: chain(sandbox, &image.config)?,
    })
}
