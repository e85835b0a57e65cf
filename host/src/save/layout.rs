//! Adding to an OCI image layout that is there already. What it holds stays; blobs come first, each under its name when it
//! is complete, and `index.json` last, in one step.

use std::io::Write as _;
use std::path::Path;

use cap_std::fs::Dir;
use rustix::fs::{FlockOperation, Mode, OFlags};

use super::content::Outgoing;
use super::document::{REF_NAME, index_bytes, layout_entries};
use super::oci::{at_once, contents, path};
use super::origin::Origin;
use super::output::NewFile;
use super::piece::Piece;
use super::tree::Tree;
use super::{Options, SaveError, Saved};
use crate::digest::Digest;
use crate::document::OCI_INDEX;
use crate::load::Progress;
use crate::sandbox::Sandbox;
use crate::side_by_side::side_by_side;
use crate::source::{DOCUMENT_LIMIT, SourceError, read_limited};
use crate::transport::Files;
use crate::types::Descriptor;
use crate::types::manifests::{Document, Index};

const INDEX: &str = "index.json";

pub(super) fn add(
    mut tree: Tree,
    from: &Origin,
    sandbox: &Sandbox,
    options: &Options<'_>,
    to: &Dir,
    progress: &dyn Progress,
) -> Result<Saved, SaveError> {
    let blobs = tree.announce(progress);
    let contents = contents(&mut tree);
    let failed = |path: &str| {
        let path = path.to_owned();
        move |source| SaveError::Write { path, source }
    };
    for digest in contents.keys() {
        let directory = format!("blobs/{}", digest.algorithm().name());
        to.create_dir_all(&directory).map_err(failed(&directory))?;
    }
    side_by_side(contents.into_iter().collect(), at_once(from), |(digest, content), _| match content {
        Err(bytes) => {
            publish(to, &path(&digest), |file| file.write_all(&bytes).map_err(failed(&path(&digest))))
        }
        Ok(piece) => blob(to, from, &digest, piece, progress),
    })?;
    // Whoever adds to it at the same time has to see what is added here.
    let lock =
        rustix::fs::openat(to, ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .and_then(|lock| rustix::fs::flock(&lock, FlockOperation::LockExclusive).map(|()| lock))
            .map_err(|errno| failed(INDEX)(errno.into()))?;
    let index = index(to, sandbox)?;
    let mut entries = index.entries.clone();
    for root in &tree.roots {
        for entry in layout_entries(&root.written, &root.names, options.ref_name.as_deref()) {
            list(&mut entries, entry);
        }
    }
    let listed = index_bytes(&index, &entries);
    publish(to, INDEX, |file| file.write_all(&listed).map_err(failed(INDEX)))?;
    drop(lock);
    Ok(Saved { roots: tree.roots, blobs })
}

fn blob(
    to: &Dir,
    from: &Origin,
    digest: &Digest,
    piece: Piece,
    progress: &dyn Progress,
) -> Result<(), SaveError> {
    let path = path(digest);
    if to.metadata(&path).is_ok_and(|there| there.is_file() && there.len() == piece.target.size) {
        progress.finished(&piece.target, true);
        return Ok(());
    }
    let outgoing = Outgoing { blob: digest, digest, size: piece.target.size, path: &path };
    publish(to, &path, |file| piece.copy(from, &outgoing, file, progress))
}

/// Writes a file that has its name when it is complete.
fn publish(
    to: &Dir,
    path: &str,
    write: impl FnOnce(&mut NewFile<'_>) -> Result<(), SaveError>,
) -> Result<(), SaveError> {
    let failed = |source| SaveError::Write { path: path.to_owned(), source };
    let (directory, name) = path.rsplit_once('/').unwrap_or((".", path));
    let directory = to.open_dir(directory).map_err(failed)?;
    let mut file = NewFile::create(&directory, Path::new(name)).map_err(failed)?;
    write(&mut file)?;
    file.publish().map_err(failed)
}

/// What the layout lists.
fn index(to: &Dir, sandbox: &Sandbox) -> Result<Index, SaveError> {
    let Some(content) = Files::open(to, INDEX)? else {
        let wanted_by = "an OCI image layout".to_owned();
        return Err(SourceError::Missing { name: INDEX.to_owned(), wanted_by, cut_at: None }.into());
    };
    let bytes = read_limited(content, INDEX, DOCUMENT_LIMIT)?;
    match sandbox.parse_manifest(&bytes, Some(OCI_INDEX))? {
        Ok(Document::Index(index)) => Ok(index),
        Ok(Document::Manifest(_)) => {
            let found = format!("a manifest in `{INDEX}`");
            Err(SourceError::NotAnImage { wanted: "an OCI image layout", found }.into())
        }
        Err(problem) => Err(SourceError::Document { name: INDEX.to_owned(), problem }.into()),
    }
}

fn ref_name(entry: &Descriptor) -> Option<&str> {
    entry.annotations.iter().find(|(key, _)| key == REF_NAME).map(|(_, value)| value.as_str())
}

/// Lists an entry as containers/image does: what had its name before goes on without one, and what is there without a
/// name gets it.
fn list(entries: &mut Vec<Descriptor>, entry: Descriptor) {
    if let Some(name) = ref_name(&entry) {
        let name = name.to_owned();
        for before in entries.iter_mut().filter(|before| ref_name(before) == Some(&name)) {
            if before.digest != entry.digest {
                before.annotations.retain(|(_, value)| *value != name);
            }
        }
    }
    let same = |before: &&mut Descriptor| {
        before.digest == entry.digest && (ref_name(before).is_none() || ref_name(before) == ref_name(&entry))
    };
    match entries.iter_mut().find(same) {
        Some(before) => *before = entry,
        None => entries.push(entry),
    }
}
