//! Lists of what is in an image, for `ls` and `find`: written as they are walked, because an image may have any
//! number of files.

use anyhow::Result;

use consign::layer::tree::{Node, Part, Tree, order, printable};

use super::args::{Format, Image, Listed};
use super::entry::Shown;
use super::files::{self, Reading};
use super::output::{self, Stream};
use super::session::Session;

/// A stack of layers that is listed: all of an image's, or one.
#[derive(Clone, Copy)]
pub struct View<'a> {
    pub tree: Tree<'a>,
    /// The layer that is shown alone.
    pub layer: Option<usize>,
}

/// Has what is to be listed of an image listed.
pub fn of(
    session: &Session,
    image: &Image,
    options: &Listed,
    list: impl FnOnce(View<'_>) -> Result<()>,
) -> Result<()> {
    // Documents have digests.
    let reading = Reading { all: options.layer.is_none(), digests: options.format == Format::Json };
    let files = files::open(session, &image.image, &image.reach, reading)?;
    let Some(text) = &options.layer else { return list(View { tree: files.stack.tree(), layer: None }) };
    let layer = files.layer(text)?;
    let part = Part::new(&files.stack, layer..layer + 1);
    list(View { tree: Tree::new(&part), layer: Some(layer) })
}

/// Nodes in order.
pub type Nodes<'a> = Box<dyn Iterator<Item = Result<Node>> + 'a>;

impl<'a> View<'a> {
    /// What is below a directory, in order; of one layer with whiteouts.
    pub fn below(&self, directory: &[u8]) -> Result<Nodes<'a>> {
        let walk = self.tree.walk(directory)?.map(|node| Ok(node?));
        if self.layer.is_none() {
            return Ok(Box::new(walk));
        }
        let whiteouts = self.tree.whiteouts(0, directory)?.map(|node| Ok(node?));
        let (mut walk, mut whiteouts) = (walk.peekable(), whiteouts.peekable());
        Ok(Box::new(std::iter::from_fn(move || {
            let first = match (walk.peek(), whiteouts.peek()) {
                (Some(Ok(node)), Some(Ok(whiteout))) => order(&whiteout.path, &node.path).is_lt(),
                (Some(Ok(_)), Some(Err(_))) | (None, _) => true,
                (Some(_), _) => false,
            };
            if first { whiteouts.next() } else { walk.next() }
        })))
    }

    pub fn shown(&self, node: Node) -> Result<Shown> {
        Ok(Shown::new(self.tree, node)?)
    }
}

/// Nodes in order, with the bytes they are called by.
pub type Named<'a> = Box<dyn Iterator<Item = Result<(Vec<u8>, Node)>> + 'a>;

/// A list, under its header where it has one.
pub struct Listing<'a> {
    pub header: Option<Vec<u8>>,
    /// Made anew each time: gone through twice where columns are to be aligned.
    pub nodes: Box<dyn Fn() -> Result<Named<'a>> + 'a>,
}

/// Shows lists one after the other.
pub fn show(view: View<'_>, options: &Listed, listings: &[Listing<'_>]) -> Result<()> {
    if options.format == Format::Json {
        return output::documents(Stream::new(|| {
            Ok(listings.iter().flat_map(|listing| flattened((listing.nodes)())).map(move |node| {
                let shown = view.shown(node?.1)?;
                Ok(shown.document(view.layer.unwrap_or(shown.node.layer)))
            }))
        }));
    }
    if options.zero {
        let nodes = listings.iter().flat_map(|listing| flattened((listing.nodes)()));
        return output::ended(nodes.map(|node| Ok(node?.0)), 0);
    }
    let mut widths = [0; 5];
    for listing in listings.iter().filter(|_| options.long) {
        for node in (listing.nodes)()? {
            let columns = view.shown(node?.1)?.columns(options.human);
            for (width, column) in widths.iter_mut().zip(&columns) {
                *width = (*width).max(column.len());
            }
        }
    }
    let line = move |node: Result<(Vec<u8>, Node)>| -> Result<String> {
        let (name, node) = node?;
        if !options.long {
            return Ok(printable(&name).into_owned());
        }
        let shown = view.shown(node)?;
        let ([a, b, c, d, e], [mode, uid, gid, size, time]) = (shown.columns(options.human), widths);
        let (name, arrow) = (printable(&name), shown.arrow());
        Ok(format!("{a:mode$} {b:>uid$} {c:>gid$} {d:>size$} {e:time$} {name}{arrow}"))
    };
    output::lines_of(listings.iter().enumerate().flat_map(|(at, listing)| {
        let header = listing.header.iter().flat_map(move |header| {
            let apart = (at > 0).then(|| Ok(String::new()));
            apart.into_iter().chain([Ok(format!("{}:", printable(header)))])
        });
        header.chain(flattened((listing.nodes)()).map(line))
    }))
}

/// What could not be listed gives its error.
fn flattened(made: Result<Named<'_>>) -> Named<'_> {
    made.unwrap_or_else(|error| Box::new(std::iter::once(Err(error))))
}

/// What a node is called where whole paths are shown.
pub fn whole(node: &Node) -> Vec<u8> {
    [b"/", &node.path[..]].concat()
}
