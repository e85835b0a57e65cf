//! Part of an image's file system, told as the entries of a tar: to be written as one, or to a directory.

mod place;

use std::collections::HashMap;
use std::io::{self, Read};

use super::changes::IMPLIED_MODE;
use super::entry::{Entry, Kind};
use super::opened::LayerError;
use super::stack::Stack;
use super::tar::Visitor;
use super::tree::{Node, join, printable};

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
    let mut copying = Copying { stack, options, told: HashMap::new(), buffer: vec![0; 256 << 10], to };
    let tree = stack.tree();
    if tree.kind(node)? != Kind::Directory {
        return copying.one(node, name.to_vec());
    }
    if !options.contents {
        copying.one(node, name.to_vec())?;
    }
    let start = node.path.len() + usize::from(!node.path.is_empty());
    for below in tree.walk(&node.path)? {
        let below = below?;
        let name = join(name, &below.path[start..]);
        copying.one(&below, name)?;
    }
    Ok(())
}

struct Copying<'a, V> {
    stack: &'a Stack,
    options: Options,
    /// By layer and position: the names of files.
    told: HashMap<(usize, usize), Vec<u8>>,
    buffer: Vec<u8>,
    to: &'a mut V,
}

impl<V> Copying<'_, V>
where
    V: Visitor,
    V::Error: std::error::Error + 'static,
{
    fn one(&mut self, node: &Node, name: Vec<u8>) -> Result<(), CopyError<V::Error>> {
        let tree = self.stack.tree();
        let dangling = || CopyError::Dangling { path: printable(&node.path).into_owned() };
        let target = tree.target(node)?.ok_or_else(dangling)?;
        let mut entry = match tree.record(&target)? {
            Some(record) => record.entry(),
            None => Entry { kind: Kind::Directory, mode: IMPLIED_MODE, ..Entry::default() },
        };
        entry.path = name;
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
        } else if let Some(position) = target.entry {
            if let Some(first) = self.told.get(&(target.layer, position)) {
                entry.link = first.clone();
                entry.kind = Kind::HardLink;
                entry.size = 0;
            } else {
                self.told.insert((target.layer, position), entry.path.clone());
            }
        }
        self.to.entry(&entry, 0).map_err(CopyError::Write)?;
        if entry.kind == Kind::File {
            let path = || printable(&node.path).into_owned();
            let mut file = self.stack.file(&target)?;
            loop {
                match file.read(&mut self.buffer) {
                    Ok(0) => break,
                    Ok(read) => self.to.content(&self.buffer[..read]).map_err(CopyError::Write)?,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(source) => return Err(CopyError::Read { path: path(), source }),
                }
            }
        }
        self.to.end().map_err(CopyError::Write)
    }
}
