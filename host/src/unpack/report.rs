//! What an unpacking came to.

use std::collections::BTreeMap;

use super::fault::EntryError;

/// What was written, what could not be set, what failed.
#[derive(Debug, Default)]
pub struct Report {
    /// Entries of all layers, whiteouts among them.
    pub entries: u64,
    /// Bytes of content that were written.
    pub bytes: u64,
    /// What could not be set, and how often. Nothing of it is a failure.
    pub lost: BTreeMap<Lost, Losses>,
    /// Entries that could not be written, in their order; the first [`FAILURES`] of them.
    pub failures: Vec<Failure>,
    /// How many entries could not be written.
    pub failed: u64,
}

/// Failures that a report keeps.
pub const FAILURES: usize = 1000;

/// What could not be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lost {
    /// An owner, which could not even be recorded.
    Owner,
    /// An extended attribute: the file system does not keep it, it is the machine's own, or only root may set it.
    Attribute,
    /// A device, in whose place there is an empty file.
    Device,
    /// A hard link to a file of which the file system takes no more: a copy, which the links that follow lead to.
    Link,
}

/// How often something could not be set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Losses {
    /// How often.
    pub count: u64,
    /// The path of the first.
    pub path: Vec<u8>,
    /// What of the first: an attribute's name, a link's target.
    pub what: Vec<u8>,
}

/// An entry that could not be written.
#[derive(Debug)]
pub struct Failure {
    /// The layer, counted from the base layer, 0.
    pub layer: usize,
    /// Its path as written.
    pub path: Vec<u8>,
    /// Why.
    pub error: EntryError,
}

impl Report {
    pub(super) fn lost(&mut self, lost: Lost, path: &[u8], what: &[u8]) {
        let first = || Losses { count: 0, path: path.to_vec(), what: what.to_vec() };
        self.lost.entry(lost).or_insert_with(first).count += 1;
    }

    pub(super) fn failed(&mut self, failure: Failure) {
        self.failed += 1;
        if self.failures.len() < FAILURES {
            self.failures.push(failure);
        }
    }
}
