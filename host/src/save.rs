//! Saving: images of the store as an archive or a directory that docker, podman, skopeo and consign read.
//!
//! Every byte is read once and held against its digest as it goes out. What is written says nothing of when
//! or by whom it was: the same images give the same bytes.
//!
//! ```
//! use cap_std::ambient_authority;
//! use cap_std::fs::Dir;
//! use consign::platform::maximum_platform;
//! use consign::sandbox::{Limits, Sandbox};
//! use consign::save::{Destination, Options, Wanted, save};
//! use consign::store::{self, Store};
//! use consign::transport::archive::{self, Archive};
//! use consign::transport::open_archive;
//! use consign::types::{Rules, resolution};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures");
//! # let directory = tempfile::tempdir()?;
//! # let directory = directory.path();
//! let sandbox = Sandbox::new(Limits::default())?;
//! let store = Store::open(Dir::open_ambient_dir(directory, ambient_authority())?, store::Options::default())?;
//! let file = std::fs::File::open(format!("{fixtures}/multi.oci.tar"))?;
//! let source = open_archive(Archive::open(file, None, archive::Options::default())?, &sandbox)?;
//! let loaded = consign::load::load(&store, &*source, &sandbox, &Default::default(), &())?;
//! let root = &loaded.roots[0];
//! let wanted = Wanted { target: root.descriptor.clone(), names: root.names.clone() };
//! let choice = resolution::Options { platform: None, host: maximum_platform().clone(), rules: Rules::Docker };
//! let mut archive = Vec::new();
//! let saved = save(&store, &sandbox, &[wanted], &Options::new(choice), Destination::OciArchive(&mut archive), &())?;
//! assert_eq!(saved.roots[0].images.len(), root.images.len());
//! assert_eq!(saved.roots[0].written.digest, root.descriptor.digest);
//! # Ok(())
//! # }
//! ```

mod choice;
pub(crate) mod compress;
mod content;
mod directory;
mod docker_archive;
pub(crate) mod document;
mod error;
mod gaps;
mod kinds;
mod layout;
mod oci;
pub(crate) mod origin;
pub mod output;
pub(crate) mod piece;
mod tar;
pub(crate) mod tree;

use std::fs::File;
use std::io::Write;
use std::sync::Arc;

use cap_std::fs::Dir;

use crate::digest::Digest;
use crate::layer::compress::Method;
use crate::load::{Count, Progress};
use crate::policy::{Carrying, Trust};
use crate::sandbox::Sandbox;
use crate::types::{Descriptor, ImageName, Platform, resolution};

pub use error::SaveError;
pub use kinds::{Kinds, NotAKind};
pub use origin::{Origin, leading_to};

/// What [`SaveError::Unsupported`] calls them: only some forms have a place for signatures.
pub const SIGNATURES: &str = "signatures";

/// Where images are saved to, and in which form. A directory is one that is there and, but for a layout, empty.
pub enum Destination<'a> {
    /// What `docker load` and `podman load` read: one image for each name or ID, layers uncompressed. The bytes
    /// are those that podman and skopeo write.
    DockerArchive(&'a mut dyn Write),
    /// The same in an empty regular file, with several layers written at once.
    DockerArchiveFile(&'a File),
    /// An OCI image layout in a tar.
    OciArchive(&'a mut dyn Write),
    /// An OCI image layout.
    OciDir(&'a Dir),
    /// An OCI image layout that is there already, to which this is added.
    Layout(&'a Dir),
    /// What containers/image calls `dir:`; it holds one image or index, and no name.
    DockerDir(&'a Dir),
}

/// An image or an index to save.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The index, manifest or config.
    pub target: Descriptor,
    /// The names it is to have there. One with a digest cannot be given by an archive and is left out.
    pub names: Vec<ImageName>,
}

/// What becomes of images of an index that are not in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// What is written names only what is in it: a new index lists those that are here, or the only one that
    /// is stands for itself.
    Drop,
    /// That is an error.
    Refuse,
    /// The index stays as it is and names content that is elsewhere.
    Keep,
}

/// How a directory gets its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// As clones of the store's files where the file system has such, otherwise as copies.
    Clone,
    /// As hard links where that can be done: the same files as the store's. Not to be given away, nor written to.
    Link,
}

/// How images are saved.
pub struct Options<'a> {
    /// Which image of an index is meant where one has to be chosen: in a docker archive, and wherever a platform
    /// is asked for.
    pub choice: resolution::Options,
    /// Of an index only the image that is meant for the platform is written.
    pub one: bool,
    /// Of an index nothing but itself is written.
    pub index_only: bool,
    /// What becomes of images that are not in the store.
    pub absent: Absent,
    /// Compress layers that are not. Their manifests, and the indexes above them, get other digests; image IDs
    /// stay. Needs `spool`.
    pub compress: Option<Method>,
    /// Compress also layers that are compressed in another way.
    pub recompress: bool,
    /// Make manifests and indexes those of OCI or of Docker. Image IDs stay.
    pub kinds: Option<Kinds>,
    /// In a layout: the `org.opencontainers.image.ref.name` of what is written, in place of its names.
    pub ref_name: Option<String>,
    /// Where unnamed temporary files are made.
    pub spool: Option<&'a Dir>,
    /// How a directory gets its content.
    pub sharing: Sharing,
    /// Who is asked about every manifest before its layers are read; about indexes, too, where they are taken
    /// whole, or alone. `None`: whatever there is may be written.
    pub trust: Option<&'a Arc<Trust>>,
    /// What signatures it has where it is, and who signs it. `None`: what is written has none.
    pub signatures: Option<&'a Carrying>,
}

impl Options<'_> {
    /// What is in the store, as it is.
    pub fn new(choice: resolution::Options) -> Self {
        Options {
            choice,
            one: false,
            index_only: false,
            absent: Absent::Drop,
            compress: None,
            recompress: false,
            kinds: None,
            ref_name: None,
            spool: None,
            sharing: Sharing::Clone,
            trust: None,
            signatures: None,
        }
    }
}

/// What was saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// In the order in which they were wanted; in a docker archive an image wanted twice is there once, with
    /// all the names.
    pub roots: Vec<SavedRoot>,
    /// Layers and other blobs that were written, documents not counted; their bytes as they were written.
    pub blobs: Count,
}

/// One of the things wanted, saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedRoot {
    /// The index, manifest or config as the store has it.
    pub stored: Descriptor,
    /// What was written in its place; another one where a platform was chosen, where something was not
    /// here or was compressed. In a docker archive, which keeps no manifest, the config.
    pub written: Descriptor,
    /// The names it has there.
    pub names: Vec<ImageName>,
    /// The images in it, in the order of its indexes.
    pub images: Vec<SavedImage>,
    /// What its indexes list and was not written, in their order.
    pub absent: Vec<Digest>,
}

/// An image, saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedImage {
    /// The digest of its manifest as written. `None` in a docker archive.
    pub manifest: Option<Digest>,
    /// The digest of its config: the image ID.
    pub id: Digest,
    /// The config's platform.
    pub platform: Platform,
}

/// Saves images. With any error what has been written is worth nothing, but a layout that was there before is what it
/// was; see [`output`] for files and directories that have a name only when they are complete.
///
/// # Errors
/// [`SaveError::Incomplete`] where content is not in the store, [`SaveError::Unsupported`] where the form cannot
/// hold what is asked for, [`SaveError::Write`] where writing fails.
pub fn save(
    from: impl Into<Origin>,
    sandbox: &Sandbox,
    images: &[Wanted],
    options: &Options<'_>,
    destination: Destination<'_>,
    progress: &dyn Progress,
) -> Result<Saved, SaveError> {
    let from = &from.into();
    let tree = || {
        let spooling = compress::Spooling(options.spool);
        let mut tree = tree::Builder::new(from, sandbox, options, &spooling);
        images.iter().try_for_each(|wanted| tree.add(wanted))?;
        tree.finish()
    };
    let unsigned = |format| {
        let tree = tree()?;
        match tree.signatures.is_empty() {
            true => Ok(tree),
            false => Err(SaveError::Unsupported { format, what: SIGNATURES }),
        }
    };
    match destination {
        Destination::DockerArchive(out) => {
            docker_archive::write(from, sandbox, images, options, out, progress)
        }
        Destination::DockerArchiveFile(file) => {
            docker_archive::write_file(from, sandbox, images, options, file, progress)
        }
        Destination::OciArchive(out) => {
            oci::write_archive(unsigned("oci-archive")?, from, options, out, progress)
        }
        Destination::OciDir(to) => oci::write_directory(unsigned("oci-dir")?, from, options, to, progress),
        Destination::Layout(to) => layout::add(unsigned("oci-dir")?, from, sandbox, options, to, progress),
        Destination::DockerDir(to) => {
            if images.len() > 1 {
                return Err(SaveError::Unsupported { format: "docker-dir", what: "several images" });
            }
            directory::write_docker(tree()?, from, options, to, progress)
        }
    }
}

/// For a form that keeps no manifests, which are what is signed.
fn refuse_signed(
    from: &Origin,
    sandbox: &Sandbox,
    wanted: &[Wanted],
    options: &Options<'_>,
    format: &'static str,
) -> Result<(), SaveError> {
    let Some(carrying) = options.signatures else { return Ok(()) };
    for wanted in wanted {
        let image = from.choose(sandbox, wanted, &options.choice)?;
        let Some(manifest) = &image.manifest else { continue };
        if carrying.signer.is_some() || !carrying.of(&manifest.digest.parse()?)?.is_empty() {
            return Err(SaveError::Unsupported { format, what: SIGNATURES });
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
