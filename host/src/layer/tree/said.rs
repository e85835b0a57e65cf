//! What one layer says of one path.

use super::super::entry::Kind;
use super::super::index::Index;
use super::history::Hidden;
use super::path::{beginnings, join, split, usable};
use super::whiteout::{Mark, OPAQUE, PREFIX, mark};

/// What one layer says of a path.
#[derive(Debug)]
pub(super) struct Said {
    /// The entry that counts.
    pub(super) entry: Option<usize>,
    /// No entry says what it is; entries below it make it a directory.
    pub(super) implied: bool,
    /// What lower layers have at the path does not count.
    pub(super) hidden: Option<Why>,
}

/// Why what lower layers have does not count, and how long the beginning of the path is where that is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    Whiteout(usize),
    Opaque(usize),
    Replaced(usize),
}

impl Why {
    pub(super) fn of(self, path: &[u8]) -> Hidden {
        match self {
            Why::Whiteout(end) => Hidden::Whiteout { path: path[..end].to_vec() },
            Why::Opaque(end) => Hidden::Opaque { directory: path[..end].to_vec() },
            Why::Replaced(end) => Hidden::Replaced { path: path[..end].to_vec() },
        }
    }
}

/// A layer, gone down into component by component. Only its first `limit` entries count.
#[derive(Debug, Clone, Copy)]
pub(super) struct Descent {
    limit: usize,
    /// The last entry of the path that comes after what cuts it off.
    entry: Option<usize>,
    hidden: Option<Why>,
    /// The same for what is below the path.
    hidden_below: Option<Why>,
    /// Entries below the path do not count unless they come after this one.
    cut: Option<usize>,
    /// There are entries below the path.
    goes_on: bool,
}

impl Descent {
    /// At the root.
    pub(super) fn new(index: &Index, limit: usize) -> Descent {
        let directory = |at: &usize| *at < limit && index.get(*at).kind == Kind::Directory;
        let mut descent = Descent {
            limit,
            entry: index.all(b"").rfind(directory),
            hidden: None,
            hidden_below: None,
            cut: None,
            goes_on: true,
        };
        if descent.there(index, OPAQUE) {
            descent.hidden_below = Some(Why::Opaque(0));
        }
        descent
    }

    fn there(&self, index: &Index, path: &[u8]) -> bool {
        index.all(path).any(|position| position < self.limit)
    }

    /// Down to `path`, which is in the directory where it is.
    pub(super) fn enter(&mut self, index: &Index, path: &[u8]) {
        (self.entry, self.hidden) = (None, self.hidden_below);
        if !self.goes_on {
            return;
        }
        let (directory, name) = split(path);
        let whiteout = [PREFIX, name].concat();
        if mark(&whiteout) == Some(Mark::Whiteout(name)) && self.there(index, &join(directory, &whiteout)) {
            self.hidden = self.hidden.or(Some(Why::Whiteout(path.len())));
        }
        if mark(name).is_none() {
            let (limit, after) = (self.limit, self.cut);
            let counts = |at: &usize| *at < limit && after.is_none_or(|cut| *at > cut);
            for position in index.all(path).filter(counts) {
                self.entry = Some(position);
                if index.get(position).kind != Kind::Directory {
                    self.hidden = self.hidden.or(Some(Why::Replaced(path.len())));
                    self.cut = Some(position);
                }
            }
        }
        self.hidden_below = self.hidden;
        self.goes_on = index.below(path).len() > 0;
        if self.goes_on && self.hidden_below.is_none() && self.there(index, &join(path, OPAQUE)) {
            self.hidden_below = Some(Why::Opaque(path.len()));
        }
    }

    /// What is said of `path`, where it is.
    pub(super) fn said(&self, index: &Index, path: &[u8]) -> Said {
        let Descent { entry, hidden, cut, limit, .. } = *self;
        let directory = path.is_empty() || entry.is_some() && entry != cut;
        let implied = !directory && self.goes_on && has_below(index, path, cut, limit);
        Said { entry: entry.filter(|_| !implied), implied, hidden }
    }

    /// Whether what lower layers have below the path does not count; and what does not count of this one.
    pub(super) fn floor(&self) -> (bool, Option<usize>) {
        (self.hidden_below.is_some(), self.cut)
    }
}

/// A layer's first `limit` entries, gone down to a cleaned path.
pub(super) fn descent(index: &Index, path: &[u8], limit: usize) -> Descent {
    let mut descent = Descent::new(index, limit);
    for beginning in beginnings(path) {
        descent.enter(index, beginning);
    }
    descent
}

/// What the first `limit` entries of a layer say of a cleaned path.
pub(super) fn said(index: &Index, path: &[u8], limit: usize) -> Said {
    descent(index, path, limit).said(index, path)
}

/// Whether a layer has something below a path, among its first `limit` entries and after `cut`.
pub(super) fn has_below(index: &Index, path: &[u8], cut: Option<usize>, limit: usize) -> bool {
    index
        .below(path)
        .filter(|at| *at < limit && cut.is_none_or(|cut| *at > cut))
        .any(|at| usable(index.get(at).path).is_some_and(|path| mark(split(&path).1).is_none()))
}
