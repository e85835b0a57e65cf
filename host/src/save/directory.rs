//! Writing into a directory: blobs as clones, hard links or copies; and containers/image's `dir:`.

use std::fs::File;
use std::io::Write as _;

use cap_std::fs::{Dir, OpenOptions};

use super::content::Outgoing;
use super::oci::at_once;
use super::origin::Origin;
use super::tree::{Content, Piece, Tree};
use super::{Options, SaveError, Saved, Sharing};
use crate::digest::{Algorithm, Digest};
use crate::load::Progress;
use crate::side_by_side::side_by_side;
use crate::store::reached;

/// What containers/image writes into the version file.
const VERSION: &[u8] = b"Directory Transport Version: 1.1\n";

/// A directory being filled.
pub(super) struct Writer<'a> {
    pub(super) from: &'a Origin,
    pub(super) to: &'a Dir,
    pub(super) sharing: Sharing,
    pub(super) progress: &'a dyn Progress,
}

impl Writer<'_> {
    pub(super) fn directory(&self, path: &str) -> Result<(), SaveError> {
        self.to.create_dir(path).map_err(failed(path))
    }

    pub(super) fn bytes(&self, path: &str, bytes: &[u8]) -> Result<(), SaveError> {
        self.create(path)?.write_all(bytes).map_err(failed(path))
    }

    /// A blob: the store's own file, a clone of it, or a copy, which is verified as it is made.
    pub(super) fn piece(&self, path: &str, digest: &Digest, piece: Piece) -> Result<(), SaveError> {
        if let (Content::Stored(_), Sharing::Link, Some(store)) =
            (&piece.content, self.sharing, self.from.store())
            && store.link_blob(digest, self.to, path).is_ok()
        {
            self.progress.finished(&piece.target, true);
            reached("save-blob-written");
            return Ok(());
        }
        // Links have limits: file systems, counts, protections.
        let mut file = self.create(path)?;
        match &piece.content {
            Content::Stored(Some(blob)) if clone(blob.file(), &file) => {
                self.progress.finished(&piece.target, true);
            }
            _ => {
                let outgoing = Outgoing { blob: digest, digest, size: piece.target.size, path };
                piece.copy(self.from, &outgoing, &mut file, self.progress)?;
            }
        }
        reached("save-blob-written");
        Ok(())
    }

    fn create(&self, path: &str) -> Result<File, SaveError> {
        let mut options = OpenOptions::new();
        let file = self.to.open_with(path, options.write(true).create_new(true)).map_err(failed(path))?;
        Ok(file.into_std())
    }
}

fn failed(path: &str) -> impl FnOnce(std::io::Error) -> SaveError {
    let path = path.to_owned();
    move |source| SaveError::Write { path, source }
}

/// Makes one file a clone of another, where the file system has such: they share the bytes until one is
/// written to.
#[cfg(target_os = "linux")]
fn clone(from: &File, to: &File) -> bool {
    rustix::fs::ioctl_ficlone(to, from).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn clone(_from: &File, _to: &File) -> bool {
    false
}

/// Where containers/image has a blob. Only SHA-256 goes without saying.
fn blob_name(digest: &Digest) -> String {
    match digest.algorithm() {
        Algorithm::Sha256 => digest.hex().to_owned(),
        other => format!("{}-{}", other.name(), digest.hex()),
    }
}

/// Writes a `dir:`.
pub(super) fn write_docker(
    tree: Tree,
    from: &Origin,
    options: &Options<'_>,
    to: &Dir,
    progress: &dyn Progress,
) -> Result<Saved, SaveError> {
    let blobs = tree.announce(progress);
    let writer = Writer { from, to, sharing: options.sharing, progress };
    writer.bytes("version", VERSION)?;
    let root: Option<Digest> = tree.roots.first().map(|root| root.written.digest.parse()).transpose()?;
    for (digest, bytes) in &tree.documents {
        let name = blob_name(digest);
        if root.as_ref() == Some(digest) {
            writer.bytes("manifest.json", bytes)?;
        } else if tree.manifests.contains(digest) {
            writer.bytes(&format!("{name}.manifest.json"), bytes)?;
        } else {
            writer.bytes(&name, bytes)?;
        }
    }
    side_by_side(tree.blobs.into_iter().collect(), at_once(from), |(digest, piece), _| {
        writer.piece(&blob_name(&digest), &digest, piece)
    })?;
    let mut roots = tree.roots;
    // The form keeps none.
    roots.iter_mut().for_each(|root| root.names.clear());
    Ok(Saved { roots, blobs })
}
