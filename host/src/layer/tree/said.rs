//! What one layer says of one path.

use super::super::entry::Kind;
use super::super::index::{Index, IndexError, Mark, Record};
use super::super::path::{beginnings, usable};
use super::history::Hidden;

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

/// A layer, gone down into component by component. Only entries count whose headers come before `limit` in its tar.
#[derive(Debug, Clone, Copy)]
pub(super) struct Descent {
    limit: u64,
    /// The last entry of the path that comes after what cuts it off.
    entry: Option<usize>,
    hidden: Option<Why>,
    /// The same for what is below the path.
    hidden_below: Option<Why>,
    /// That entry is no directory.
    ends: bool,
    /// Entries below the path do not count unless their headers come after this place.
    cut: Option<u64>,
    /// There are entries below the path.
    goes_on: bool,
}

impl Descent {
    /// At the root.
    pub(super) fn new(index: &Index, limit: u64) -> Result<Descent, IndexError> {
        let mut descent = Descent {
            limit,
            entry: None,
            ends: false,
            hidden: None,
            hidden_below: None,
            cut: None,
            goes_on: true,
        };
        for record in index.at(b"")? {
            let record = record?;
            match record.mark {
                _ if record.header >= limit => {}
                Some(Mark::Opaque) => descent.hidden_below = Some(Why::Opaque(0)),
                None if record.kind == Kind::Directory => descent.entry = Some(record.position),
                _ => {}
            }
        }
        Ok(descent)
    }

    /// Down to `path`, which is in the directory where it is.
    pub(super) fn enter(&mut self, index: &Index, path: &[u8]) -> Result<(), IndexError> {
        (self.entry, self.ends, self.hidden) = (None, false, self.hidden_below);
        if !self.goes_on {
            return Ok(());
        }
        let (mut whiteout, mut opaque, mut replaced) = (None, None, None);
        let after = self.cut;
        for record in index.at(path)? {
            let record = record?;
            match record.mark {
                _ if record.header >= self.limit => {}
                Some(Mark::Whiteout) => whiteout = Some(Why::Whiteout(path.len())),
                Some(Mark::Opaque) => opaque = Some(Why::Opaque(path.len())),
                Some(Mark::Nothing) => {}
                None if after.is_some_and(|cut| record.header <= cut) => {}
                None => {
                    self.entry = Some(record.position);
                    self.ends = record.kind != Kind::Directory;
                    if self.ends {
                        replaced = Some(Why::Replaced(path.len()));
                        self.cut = Some(record.header);
                    }
                }
            }
        }
        self.hidden = self.hidden.or(whiteout).or(replaced);
        self.hidden_below = self.hidden.or(opaque);
        self.goes_on = index.below(path)?.next().transpose()?.is_some();
        Ok(())
    }

    /// What is said of `path`, where it is.
    pub(super) fn said(&self, index: &Index, path: &[u8]) -> Result<Said, IndexError> {
        let Descent { entry, ends, hidden, cut, limit, .. } = *self;
        let directory = path.is_empty() || entry.is_some() && !ends;
        let implied = !directory && self.goes_on && has_below(index, path, cut, limit)?;
        Ok(Said { entry: entry.filter(|_| !implied), implied, hidden })
    }

    /// Whether what lower layers have below the path does not count; and what does not count of this one.
    pub(super) fn floor(&self) -> (bool, Option<u64>) {
        (self.hidden_below.is_some(), self.cut)
    }
}

/// A layer, as far as `limit`, gone down to a cleaned path.
pub(super) fn descent(index: &Index, path: &[u8], limit: u64) -> Result<Descent, IndexError> {
    let mut descent = Descent::new(index, limit)?;
    for beginning in beginnings(path) {
        descent.enter(index, beginning)?;
    }
    Ok(descent)
}

/// What a layer says of a cleaned path, as far as `limit`.
pub(super) fn said(index: &Index, path: &[u8], limit: u64) -> Result<Said, IndexError> {
    descent(index, path, limit)?.said(index, path)
}

/// Whether a layer has something below a path, between `cut` and `limit`.
pub(super) fn has_below(
    index: &Index,
    path: &[u8],
    cut: Option<u64>,
    limit: u64,
) -> Result<bool, IndexError> {
    let counts = |record: &Record| {
        let placed = record.header < limit && cut.is_none_or(|cut| record.header > cut);
        placed && record.mark.is_none() && usable(record.key())
    };
    for record in index.below(path)? {
        if counts(&record?) {
            return Ok(true);
        }
    }
    Ok(false)
}
