//! What differs between two trees: of two images, or of an image with and without its upper layers.

use std::cmp::Ordering;

use super::entry::Kind;
use super::index::Record;
use super::opened::LayerError;
use super::tree::{Node, Tree, Walk, is_below, order};

/// One path that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The path, cleaned.
    pub path: Vec<u8>,
    /// What was there.
    pub before: Option<Node>,
    /// What is there.
    pub after: Option<Node>,
    /// What is another, where something was and is there; in the order of [`Aspect`]. Empty for a directory
    /// that only has changes in it.
    pub aspects: Vec<Aspect>,
}

/// What can be another of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Aspect {
    /// A file, a directory, a link and so on.
    Kind,
    /// The content of a file.
    Content,
    /// The target of a symbolic link.
    Target,
    /// The numbers of a device.
    Device,
    /// The permission bits.
    Mode,
    /// The owner or the group.
    Owner,
    /// When it was modified.
    Time,
    /// Extended attributes.
    Xattrs,
}

impl Aspect {
    /// All of them, in order.
    pub const ALL: [Aspect; 8] = [
        Aspect::Kind,
        Aspect::Content,
        Aspect::Target,
        Aspect::Device,
        Aspect::Mode,
        Aspect::Owner,
        Aspect::Time,
        Aspect::Xattrs,
    ];

    /// Its name in documents.
    pub fn name(self) -> &'static str {
        match self {
            Aspect::Kind => "kind",
            Aspect::Content => "content",
            Aspect::Target => "target",
            Aspect::Device => "device",
            Aspect::Mode => "mode",
            Aspect::Owner => "owner",
            Aspect::Time => "time",
            Aspect::Xattrs => "xattrs",
        }
    }
}

/// What is compared.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Aspects that may differ. The time of directories always may: it tells nothing but that something in them was
    /// made or removed. Docker and podman look away as well.
    pub ignored: Vec<Aspect>,
}

/// What has to happen to `before` to become `after`: in the order of paths, so that a directory comes before what
/// is in it. A directory that has changes in it is a change, too, as docker has it. Everything in a directory that
/// was added or removed is a change of its own.
///
/// Hard links are what they lead to; which names are links to one another does not count.
///
/// # Errors
/// [`LayerError`] where a layer's index cannot be had.
pub fn changes<'a>(before: Tree<'a>, after: Tree<'a>, options: &Options) -> Result<Changes<'a>, LayerError> {
    let mut changes = Changes {
        before: Side::new(before)?,
        after: Side::new(after)?,
        ignored: options.ignored.clone(),
        parents: Vec::new(),
        ready: Vec::new(),
    };
    // The root is in both, and a change only if itself is another.
    if let (Some(before), Some(after)) = (before.get(b"")?, after.get(b"")?) {
        let aspects = changes.compare(&before, &after)?;
        if !aspects.is_empty() {
            let (before, after) = (Some(before), Some(after));
            changes.ready.push(Change { path: Vec::new(), before, after, aspects });
        }
    }
    Ok(changes)
}

/// See [`changes`].
pub struct Changes<'a> {
    before: Side<'a>,
    after: Side<'a>,
    ignored: Vec<Aspect>,
    /// Directories that are in both and have not been found to differ, outermost first.
    parents: Vec<(Node, Node)>,
    /// In reverse.
    ready: Vec<Change>,
}

struct Side<'a> {
    tree: Tree<'a>,
    walk: Walk<'a>,
    next: Option<Node>,
}

impl<'a> Side<'a> {
    fn new(tree: Tree<'a>) -> Result<Side<'a>, LayerError> {
        let mut walk = tree.walk(b"")?;
        let next = walk.next().transpose()?;
        Ok(Side { tree, walk, next })
    }

    fn take(&mut self) -> Result<Option<Node>, LayerError> {
        let next = self.walk.next().transpose()?;
        Ok(std::mem::replace(&mut self.next, next))
    }
}

impl Changes<'_> {
    /// Looks at the next path. False at the end.
    fn step(&mut self) -> Result<bool, LayerError> {
        let which = match (&self.before.next, &self.after.next) {
            (None, None) => return Ok(false),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(before), Some(after)) => order(&before.path, &after.path),
        };
        let before = if which.is_le() { self.before.take()? } else { None };
        let after = if which.is_ge() { self.after.take()? } else { None };
        let Some(path) = after.as_ref().or(before.as_ref()).map(|node| node.path.clone()) else {
            return Ok(false);
        };
        let outside = |(_, parent): &(Node, Node)| !is_below(&path, &parent.path);
        while self.parents.last().is_some_and(outside) {
            self.parents.pop();
        }
        let aspects = match (&before, &after) {
            (Some(before), Some(after)) => {
                let aspects = self.compare(before, after)?;
                if aspects.is_empty() {
                    if self.after.tree.kind(after)? == Kind::Directory {
                        self.parents.push((before.clone(), after.clone()));
                    }
                    return Ok(true);
                }
                aspects
            }
            _ => Vec::new(),
        };
        self.ready.push(Change { path, before, after, aspects });
        let parents = self.parents.drain(..).rev();
        self.ready.extend(parents.map(|(before, after)| {
            let path = after.path.clone();
            Change { path, before: Some(before), after: Some(after), aspects: Vec::new() }
        }));
        Ok(true)
    }

    fn compare(&self, before: &Node, after: &Node) -> Result<Vec<Aspect>, LayerError> {
        let (a, b) = (self.before.tree.target(before)?, self.after.tree.target(after)?);
        let (a, b) = (a.as_ref().unwrap_or(before), b.as_ref().unwrap_or(after));
        if a.entry.is_some() && a.entry == b.entry {
            let (a, b) = (self.before.tree.index(a.layer)?, self.after.tree.index(b.layer)?);
            if a.diff_id() == b.diff_id() {
                return Ok(Vec::new());
            }
        }
        let (a, b) = (self.before.tree.record(a)?, self.after.tree.record(b)?);
        let differing = differing(a.as_ref(), b.as_ref());
        let counts = |aspect: &Aspect| !self.ignored.contains(aspect);
        Ok(differing.into_iter().filter(counts).collect())
    }
}

impl Iterator for Changes<'_> {
    type Item = Result<Change, LayerError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(change) = self.ready.pop() {
                return Some(Ok(change));
            }
            match self.step() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// What differs between two records. `None` is a directory of which nothing is said: it has the mode, owner and
/// attributes it is made with when it is unpacked.
fn differing(before: Option<&Record>, after: Option<&Record>) -> Vec<Aspect> {
    let kind = |record: Option<&Record>| record.map_or(Kind::Directory, |record| record.kind);
    let mode = |record: Option<&Record>| record.map_or(IMPLIED_MODE, |record| record.mode);
    let owner = |record: Option<&Record>| record.map_or((0, 0), |record| (record.uid, record.gid));
    let mut found = Vec::new();
    let mut note = |differs: bool, aspect| {
        if differs {
            found.push(aspect);
        }
    };
    let same_kind = kind(before) == kind(after);
    note(!same_kind, Aspect::Kind);
    if let (true, Some(before), Some(after)) = (same_kind, before, after) {
        // The digest of a huge sparse file is not known, nor is it by itself that two of them are the same.
        let content = before.size != after.size || before.digest.is_none() || before.digest != after.digest;
        note(before.kind == Kind::File && content, Aspect::Content);
        let linked = matches!(before.kind, Kind::Symlink | Kind::HardLink);
        note(linked && before.link() != after.link(), Aspect::Target);
        note(before.device != after.device, Aspect::Device);
    }
    // Nobody asks for the mode of a symbolic link.
    let modes = kind(after) != Kind::Symlink || !same_kind;
    note(modes && mode(before) != mode(after), Aspect::Mode);
    note(owner(before) != owner(after), Aspect::Owner);
    if let (Some(before), Some(after)) = (before, after) {
        let directories = before.kind == Kind::Directory && after.kind == Kind::Directory;
        note(!directories && before.modified != after.modified, Aspect::Time);
    }
    let xattrs = match (before, after) {
        (Some(before), Some(after)) => !before.xattrs().eq(after.xattrs()),
        (Some(one), None) | (None, Some(one)) => one.xattrs().next().is_some(),
        (None, None) => false,
    };
    note(xattrs, Aspect::Xattrs);
    found
}

/// The mode of a directory that no layer has an entry for.
pub const IMPLIED_MODE: u32 = 0o755;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
