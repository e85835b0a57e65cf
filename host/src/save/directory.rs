//! Writing into a directory: blobs as clones, hard links or copies; and containers/image's `dir:`.

use std::fs::File;
use std::io::{self, Read as _, Write as _};

use cap_std::fs::{Dir, OpenOptions};

use super::content::Outgoing;
use super::oci::at_once;
use super::origin::Origin;
use super::piece::{Content, Piece};
use super::tree::Tree;
use super::{Options, SaveError, Saved, Sharing};
use crate::digest::{Algorithm, Digest};
use crate::load::Progress;
use crate::policy::signatures::{self, in_directory};
use crate::side_by_side::side_by_side;
use crate::store::reached;

const MANIFEST: &str = "manifest.json";
const VERSION_FILE: &str = "version";
/// What containers/image writes into the version file.
const VERSION: &[u8] = b"Directory Transport Version: 1.1\n";

/// Whether this is an image directory, by its version file: any other belongs to somebody.
pub(super) fn is_image(directory: &Dir) -> io::Result<bool> {
    let mut found = Vec::new();
    match directory.open(VERSION_FILE) {
        Ok(file) => file.take(VERSION.len() as u64 + 1).read_to_end(&mut found)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    Ok(found == VERSION)
}

/// The files in a directory that are an image's by their names: documents, blobs, signatures.
pub(super) fn files(directory: &Dir) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in directory.entries()? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        if is_of_an_image(&name) && !entry.file_type()?.is_dir() {
            found.push(name);
        }
    }
    Ok(found)
}

fn is_of_an_image(name: &str) -> bool {
    let is_blob = |name: &str| {
        let (algorithm, hex) = name.split_once('-').unwrap_or((Algorithm::Sha256.name(), name));
        format!("{algorithm}:{hex}").parse::<Digest>().is_ok()
    };
    let (before, last) = name.split_once('.').map_or((None, name), |(before, last)| (Some(before), last));
    match last.strip_prefix(signatures::FILE) {
        Some(number) if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) => {
            before.is_none_or(is_blob)
        }
        _ if last == MANIFEST => before.is_none_or(is_blob),
        _ => name == VERSION_FILE || is_blob(name),
    }
}

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
    writer.bytes(VERSION_FILE, VERSION)?;
    let root: Option<Digest> = tree.roots.first().map(|root| root.written.digest.parse()).transpose()?;
    for (digest, bytes) in &tree.documents {
        let name = blob_name(digest);
        if root.as_ref() == Some(digest) {
            writer.bytes(MANIFEST, bytes)?;
        } else if tree.manifests.contains(digest) {
            writer.bytes(&format!("{name}.{MANIFEST}"), bytes)?;
        } else {
            writer.bytes(&name, bytes)?;
        }
    }
    for (digest, signatures) in &tree.signatures {
        for (number, signature) in (1..).zip(signatures) {
            writer.bytes(&in_directory(digest, root.as_ref() == Some(digest), number), signature)?;
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
