//! Importing: a tarball of a root file system becomes an image of one layer, as `docker import` and `podman
//! import` make it. The layer is stored as it came; what it holds is walked, to be sure that it is a tar.
//!
//! ```
//! use cap_std::ambient_authority;
//! use cap_std::fs::Dir;
//! use consign::import::{Options, import};
//! use consign::platform::default_platform;
//! use consign::sandbox::{Limits, Sandbox};
//! use consign::store::{self, Store};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! # let directory = directory.path();
//! let sandbox = Sandbox::new(Limits::default())?;
//! let store = Store::open(Dir::open_ambient_dir(directory, ambient_authority())?, store::Options::default())?;
//! let mut options = Options::new(default_platform().clone(), std::time::UNIX_EPOCH);
//! options.config.change("CMD [\"/bin/sh\"]")?;
//! // The smallest tar there is: its end.
//! let imported = import(&store, &sandbox, &mut &[0; 1024][..], &options, &())?;
//! assert!(store.images().contains(&imported.id)?);
//! # Ok(())
//! # }
//! ```

mod change;
mod config;
mod error;
mod layer;
mod words;

use std::io::Read;
use std::time::SystemTime;

use crate::digest::{Algorithm, Digest};
use crate::document::{OCI_CONFIG, OCI_MANIFEST, described};
use crate::layer::compression::{Compression, Expansion};
use crate::load::Progress;
use crate::sandbox::Sandbox;
use crate::save::document::manifest_bytes;
use crate::store::{
    EventKind, EventRecord, ImageRecord, LayerRecord, ManifestRecord, NameRecord, Records, Store, Target,
};
use crate::types::manifests::{Kind, Manifest};
use crate::types::{Descriptor, ImageName, Platform};

pub use change::{ChangeError, INSTRUCTIONS};
pub use config::Config;
pub use error::ImportError;

const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// What the image is to be.
#[derive(Debug, Clone)]
pub struct Options {
    /// Its name, if it is to have one. Whatever has the name loses it.
    pub name: Option<ImageName>,
    /// What it runs on.
    pub platform: Platform,
    /// When it was made.
    pub created: SystemTime,
    /// What its one step of history says.
    pub message: String,
    /// What a container of it runs with.
    pub config: Config,
    /// What a compressed tarball may expand to.
    pub expansion: Expansion,
    /// Bytes of the tarball, where they are known before; only progress depends on it.
    pub size: Option<u64>,
}

impl Options {
    /// An image without a name and with an empty config.
    pub fn new(platform: Platform, created: SystemTime) -> Options {
        Options {
            name: None,
            platform,
            created,
            message: "Imported from -".into(),
            config: Config::default(),
            expansion: Expansion::default(),
            size: None,
        }
    }
}

/// What was imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The digest of the image's config: its ID.
    pub id: Digest,
    /// Its manifest.
    pub manifest: Descriptor,
    /// Its layer, as it came.
    pub layer: Descriptor,
    /// The digest of the uncompressed layer.
    pub diff_id: Digest,
    /// What it runs on.
    pub platform: Platform,
}

/// Imports a tarball.
///
/// # Errors
/// With any error the store holds what it held before. [`ImportError::Tar`] where it is no tar, with the position;
/// [`ImportError::Compression`] where it cannot be decompressed.
pub fn import(
    store: &Store,
    sandbox: &Sandbox,
    input: &mut dyn Read,
    options: &Options,
    progress: &dyn Progress,
) -> Result<Imported, ImportError> {
    let batch = store.batch()?;
    let found = layer::store(&batch, input, options, progress)?;
    let media_type = match found.compression {
        Compression::Plain => LAYER.to_owned(),
        compressed => format!("{LAYER}+{}", compressed.name()),
    };
    let layer = described(&media_type, &found.blob, found.size);

    let created = created(options.created)?;
    let document = options.config.document(options, &created, &found.diff_id);
    let config = described(OCI_CONFIG, &batch.put(&document, Algorithm::Sha256)?, document.len() as u64);
    // Held to what every other image's config is.
    let parsed = sandbox.parse_image_config(&document)?;
    let parsed = parsed.map_err(|problem| ImportError::Document { problem })?;
    let manifest = Manifest {
        kind: Kind::OciManifest,
        config: config.clone(),
        layers: vec![layer.clone()],
        annotations: Vec::new(),
        artifact_type: None,
        subject: None,
    };
    let document = manifest_bytes(&manifest, &manifest.layers);
    let manifest = described(OCI_MANIFEST, &batch.put(&document, Algorithm::Sha256)?, document.len() as u64);

    let (target, config) = (Target::try_from(&manifest)?, Target::try_from(&config)?);
    let id = config.digest.clone();
    let blob = Target::try_from(&layer)?;
    let name = options.name.iter().map(|name| NameRecord {
        name: name.clone(),
        target: target.clone(),
        replace: true,
    });
    let mut event =
        EventRecord::new(EventKind::Import).image(&id).attribute("digest", manifest.digest.clone());
    event.name = options.name.as_ref().map(crate::resolve::name);
    let records = Records {
        names: name.collect(),
        manifests: vec![ManifestRecord {
            target: target.clone(),
            config: config.clone(),
            layers: vec![blob.clone()],
            complete: true,
        }],
        images: vec![ImageRecord {
            config,
            platform: parsed.platform.clone(),
            created: parsed.created,
            diff_ids: vec![found.diff_id.clone()],
            // Of one layer the chain ID is the diff ID.
            chain_ids: vec![found.diff_id.clone()],
        }],
        layers: vec![LayerRecord { diff_id: found.diff_id.clone(), blob, unpacked_size: found.unpacked }],
        events: vec![event],
        ..Records::default()
    };
    batch.finish(&records)?;
    Ok(Imported { id, manifest, layer, diff_id: found.diff_id, platform: parsed.platform })
}

/// RFC 3339.
fn created(time: SystemTime) -> Result<String, ImportError> {
    jiff::Timestamp::try_from(time)
        .map(|time| time.to_string())
        .map_err(|error| ImportError::Time { reason: error.to_string() })
}
