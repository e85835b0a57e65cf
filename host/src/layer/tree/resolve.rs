//! From a path as people write it to what is there: symbolic links are followed within the image.

use super::path::{join, printable, split};
use super::{Node, Tree};
use crate::layer::entry::Kind;
use crate::layer::opened::LayerError;

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
        let mut here = Vec::new();
        let mut links = 0;
        while let Some(component) = left.pop() {
            match &*component {
                // An empty one at the end wants a directory, which everything is that was gone into.
                b"" | b"." => continue,
                b".." => {
                    here = split(&here).0.to_vec();
                    continue;
                }
                _ => {}
            }
            let path = join(&here, &component);
            let found = self.look(&path, self.all(), false)?;
            let found = found.ok_or_else(|| NoSuchPath::NotFound { path: path.clone() })?;
            // A hard link may lead to a symbolic one.
            let target = self.target(&found)?;
            let record = match &target {
                Some(target) => self.record(target)?,
                None => self.record(&found)?,
            };
            match record.map_or(Kind::Directory, |record| record.kind) {
                Kind::Directory => here = path,
                Kind::Symlink if !left.is_empty() || follow == Follow::Last => {
                    links += 1;
                    if links > LINKS {
                        return Err(NoSuchPath::TooManyLinks { path }.into());
                    }
                    let target = record.map_or(&[][..], |record| record.link);
                    if target.first() == Some(&b'/') {
                        here.clear();
                    }
                    push(&mut left, target);
                }
                _ if left.is_empty() => return Ok(found),
                _ => return Err(NoSuchPath::NotADirectory { path }.into()),
            }
        }
        Ok(self.get(&here)?.ok_or(NoSuchPath::NotFound { path: here })?)
    }
}
