//! Paths made explicit: absolute, without symbolic links and without `.` and `..`.
//!
//! Signature policies name images by such paths (containers-policy.json(5)), so two spellings of one place
//! have to become the same text. The last component need not exist.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

/// The explicit form of `path`, which is relative to `current`.
///
/// The path is cleaned by its text first and followed second, as containers/image does: `link/..` is the
/// directory that holds `link`. Errors where a directory on the way does not exist or cannot be read.
///
/// # Errors
///
/// As the system says it, where a directory on the way is missing or may not be searched.
pub fn resolve(current: &Path, path: &str) -> io::Result<PathBuf> {
    // An empty path is nothing on disk; joined to a directory it would be that directory.
    let exists = match fs::symlink_metadata(if path.is_empty() { PathBuf::new() } else { current.join(path) })
    {
        Ok(_) => true,
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => return Err(error),
    };
    if exists {
        return follow(current, path);
    }
    let (parent, name) = path.rsplit_once('/').map_or(("", path), |(parent, name)| match parent {
        "" => ("/", name),
        parent => (parent, name),
    });
    let parent = follow(current, parent)?;
    match name {
        "" => Ok(parent),
        "." | ".." => Err(io::Error::new(io::ErrorKind::NotFound, format!("`{path}` has no last component"))),
        name => Ok(parent.join(name)),
    }
}

/// The explicit form of a path that exists.
fn follow(current: &Path, path: &str) -> io::Result<PathBuf> {
    fs::canonicalize(cleaned(&current.join(path)))
}

/// An absolute path without `.`, `..` and doubled slashes, by its text alone.
fn cleaned(path: &Path) -> PathBuf {
    let mut cleaned = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => drop(cleaned.pop()),
            component => cleaned.push(component),
        }
    }
    cleaned
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_followed_and_dots_are_not_left() {
        let scratch = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(scratch.path()).unwrap();
        fs::create_dir_all(root.join("a/b")).unwrap();
        std::os::unix::fs::symlink("a", root.join("link")).unwrap();
        let resolved = |path| resolve(&root, path).map_err(|error| error.kind());
        assert_eq!(resolved(""), Ok(root.clone()));
        assert_eq!(resolved("link/b/."), Ok(root.join("a/b")));
        assert_eq!(resolved("link/.."), Ok(root.clone()));
        assert_eq!(resolved("link/absent"), Ok(root.join("a/absent")));
        assert_eq!(resolved("absent"), Ok(root.join("absent")));
        assert_eq!(resolved("absent/"), Err(io::ErrorKind::NotFound));
        assert_eq!(resolved("absent/x"), Err(io::ErrorKind::NotFound));
    }
}
