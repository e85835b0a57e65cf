//! An OCI image layout (image-spec, image-layout.md), as a tar or as a directory.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufWriter, Write};

use cap_std::fs::Dir;

use super::content::Outgoing;
use super::directory::Writer;
use super::document::{LAYOUT, layout_index};
use super::origin::Origin;
use super::piece::Piece;
use super::tar::TarWriter;
use super::tree::Tree;
use super::{Options, SaveError, Saved};
use crate::digest::Digest;
use crate::load::Progress;
use crate::side_by_side::{processors, side_by_side};

const BUFFER: usize = 256 << 10;

pub(super) fn path(digest: &Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm().name(), digest.hex())
}

fn index(tree: &Tree, options: &Options<'_>) -> Vec<u8> {
    let ref_name = options.ref_name.as_deref();
    layout_index(tree.roots.iter().map(|root| (&root.written, root.names.as_slice(), ref_name)))
}

/// Documents and blobs, each once, by digest.
pub(super) fn contents(tree: &mut Tree) -> BTreeMap<Digest, Result<Piece, Vec<u8>>> {
    let documents = std::mem::take(&mut tree.documents).into_iter();
    let blobs = std::mem::take(&mut tree.blobs).into_iter();
    let mut contents: BTreeMap<_, _> = blobs.map(|(digest, piece)| (digest, Ok(piece))).collect();
    contents.extend(documents.map(|(digest, bytes)| (digest, Err(bytes))));
    contents
}

pub(super) fn write_archive(
    mut tree: Tree,
    from: &Origin,
    options: &Options<'_>,
    out: &mut dyn Write,
    progress: &dyn Progress,
) -> Result<Saved, SaveError> {
    let blobs = tree.announce(progress);
    let mut tar = TarWriter::new(BufWriter::with_capacity(BUFFER, out));
    let failed = |path: &str| {
        let path = path.to_owned();
        |source| SaveError::Write { path, source }
    };
    // The small ones first: whoever reads the archive as a stream knows what is coming.
    let index = index(&tree, options);
    for (name, bytes) in [("oci-layout", LAYOUT), ("index.json", &index)] {
        tar.bytes(name, 0o644, bytes).map_err(failed(name))?;
    }
    tar.directory("blobs/", 0o755).map_err(failed("blobs"))?;
    let mut algorithm = None;
    for (digest, content) in contents(&mut tree) {
        if algorithm != Some(digest.algorithm()) {
            algorithm = Some(digest.algorithm());
            let directory = format!("blobs/{}/", digest.algorithm().name());
            tar.directory(&directory, 0o755).map_err(failed(&directory))?;
        }
        let path = path(&digest);
        match content {
            Err(bytes) => tar.bytes(&path, 0o644, &bytes).map_err(failed(&path))?,
            Ok(piece) => {
                tar.file(&path, 0o644, piece.target.size).map_err(failed(&path))?;
                let outgoing =
                    Outgoing { blob: &digest, digest: &digest, size: piece.target.size, path: &path };
                piece.copy(from, &outgoing, &mut tar, progress)?;
            }
        }
    }
    tar.finish().map_err(failed("the end marker"))?;
    Ok(Saved { roots: tree.roots, blobs })
}

pub(super) fn write_directory(
    mut tree: Tree,
    from: &Origin,
    options: &Options<'_>,
    to: &Dir,
    progress: &dyn Progress,
) -> Result<Saved, SaveError> {
    let blobs = tree.announce(progress);
    let writer = Writer { from, to, sharing: options.sharing, progress };
    writer.directory("blobs")?;
    let index = index(&tree, options);
    let contents = contents(&mut tree);
    for algorithm in contents.keys().map(Digest::algorithm).collect::<BTreeSet<_>>() {
        writer.directory(&format!("blobs/{}", algorithm.name()))?;
    }
    side_by_side(contents.into_iter().collect(), at_once(from), |(digest, content), _| match content {
        Err(bytes) => writer.bytes(&path(&digest), &bytes),
        Ok(piece) => writer.piece(&path(&digest), &digest, piece),
    })?;
    writer.bytes("oci-layout", LAYOUT)?;
    writer.bytes("index.json", &index)?;
    Ok(Saved { roots: tree.roots, blobs })
}

/// How many blobs are written at once. A store's are clones or links, or the disk's work.
pub(super) fn at_once(from: &Origin) -> usize {
    if from.store().is_some() { 1 } else { processors(4).max(2) }
}
