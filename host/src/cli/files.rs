//! Images whose files are looked into: opening them, and naming one of their layers.

use std::sync::Arc;

use anyhow::{Context as _, Result};

use consign::layer::opened;
use consign::layer::stack::Stack;
use consign::layer::tree::{Follow, NoSuchPath, Node, PathError, Tree, order, printable};
use consign::types::resolution::Resolved;

use super::args::Reach;
use super::failure::Failure;
use super::image::{self, Opened};
use super::refusal::{self, with_hint};
use super::session::{Session, spool};

/// An image, resolved, and its layers.
pub struct Files {
    pub opened: Opened,
    pub resolved: Resolved,
    pub stack: Stack,
}

/// Layers that are decoded at the same time: each has its buffers.
const AT_ONCE: usize = 4;

/// How much of an image that is read in place has to be read.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    /// All of its layers, instead of the uppermost ones down to the one that has what is wanted.
    pub all: bool,
    /// Of plain layers the content of all files, for their digests, instead of headers alone.
    pub digests: bool,
}

/// Opens the image that is meant.
pub fn open(session: &Session, image: &str, reach: &Reach, reading: Reading) -> Result<Files> {
    let options = session.options(&reach.wanted)?;
    let lookup = reach.looked_up.lookup;
    let opened =
        image::open_by(session, image, lookup, &options, &reach.reached).map_err(refusal::looked_up)?;
    let resolved = opened.resolve(session, &options).map_err(|error| with_hint(error, &opened))?;
    let stack = match (opened.source(), opened.store(&resolved)?) {
        (Some(source), _) => {
            let cache = if reach.no_cache { None } else { session.cache() };
            let spool = spool().map(Arc::new);
            let reading = opened::Reading { headers_only: !reading.digests, cache, spool };
            Stack::in_place(source, &resolved, &reading)?
        }
        (None, Some(store)) => Stack::stored(store, &resolved)?,
        (None, None) => {
            return Err(Failure::no(format!("wanted the layers of `{image}`, which are not here"))
                .hint("load the image")
                .into());
        }
    };
    if opened.source().is_some() && reading.all {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        stack.index_all(cores.min(AT_ONCE)).context("reading the layers")?;
    }
    Ok(Files { opened, resolved, stack })
}

impl Files {
    /// The position of the layer that is meant: by its number, or by the beginning of its digest, its diff ID or its
    /// chain ID.
    pub fn layer(&self, text: &str) -> Result<usize> {
        let layers = &self.resolved.layers;
        let count = layers.len();
        // A number of so many digits is the beginning of a digest.
        if text.len() <= 5
            && let Ok(number) = text.parse::<usize>()
        {
            if number < count {
                return Ok(number);
            }
            let hint = format!("the base layer is 0, the top layer {}", count.saturating_sub(1));
            let hint = if count == 0 { "the image has no layers".to_owned() } else { hint };
            return Err(Failure::no(format!("wanted layer {number}, found {count} layers"))
                .hint(hint)
                .into());
        }
        let begins = |digest: &str| {
            let hex = digest.split_once(':').map_or(digest, |(_, hex)| hex);
            digest.starts_with(text) && text.contains(':') || hex.starts_with(text)
        };
        let found = layers.iter().enumerate().filter(|(_, layer)| {
            let blob = layer.blob.as_ref().is_some_and(|blob| begins(&blob.digest));
            blob || begins(&layer.diff_id) || begins(&layer.chain_id)
        });
        match found.map(|(at, _)| at).collect::<Vec<_>>()[..] {
            [layer] => Ok(layer),
            [] => Err(Failure::no(format!("wanted a layer of the image, found none that is `{text}`"))
                .hint("`consign layers` lists them")
                .into()),
            [..] => {
                let message = format!("wanted one layer, found several whose digests begin with `{text}`");
                Err(Failure::no(message).hint("write more of the digest, or the layer's number").into())
            }
        }
    }

    /// What a path leads to, with names that are near where it leads to nothing.
    pub fn find(&self, path: &str, follow: Follow) -> Result<Node> {
        find(&self.stack.tree(), path, follow)
    }
}

/// What a path of a tree leads to, with names that are near where it leads to nothing.
pub fn find(tree: &Tree<'_>, path: &str, follow: Follow) -> Result<Node> {
    match tree.resolve(path.as_bytes(), follow) {
        Ok(node) => Ok(node),
        Err(PathError::Missing(missing)) => {
            let hint = near(tree, &missing)?;
            let failure = Failure::no(missing.to_string());
            Err(hint.into_iter().fold(failure, Failure::hint).into())
        }
        Err(error) => Err(error.into()),
    }
}

/// Names in the same directory that are near the one that is not there.
fn near(tree: &Tree<'_>, missing: &NoSuchPath) -> Result<Option<String>> {
    let NoSuchPath::NotFound { path } = missing else { return Ok(None) };
    let (directory, name) = match path.iter().rposition(|byte| *byte == b'/') {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (&[][..], &path[..]),
    };
    let mut found: Vec<(usize, Vec<u8>)> = Vec::new();
    for node in tree.walk(directory)? {
        let node = node?;
        let inside = node.path.len() - node.name().len();
        // Of this directory alone, or a file of that very name below it.
        let distance = if inside <= directory.len() + 1 {
            distance(node.name(), name)
        } else if node.name() == name {
            1
        } else {
            continue;
        };
        if distance <= name.len() / 3 + 1 {
            found.push((distance, node.path));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| order(&a.1, &b.1)));
    let names: Vec<String> =
        found.iter().take(3).map(|(_, path)| format!("`/{}`", printable(path))).collect();
    Ok((!names.is_empty()).then(|| format!("there is {}", names.join(", "))))
}

/// How many bytes have to be put in, taken out or changed; letter case does not count.
fn distance(a: &[u8], b: &[u8]) -> usize {
    let (a, b) = (a.to_ascii_lowercase(), b.to_ascii_lowercase());
    // Far apart, and names may be long.
    if a.len().abs_diff(b.len()) > 16 || a.len() > 256 || b.len() > 256 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (at, left) in a.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], at + 1);
        for (column, right) in b.iter().enumerate() {
            let above = row[column + 1];
            let changed = diagonal + usize::from(left != right);
            row[column + 1] = changed.min(above + 1).min(row[column] + 1);
            diagonal = above;
        }
    }
    row[b.len()]
}
