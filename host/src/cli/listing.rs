//! Lists of what is in an image, for `ls` and `find`.

use std::cmp::Ordering;

use anyhow::Result;

use consign::layer::tree::{Node, Part, Tree, order, printable};

use super::args::{Format, Listed};
use super::entry::{Document, Shown};
use super::output;

/// A stack of layers that is listed: all of an image's, or one.
pub struct View<'a> {
    pub tree: Tree<'a>,
    /// The layer that is shown alone.
    pub layer: Option<usize>,
}

impl<'a> View<'a> {
    /// All layers of `tree`.
    pub fn of_all(tree: Tree<'a>) -> View<'a> {
        View { tree, layer: None }
    }

    /// One layer.
    pub fn of_one(part: &'a Part<'a>, layer: usize) -> View<'a> {
        View { tree: Tree::new(part), layer: Some(layer) }
    }

    /// What is below a directory, in order; of one layer with whiteouts.
    pub fn below(&self, directory: &[u8]) -> Result<Vec<Node>> {
        let mut nodes = self.tree.walk(directory)?.collect::<Result<Vec<Node>, _>>()?;
        if self.layer.is_some() {
            let whiteouts = self.tree.whiteouts(0, directory)?;
            if !whiteouts.is_empty() {
                nodes.extend(whiteouts);
                nodes.sort_by(|a, b| order(&a.path, &b.path).then(Ordering::Equal));
            }
        }
        Ok(nodes)
    }

    pub fn shown(&self, node: Node) -> Result<Shown<'a>> {
        Ok(Shown::new(self.tree, node)?)
    }

    fn document(&self, shown: &Shown<'a>) -> Document {
        shown.document(self.layer.unwrap_or(shown.node.layer))
    }
}

/// Lists, one after the other: each under its header, where it has one; nodes with the bytes they are called by.
pub struct Listing {
    pub header: Option<Vec<u8>>,
    pub nodes: Vec<(Vec<u8>, Node)>,
}

/// Shows them.
pub fn show(view: &View<'_>, options: &Listed, listings: Vec<Listing>) -> Result<()> {
    if options.format == Format::Json {
        let nodes = listings.into_iter().flat_map(|listing| listing.nodes);
        let documents = nodes.map(|(_, node)| Ok(view.document(&view.shown(node)?)));
        return output::json(&documents.collect::<Result<Vec<_>>>()?);
    }
    if options.zero {
        let nodes = listings.iter().flat_map(|listing| &listing.nodes);
        let mut bytes = Vec::new();
        for (name, _) in nodes {
            bytes.extend_from_slice(name);
            bytes.push(0);
        }
        return output::bytes(&bytes);
    }
    let mut lines = Vec::new();
    for (at, listing) in listings.into_iter().enumerate() {
        if let Some(header) = &listing.header {
            if at > 0 {
                lines.push(String::new());
            }
            lines.push(format!("{}:", printable(header)));
        }
        if options.long {
            long(view, options.human, listing.nodes, &mut lines)?;
        } else {
            lines.extend(listing.nodes.iter().map(|(name, _)| printable(name).into_owned()));
        }
    }
    output::lines(lines)
}

/// One line for each, in columns.
fn long(view: &View<'_>, human: bool, nodes: Vec<(Vec<u8>, Node)>, lines: &mut Vec<String>) -> Result<()> {
    let mut rows = Vec::with_capacity(nodes.len());
    let mut widths = [0; 5];
    for (name, node) in nodes {
        let shown = view.shown(node)?;
        let columns = shown.columns(human);
        for (width, column) in widths.iter_mut().zip(&columns) {
            *width = (*width).max(column.len());
        }
        rows.push((columns, format!("{}{}", printable(&name), shown.arrow())));
    }
    let [mode, uid, gid, size, time] = widths;
    lines.extend(rows.iter().map(|(columns, name)| {
        let [a, b, c, d, e] = columns;
        format!("{a:mode$} {b:>uid$} {c:>gid$} {d:>size$} {e:time$} {name}")
    }));
    Ok(())
}

/// What a node is called where whole paths are shown.
pub fn whole(node: &Node) -> Vec<u8> {
    [b"/", &node.path[..]].concat()
}
