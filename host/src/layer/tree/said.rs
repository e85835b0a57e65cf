//! What one layer says of one path.

use super::super::entry::Kind;
use super::super::index::Index;
use super::history::Hidden;
use super::path::{beginnings, clean, join, split};
use super::whiteout::{Mark, OPAQUE, PREFIX, mark};

/// What one layer says of a path.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// The entry that counts.
    pub(super) entry: Option<usize>,
    /// No entry says what it is; entries below it make it a directory.
    pub(super) implied: bool,
    /// Why what lower layers have at the path does not count.
    pub(super) hidden: Option<Hidden>,
    /// Nor does what they have below it.
    pub(super) hidden_below: bool,
    /// Entries below the path do not count unless they come after this one.
    pub(super) cut: Option<usize>,
}

impl Said {
    fn hide(&mut self, why: impl FnOnce() -> Hidden) {
        self.hidden.get_or_insert_with(why);
        self.hidden_below = true;
    }
}

/// What the first `limit` entries of a layer say of a cleaned path.
pub(super) fn said(index: &Index, path: &[u8], limit: usize) -> Said {
    let mut said = Said::default();
    let there = |path: &[u8]| index.all(path).any(|position| position < limit);
    if path.is_empty() {
        let directory = |at: &usize| *at < limit && index.get(*at).kind == Kind::Directory;
        said.entry = index.all(b"").rfind(directory);
        said.hidden_below = there(OPAQUE);
        return said;
    }
    if there(OPAQUE) {
        said.hide(|| Hidden::Opaque { directory: Vec::new() });
    }
    for beginning in beginnings(path) {
        let (directory, name) = split(beginning);
        let whiteout = [PREFIX, name].concat();
        if mark(&whiteout) == Some(Mark::Whiteout(name)) && there(&join(directory, &whiteout)) {
            said.hide(|| Hidden::Whiteout { path: beginning.to_vec() });
        }
        let mut entry = None;
        if mark(name).is_none() {
            let after = said.cut;
            for position in index.all(beginning).filter(|at| *at < limit && after.is_none_or(|cut| *at > cut))
            {
                entry = Some(position);
                if index.get(position).kind != Kind::Directory {
                    said.hide(|| Hidden::Replaced { path: beginning.to_vec() });
                    said.cut = Some(position);
                }
            }
        }
        if beginning.len() == path.len() {
            let directory = entry.is_some() && entry != said.cut;
            said.implied = !directory && has_below(index, path, said.cut, limit);
            said.entry = entry.filter(|_| !said.implied);
            said.hidden_below |= there(&join(path, OPAQUE));
            return said;
        }
        if index.below(beginning).len() == 0 {
            return said;
        }
        if there(&join(beginning, OPAQUE)) {
            said.hide(|| Hidden::Opaque { directory: beginning.to_vec() });
        }
    }
    said
}

/// Whether a layer has something below a path, among its first `limit` entries and after `cut`.
fn has_below(index: &Index, path: &[u8], cut: Option<usize>, limit: usize) -> bool {
    index
        .below(path)
        .filter(|at| *at < limit && cut.is_none_or(|cut| *at > cut))
        .any(|at| clean(index.get(at).path).is_some_and(|path| mark(split(&path).1).is_none()))
}
