//! The whole tree in order, as a merge of the layers' entries.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap, VecDeque};

use super::path::{is_below, join, order, split, usable};
use super::said::{descent, has_below};
use super::whiteout::{Mark, mark};
use super::{Node, Tree};
use crate::layer::entry::Kind;
use crate::layer::index::Index;
use crate::layer::opened::LayerError;

impl<'a> Tree<'a> {
    /// Everything below a directory, given by its cleaned path: what is in a directory follows it, in the order of
    /// names as bytes. Nothing where there is no such directory.
    ///
    /// Memory: beside the indexes, what is hidden by whiteouts, and one entry a layer.
    ///
    /// # Errors
    /// [`LayerError`] where a layer's index cannot be had.
    pub fn walk(&self, directory: &[u8]) -> Result<Walk<'a>, LayerError> {
        let mut cursors = BinaryHeap::new();
        let mut marks = Marks::default();
        let mut floor = Floor::default();
        for layer in 0..self.layers() {
            let index = self.index(layer)?;
            let (hides, cut) = descent(index, directory, usize::MAX).floor();
            if hides {
                floor = Floor { layer, cut };
            }
            marks.read(index, layer, directory);
            let below = Box::new(index.below(directory));
            cursors.extend(Cursor { layer, index, below, path: Cow::Borrowed(b""), position: 0 }.advanced());
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
        Ok(Walk { tree: *self, cursors, marks, path, frames, ready })
    }
}

/// See [`Tree::walk`].
pub struct Walk<'a> {
    tree: Tree<'a>,
    cursors: BinaryHeap<Cursor<'a>>,
    marks: Marks,
    /// The last path.
    path: Vec<u8>,
    /// The directories that it is in, outermost first.
    frames: Vec<Frame>,
    ready: VecDeque<Node>,
}

/// Where a layer has been read to.
struct Cursor<'a> {
    layer: usize,
    index: &'a Index,
    below: Box<dyn Iterator<Item = usize> + Send + 'a>,
    path: Cow<'a, [u8]>,
    position: usize,
}

impl<'a> Cursor<'a> {
    /// At the next entry that is a file's; `None` at the end.
    fn advanced(mut self) -> Option<Cursor<'a>> {
        for position in self.below.by_ref() {
            if let Some(path) = usable(self.index.get(position).path)
                && mark(split(&path).1).is_none()
            {
                self.position = position;
                self.path = path;
                return Some(self);
            }
        }
        None
    }
}

impl Ord for Cursor<'_> {
    /// The first path is the greatest, of a path the lowest layer: the heap gives the greatest.
    fn cmp(&self, other: &Self) -> Ordering {
        order(&other.path, &self.path).then(other.layer.cmp(&self.layer))
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

/// What whiteouts hide: for each path the topmost layer that hides it.
#[derive(Default)]
struct Marks {
    whiteouts: HashMap<Vec<u8>, usize>,
    /// What is below these directories.
    opaque: HashMap<Vec<u8>, usize>,
}

impl Marks {
    /// Layers have to come from the base layer up.
    fn read(&mut self, index: &Index, layer: usize, directory: &[u8]) {
        for position in index.below(directory) {
            let Some(path) = usable(index.get(position).path) else { continue };
            let (directory, name) = split(&path);
            match mark(name) {
                Some(Mark::Whiteout(name)) => self.whiteouts.insert(join(directory, name), layer),
                Some(Mark::Opaque) => self.opaque.insert(directory.to_vec(), layer),
                Some(Mark::Nothing) | None => continue,
            };
        }
    }
}

/// What counts: the layers above this one, and of this one itself what comes after `cut`.
#[derive(Debug, Clone, Copy, Default)]
struct Floor {
    layer: usize,
    cut: Option<usize>,
}

impl Floor {
    fn counts(self, layer: usize, position: usize) -> bool {
        layer > self.layer || layer == self.layer && self.cut.is_none_or(|cut| position > cut)
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

/// An entry of the path that is looked at.
struct Item {
    layer: usize,
    position: usize,
    kind: Kind,
}

impl Walk<'_> {
    /// Takes all entries of the next path. False at the end.
    fn step(&mut self) -> Result<bool, LayerError> {
        let Some(first) = self.cursors.peek() else { return Ok(false) };
        let path = first.path.to_vec();
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
        let items = self.take();
        for at in 0..self.frames.len() {
            let frame = &self.frames[at];
            if !frame.made && items.iter().any(|item| frame.itself.counts(item.layer, item.position)) {
                let path = &self.path[..frame.length];
                let implied = self.implied(path, frame.itself)?;
                self.ready.extend(implied);
                self.frames[at].made = true;
            }
        }
        let (mut frame, entry) = self.enter(self.path.len(), &items);
        let followed = self.cursors.peek().is_some_and(|next| is_below(&next.path, &self.path));
        if let Some(Item { layer, position, kind }) = entry {
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
            if has_below(self.tree.index(layer)?, path, cut, usize::MAX) {
                return Ok(Some(Node { path: path.to_vec(), layer, entry: None }));
            }
        }
        Ok(None)
    }

    /// All entries of the last path, which is that of the first cursor: from the base layer up, in a layer in the order
    /// of the tar.
    fn take(&mut self) -> Vec<Item> {
        let mut items = Vec::new();
        while self.cursors.peek().is_some_and(|cursor| *cursor.path == *self.path) {
            let Some(cursor) = self.cursors.pop() else { break };
            let (layer, position) = (cursor.layer, cursor.position);
            items.push(Item { layer, position, kind: cursor.index.get(position).kind });
            self.cursors.extend(cursor.advanced());
        }
        items
    }

    /// What counts at and below the last path's beginning of this length, which is in the innermost directory, and the
    /// entry that does.
    fn enter<'i>(&self, length: usize, items: &'i [Item]) -> (Frame, Option<&'i Item>) {
        let path = &self.path[..length];
        let mut counting = self.frames.last().map_or_else(Floor::default, |frame| frame.below);
        if let Some(layer) = self.marks.whiteouts.get(path) {
            counting.raise(*layer);
        }
        let mut itself = counting;
        let mut entry = None;
        for item in items.iter().filter(|item| counting.counts(item.layer, item.position)) {
            entry = Some(item);
            if item.kind != Kind::Directory {
                itself.raise(item.layer);
                itself.cut = Some(item.position);
            }
        }
        let mut below = itself;
        if let Some(layer) = self.marks.opaque.get(path) {
            below.raise(*layer);
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
