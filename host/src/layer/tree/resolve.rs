//! From a path as people write it to what is there: symbolic links are followed within the image.

use super::said::Descent;
use super::{Node, Tree};
use crate::layer::entry::Kind;
use crate::layer::opened::LayerError;
use crate::layer::path::{beginnings, fits, join, printable, split};

/// Symbolic links that are followed on the way, as many as Linux follows (path_resolution(7)).
const LINKS: u32 = 40;

/// Whether a symbolic link that the path ends in is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follow {
    /// It is.
    Last,
    /// The link itself is meant, unless the path ends in `/`.
    NotLast,
}

/// There is nothing at a path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoSuchPath {
    /// A component is not there.
    #[error("wanted `/{}`, which is not there", printable(path))]
    NotFound {
        /// The path up to the component, links followed.
        path: Vec<u8>,
    },
    /// A component on the way is no directory.
    #[error("wanted a directory, found something else: `/{}`", printable(path))]
    NotADirectory {
        /// The path up to the component, links followed.
        path: Vec<u8>,
    },
    /// There are more symbolic links on the way than are followed.
    #[error(
        "wanted at most {LINKS} symbolic links on the way, found more, the last one `/{}`",
        printable(path)
    )]
    TooManyLinks {
        /// The link that was not followed.
        path: Vec<u8>,
    },
}

/// A path leads to nothing, or it cannot be told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// It leads to nothing.
    #[error(transparent)]
    Missing(#[from] NoSuchPath),
    /// A layer cannot be read.
    #[error(transparent)]
    Layer(#[from] LayerError),
}

impl<'a> Tree<'a> {
    /// What a path leads to. It starts at the image's root, with or without `/`, and so do absolute targets of
    /// links; `..` at the root is the root.
    ///
    /// # Errors
    /// [`PathError::Missing`] where there is nothing, [`PathError::Layer`] where a layer's index cannot be had.
    pub fn resolve(&self, path: &[u8], follow: Follow) -> Result<Node, PathError> {
        let mut left: Vec<Vec<u8>> = Vec::new();
        let push = |left: &mut Vec<Vec<u8>>, path: &[u8]| {
            left.extend(path.split(|byte| *byte == b'/').rev().map(<[u8]>::to_vec));
        };
        push(&mut left, path);
        let mut way = Way::new(*self);
        let mut links = 0;
        while let Some(component) = left.pop() {
            match &*component {
                // An empty one at the end wants a directory, which everything is that was gone into.
                b"" | b"." => continue,
                b".." => {
                    way.leave();
                    continue;
                }
                _ => {}
            }
            way.enter(&component);
            let path = way.path.clone();
            let found = way.look()?.ok_or_else(|| NoSuchPath::NotFound { path: path.clone() })?;
            // A hard link may lead to a symbolic one.
            let target = self.target(&found)?;
            let record = match &target {
                Some(target) => self.record(target)?,
                None => self.record(&found)?,
            };
            match record.as_ref().map_or(Kind::Directory, |record| record.kind) {
                Kind::Directory => {}
                Kind::Symlink if !left.is_empty() || follow == Follow::Last => {
                    links += 1;
                    if links > LINKS {
                        return Err(NoSuchPath::TooManyLinks { path }.into());
                    }
                    let target = record.as_ref().map_or(&[][..], |record| record.link());
                    if target.first() == Some(&b'/') {
                        way = Way::new(*self);
                    } else {
                        way.leave();
                    }
                    push(&mut left, target);
                }
                _ if left.is_empty() => return Ok(found),
                _ => return Err(NoSuchPath::NotADirectory { path }.into()),
            }
        }
        Ok(self.get(&way.path)?.ok_or(NoSuchPath::NotFound { path: way.path })?)
    }
}

/// A path gone down component by component, with what has been found out of the layers on the way.
struct Way<'a> {
    tree: Tree<'a>,
    path: Vec<u8>,
    /// From the root to the path, by layer: those that were looked into.
    descents: Vec<Vec<Option<Descent>>>,
}

impl<'a> Way<'a> {
    fn new(tree: Tree<'a>) -> Way<'a> {
        Way { tree, path: Vec::new(), descents: vec![vec![None; tree.layers()]] }
    }

    fn enter(&mut self, component: &[u8]) {
        self.path = join(&self.path, component);
        self.descents.push(vec![None; self.tree.layers()]);
    }

    /// Up again; at the root it stays there.
    fn leave(&mut self) {
        if self.descents.len() > 1 {
            self.descents.pop();
            self.path.truncate(split(&self.path).0.len());
        }
    }

    /// What is at the path, looking no further than it takes to know what it is.
    fn look(&mut self) -> Result<Option<Node>, LayerError> {
        if !fits(&self.path) {
            return Ok(None);
        }
        let node = |layer, entry| Some(Node { path: self.path.clone(), layer, entry });
        for layer in (0..self.tree.layers()).rev() {
            let index = self.tree.index(layer)?;
            let known = self.descents.iter().rposition(|layers| layers[layer].is_some());
            let mut descent = known.and_then(|depth| self.descents[depth][layer]);
            let start = known.map_or(0, |depth| depth + 1);
            let beginnings = std::iter::once(&[][..]).chain(beginnings(&self.path));
            for (depth, beginning) in beginnings.enumerate().skip(start) {
                let next = match descent {
                    Some(mut descent) => {
                        descent.enter(index, beginning)?;
                        descent
                    }
                    None => Descent::new(index, u64::MAX)?,
                };
                descent = Some(next);
                if let Some(layers) = self.descents.get_mut(depth) {
                    layers[layer] = descent;
                }
            }
            let Some(descent) = descent else { continue };
            let said = descent.said(index, &self.path)?;
            if said.entry.is_some() {
                return Ok(node(layer, said.entry));
            }
            if said.implied {
                return Ok(node(layer, None));
            }
            if said.hidden.is_some() {
                break;
            }
        }
        Ok(None)
    }
}
