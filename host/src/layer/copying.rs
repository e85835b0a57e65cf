//! Part of an image's file system, told as the entries of a tar: to be written as one, or to a directory.

mod place;

use std::collections::HashMap;
use std::io::{self, Read};

use super::changes::IMPLIED_MODE;
use super::compression::Compression;
use super::entry::{Entry, Kind};
use super::opened::{FileReader, LayerError};
use super::path::join;
use super::seek::Reader;
use super::stack::Stack;
use super::tar::Visitor;
use super::tree::{Node, is_below, order, printable};

pub use place::{PlaceError, copy_to};

/// How entries are told.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// The user and group that everything belongs to, instead of those it has.
    pub owner: Option<(u64, u64)>,
    /// A directory is told without itself.
    pub contents: bool,
    /// Of extended attributes only those of users: what the system gives meaning to is left out.
    pub plain: bool,
}

/// Copying did not come to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CopyError<E: std::error::Error + 'static> {
    /// A layer cannot be read.
    #[error(transparent)]
    Layer(#[from] LayerError),
    /// A file cannot be read.
    #[error("reading `{path}` failed")]
    Read {
        /// The file, escaped where it is no text.
        path: String,
        /// Why; a [`LayerError`] may be inside.
        source: io::Error,
    },
    /// A hard link leads to nothing.
    #[error("wanted a file, found a hard link to nothing: `{path}`")]
    Dangling {
        /// The link, escaped where it is no text.
        path: String,
    },
    /// It cannot be written.
    #[error(transparent)]
    Write(E),
}

/// Tells `to` what is at `node` and, where that is a directory, below it: as `name`, and below `name`. Files come in
/// the order of the tree. A file that has been told of is linked to when it comes again.
///
/// # Errors
/// [`CopyError`]; what was told by then was told.
pub fn copy<V>(
    stack: &Stack,
    node: &Node,
    name: &[u8],
    options: Options,
    to: &mut V,
) -> Result<(), CopyError<V::Error>>
where
    V: Visitor,
    V::Error: std::error::Error + 'static,
{
    let readers = Readers { stack, kept: Vec::new() };
    let (root, told) = (Root { path: &node.path, name }, HashMap::new());
    let mut copying = Copying { stack, options, root, told, readers, buffer: vec![0; 256 << 10], to };
    let tree = stack.tree();
    if tree.kind(node)? != Kind::Directory {
        return copying.one(node);
    }
    if !options.contents {
        copying.one(node)?;
    }
    for below in tree.walk(&node.path)? {
        copying.one(&below?)?;
    }
    Ok(())
}

/// What is told of, and what it is called.
struct Root<'a> {
    path: &'a [u8],
    name: &'a [u8],
}

impl Root<'_> {
    /// What is called how that is at or below it.
    fn name(&self, path: &[u8]) -> Vec<u8> {
        match path.get(self.path.len() + usize::from(!self.path.is_empty())..) {
            Some(below) if !below.is_empty() => join(self.name, below),
            _ => self.name.to_vec(),
        }
    }
}

/// Where layers were read last: most files come in the order of their layer, and to begin anew takes longer than to read
/// a small one.
struct Readers<'a> {
    stack: &'a Stack,
    kept: Vec<(usize, Reader)>,
}

/// Layers that are read on; of one that zstd made with a large window nothing beside it.
const KEPT: usize = 4;

impl Readers<'_> {
    fn file(&mut self, target: &Node, position: usize) -> Result<FileReader, LayerError> {
        let layer = self.stack.layer(target.layer)?;
        let last = self.kept.iter().position(|(layer, _)| *layer == target.layer);
        let reader = last.map(|at| self.kept.remove(at).1);
        layer.file_from(position, reader)
    }

    fn keep(&mut self, layer: usize, file: FileReader) -> Result<(), LayerError> {
        let most = match self.stack.layer(layer)?.compression()? {
            Compression::Zstd => 0,
            _ => KEPT - 1,
        };
        while self.kept.len() > most {
            self.kept.remove(0);
        }
        self.kept.push((layer, file.into_reader()));
        Ok(())
    }
}

/// An entry: a layer, and the position in its index. Of links there may be any number, so it is small.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct At {
    layer: u32,
    position: u32,
}

impl At {
    /// `None` for a directory without an entry, and beyond four billion entries, where links become copies.
    fn of(node: &Node) -> Option<At> {
        Some(At { layer: node.layer.try_into().ok()?, position: node.entry?.try_into().ok()? })
    }
}

struct Copying<'a, V> {
    stack: &'a Stack,
    options: Options,
    root: Root<'a>,
    /// Files of which a link was the first that was told, by layer and position: where that link is.
    told: HashMap<At, At>,
    readers: Readers<'a>,
    buffer: Vec<u8>,
    to: &'a mut V,
}

impl<V> Copying<'_, V>
where
    V: Visitor,
    V::Error: std::error::Error + 'static,
{
    /// What a file is called of which was told before.
    fn first(&self, node: &Node, target: &Node) -> Result<Option<Vec<u8>>, LayerError> {
        if let Some(At { layer, position }) = At::of(target).and_then(|target| self.told.get(&target)) {
            let first = self.stack.tree().index(*layer as usize)?.get(*position as usize)?;
            return Ok(Some(self.root.name(first.key())));
        }
        // What is not hidden was told of in its place.
        let passed = order(&target.path, &node.path).is_lt() && is_below(&target.path, self.root.path);
        let is_told = passed && self.stack.tree().get(&target.path)?.as_ref() == Some(target);
        Ok(is_told.then(|| self.root.name(&target.path)))
    }

    fn one(&mut self, node: &Node) -> Result<(), CopyError<V::Error>> {
        let tree = self.stack.tree();
        let dangling = || CopyError::Dangling { path: printable(&node.path).into_owned() };
        let target = tree.target(node)?.ok_or_else(dangling)?;
        let mut entry = match tree.record(&target)? {
            Some(record) => record.entry(),
            None => Entry { kind: Kind::Directory, mode: IMPLIED_MODE, ..Entry::default() },
        };
        entry.path = self.root.name(&node.path);
        // Holes are told as the zeros they are.
        entry.sparse = None;
        if let Some((uid, gid)) = self.options.owner {
            (entry.uid, entry.gid) = (uid, gid);
        }
        if self.options.plain {
            entry.xattrs.retain(|(name, _)| name.starts_with(b"user."));
        }
        if entry.kind == Kind::Directory {
            entry.path.push(b'/');
        } else if target.entry.is_some() {
            if let Some(first) = self.first(node, &target)? {
                entry.link = first;
                entry.kind = Kind::HardLink;
                entry.size = 0;
            } else if target != *node {
                self.told.extend(At::of(&target).zip(At::of(node)));
            }
        }
        self.to.entry(&entry, 0).map_err(CopyError::Write)?;
        if let Some(position) = target.entry.filter(|_| entry.kind == Kind::File) {
            let path = || printable(&node.path).into_owned();
            let mut file = self.readers.file(&target, position)?;
            loop {
                match file.read(&mut self.buffer) {
                    Ok(0) => break,
                    Ok(read) => self.to.content(&self.buffer[..read]).map_err(CopyError::Write)?,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(source) => return Err(CopyError::Read { path: path(), source }),
                }
            }
            self.readers.keep(target.layer, file)?;
        }
        self.to.end().map_err(CopyError::Write)
    }
}
