//! An image's root file system, written to a directory.
//!
//! Layers are applied from the base layer up ([`tree`](crate::layer::tree) says how they stack). Whatever a layer says,
//! nothing outside the directory is touched: an entry's directories are opened one after the other, without following
//! links, and hard links lead to what is found the same way. The digest and the diff ID of every layer are verified as
//! it comes; since what is wrong shows at its end, what has been written by then is of no use, and it is for the caller
//! to write where nobody looks until [`unpack`] comes back.

mod access;
pub mod bundle;
mod content;
mod error;
mod fault;
mod layers;
mod link;
mod metadata;
mod own;
mod report;
mod rootless;
mod stack;
mod stream;
mod whiteout;
mod writer;

use std::io::Read;
use std::os::fd::AsFd as _;

use cap_std::fs::Dir;

pub use error::UnpackError;
pub use fault::EntryError;
pub use layers::{SourceLayers, StoredLayers};
pub use report::{FAILURES, Failure, Losses, Lost, Report};
pub use writer::Writer;

use crate::digest::Digest;
use crate::layer::compression::Expansion;
use crate::layer::tar::Decoder;

/// How to unpack.
#[derive(Debug, Clone)]
pub struct Options {
    /// Everything belongs to the caller; other owners are recorded in the extended attribute
    /// `user.rootlesscontainers`, devices are empty files. What only root may do is left out and said.
    pub rootless: bool,
    /// Go on after an entry that cannot be written. Layers that are not what they should be end it all the same.
    pub keep_going: bool,
    /// How much layers may expand to; its floor is what copies of files that take no more links may take.
    pub expansion: Expansion,
    /// Layers that are decompressed at a time.
    pub layers_at_once: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options { rootless: false, keep_going: false, expansion: Expansion::default(), layers_at_once: 2 }
    }
}

/// The layers of an image, wherever they are.
pub trait Layers: Sync {
    /// The digests of their uncompressed content, base layer first.
    fn diff_ids(&self) -> &[Digest];

    /// The content of a layer, counted from the base layer, 0.
    ///
    /// # Errors
    /// [`UnpackError::Absent`] where it is not here; what reading fails with.
    fn open(&self, layer: usize) -> Result<Stream, UnpackError>;
}

/// A layer as it is stored.
pub struct Stream {
    /// Its bytes, compressed or not.
    pub reader: Box<dyn Read + Send>,
    /// How many they should be.
    pub size: u64,
    /// The digest they should have.
    pub digest: Digest,
}

/// Writes an image's files to `root`, which is empty.
///
/// Memory: about 20 MiB, and the windows of zstd where layers are compressed so, whatever the image.
///
/// # Errors
/// [`UnpackError`]; `root` has some of the files then.
pub fn unpack(layers: &dyn Layers, root: &Dir, options: &Options) -> Result<Report, UnpackError> {
    let root =
        access::open(root.as_fd(), b".").map_err(|errno| UnpackError::Root { source: errno.into() })?.fd;
    let mut writer = Writer::new(root, options);
    stream::run(layers, options.expansion, options.layers_at_once, |layer, coming| {
        writer.next_layer()?;
        let mut decoder = Decoder::new();
        let mut done = 0u64;
        for piece in &coming.pieces {
            let chunk = piece?;
            done += chunk.bytes().len() as u64;
            let fed = decoder.feed(chunk.bytes(), &mut writer);
            coming.give_back(chunk);
            match fed {
                Err(UnpackError::Tar(source)) => {
                    // A tar that is none is so in most cases because the content is damaged; then that is what to say.
                    coming.rest()?;
                    return Err(UnpackError::Layer { layer, source });
                }
                fed => fed?,
            }
        }
        // No bytes at all are no layer, but what some builders make of nothing.
        if done == 0 {
            return Ok(());
        }
        decoder.finish().map_err(|source| UnpackError::Layer { layer, source })
    })?;
    writer.finish()
}

/// Removes everything in `directory`, whatever modes an image gave it and however deep it goes.
///
/// # Errors
/// The system's, where something cannot be removed.
pub fn discard(directory: &Dir) -> std::io::Result<()> {
    Ok(access::empty(access::open(directory.as_fd(), b".")?.fd.as_fd())?)
}
