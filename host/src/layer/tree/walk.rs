//! The whole tree in order, as a merge of the layers' entries.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};

use super::said::{descent, has_below};
use super::{Node, Tree};
use crate::layer::entry::Kind;
use crate::layer::index::{Entries, IndexError, Mark, Record};
use crate::layer::opened::LayerError;
use crate::layer::path::{is_below, order, usable};

impl<'a> Tree<'a> {
    /// Everything below a directory, given by its cleaned path: what is in a directory follows it, in the order of
    /// names as bytes. Nothing where there is no such directory.
    ///
    /// Memory: beside the indexes, one entry a layer.
    ///
    /// # Errors
    /// [`LayerError`] where a layer's index cannot be had.
    pub fn walk(&self, directory: &[u8]) -> Result<Walk<'a>, LayerError> {
        let mut cursors = BinaryHeap::new();
        let mut floor = Floor::default();
        for layer in 0..self.layers() {
            let index = self.index(layer)?;
            let (hides, cut) = descent(index, directory, u64::MAX)?.floor();
            if hides {
                floor = Floor { layer, cut };
            }
            cursors.extend(Cursor::new(layer, index.below(directory)?)?);
        }
        let made = match self.get(directory)? {
            Some(node) => self.record(&node)?.is_none_or(|record| record.kind == Kind::Directory),
            None => false,
        };
        if !made {
            cursors.clear();
        }
        let start = Frame { length: directory.len(), itself: floor, below: floor, made };
        let (path, frames, ready) = (directory.to_vec(), vec![start], VecDeque::new());
        Ok(Walk { tree: *self, cursors, path, frames, ready })
    }
}

/// See [`Tree::walk`].
pub struct Walk<'a> {
    tree: Tree<'a>,
    cursors: BinaryHeap<Cursor<'a>>,
    /// The last path.
    path: Vec<u8>,
    /// The directories that it is in, outermost first.
    frames: Vec<Frame>,
    ready: VecDeque<Node>,
}

/// Where a layer has been read to.
struct Cursor<'a> {
    layer: usize,
    record: Record,
    rest: Entries<'a>,
}

impl<'a> Cursor<'a> {
    /// At the first of these entries that says anything of a path; `None` where there is none.
    fn new(layer: usize, mut rest: Entries<'a>) -> Result<Option<Cursor<'a>>, IndexError> {
        let says = |record: &Record| record.mark != Some(Mark::Nothing) && usable(record.key());
        for record in rest.by_ref() {
            let record = record?;
            if says(&record) {
                return Ok(Some(Cursor { layer, record, rest }));
            }
        }
        Ok(None)
    }

    fn advanced(self) -> Result<Option<Cursor<'a>>, IndexError> {
        Cursor::new(self.layer, self.rest)
    }
}

impl Ord for Cursor<'_> {
    /// The first path is the greatest, of a path the lowest layer: the heap gives the greatest.
    fn cmp(&self, other: &Self) -> Ordering {
        order(other.record.key(), self.record.key()).then(other.layer.cmp(&self.layer))
    }
}

impl PartialOrd for Cursor<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Cursor<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Cursor<'_> {}

/// What counts: the layers above this one, and of this one itself what comes after `cut`.
#[derive(Debug, Clone, Copy, Default)]
struct Floor {
    layer: usize,
    cut: Option<u64>,
}

impl Floor {
    fn counts(self, item: &Item) -> bool {
        let Item { layer, header, .. } = *item;
        layer > self.layer || layer == self.layer && self.cut.is_none_or(|cut| header > cut)
    }

    /// Where this layer hides what is below it in the stack.
    fn raise(&mut self, layer: usize) {
        if layer > self.layer {
            *self = Floor { layer, cut: None };
        }
    }
}

/// A directory that the walk is in.
struct Frame {
    /// Bytes of the last path that are its own.
    length: usize,
    /// What can make it a directory by being below it.
    itself: Floor,
    /// What counts below it.
    below: Floor,
    /// It was given out.
    made: bool,
}

/// An entry that says something of the path that is looked at.
struct Item {
    layer: usize,
    position: usize,
    header: u64,
    kind: Kind,
    /// It is no file's.
    mark: Option<Mark>,
}

impl Walk<'_> {
    /// Takes all entries of the next path. False at the end.
    fn step(&mut self) -> Result<bool, LayerError> {
        let Some(first) = self.cursors.peek() else { return Ok(false) };
        let path = first.record.key().to_vec();
        let same = self.path.iter().zip(&path).take_while(|(a, b)| a == b).count();
        let inside = |length: usize| {
            length <= same && path.len() > length && (length == 0 || path.get(length) == Some(&b'/'))
        };
        while self.frames.last().is_some_and(|frame| !inside(frame.length)) {
            self.frames.pop();
        }
        self.path = path;
        // Directories in between, of which no layer has an entry.
        while let Some(frame) = self.frames.last() {
            let start = frame.length + usize::from(frame.length > 0);
            let Some(end) = self.path[start..].iter().position(|byte| *byte == b'/') else { break };
            let (frame, _) = self.enter(start + end, &[]);
            self.frames.push(frame);
        }
        let items = self.take()?;
        for at in 0..self.frames.len() {
            let frame = &self.frames[at];
            if !frame.made && items.iter().any(|item| item.mark.is_none() && frame.itself.counts(item)) {
                let path = &self.path[..frame.length];
                let implied = self.implied(path, frame.itself)?;
                self.ready.extend(implied);
                self.frames[at].made = true;
            }
        }
        let (mut frame, entry) = self.enter(self.path.len(), &items);
        let followed = self.cursors.peek().is_some_and(|next| is_below(next.record.key(), &self.path));
        if let Some(Item { layer, position, kind, .. }) = entry {
            // Something below it may still make it a directory.
            let implied = match *kind != Kind::Directory && followed {
                true => self.implied(&self.path, frame.itself)?,
                false => None,
            };
            let node = || Node { path: self.path.clone(), layer: *layer, entry: Some(*position) };
            self.ready.push_back(implied.unwrap_or_else(node));
            frame.made = true;
        }
        if followed {
            self.frames.push(frame);
        }
        Ok(true)
    }

    /// The directory that a path is because something counts below it, where that is so.
    fn implied(&self, path: &[u8], floor: Floor) -> Result<Option<Node>, LayerError> {
        for layer in floor.layer..self.tree.layers() {
            let cut = floor.cut.filter(|_| layer == floor.layer);
            if has_below(self.tree.index(layer)?, path, cut, u64::MAX)? {
                return Ok(Some(Node { path: path.to_vec(), layer, entry: None }));
            }
        }
        Ok(None)
    }

    /// All entries of the last path, which is that of the first cursor: from the base layer up, in a layer in the order
    /// of the tar.
    fn take(&mut self) -> Result<Vec<Item>, IndexError> {
        let mut items = Vec::new();
        while self.cursors.peek().is_some_and(|cursor| *cursor.record.key() == *self.path) {
            let Some(cursor) = self.cursors.pop() else { break };
            let Record { position, header, kind, mark, .. } = cursor.record;
            items.push(Item { layer: cursor.layer, position, header, kind, mark });
            self.cursors.extend(cursor.advanced()?);
        }
        Ok(items)
    }

    /// What counts at and below the last path's beginning of this length, which is in the innermost directory, and the
    /// entry that does.
    fn enter<'i>(&self, length: usize, items: &'i [Item]) -> (Frame, Option<&'i Item>) {
        let mut counting = self.frames.last().map_or_else(Floor::default, |frame| frame.below);
        // Those of upper layers come later.
        let hides = |mark| items.iter().rfind(|item| item.mark == Some(mark)).map(|item| item.layer);
        if let Some(layer) = hides(Mark::Whiteout) {
            counting.raise(layer);
        }
        let mut itself = counting;
        let mut entry = None;
        for item in items.iter().filter(|item| item.mark.is_none() && counting.counts(item)) {
            entry = Some(item);
            if item.kind != Kind::Directory {
                itself.raise(item.layer);
                itself.cut = Some(item.header);
            }
        }
        let mut below = itself;
        if let Some(layer) = hides(Mark::Opaque) {
            below.raise(layer);
        }
        (Frame { length, itself, below, made: false }, entry)
    }
}

impl Iterator for Walk<'_> {
    type Item = Result<Node, LayerError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(node) = self.ready.pop_front() {
                return Some(Ok(node));
            }
            match self.step() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return Some(Err(error)),
            }
        }
    }
}
