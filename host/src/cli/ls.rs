//! `consign ls`: what is in the directories of an image.

use anyhow::Result;

use consign::layer::entry::Kind;
use consign::layer::tree::{Follow, Node, Part, is_below};

use super::args::{Format, Ls};
use super::failure::Failures;
use super::files::{self, Reading};
use super::listing::{self, Listing, View, whole};
use super::session::Session;

pub fn run(session: &Session, arguments: &Ls) -> Result<()> {
    let listed = &arguments.listed;
    // Documents have digests.
    let reading = if listed.format == Format::Json { Reading::Content } else { Reading::Entries };
    let files = files::open(session, &arguments.image, reading)?;
    let layer = listed.layer.as_deref().map(|text| files.layer(text)).transpose()?;
    let part = layer.map(|layer| Part::new(&files.stack, layer..layer + 1));
    let view = match (&part, layer) {
        (Some(part), Some(layer)) => View::of_one(part, layer),
        _ => View::of_all(files.stack.tree()),
    };
    let root = ["/".to_owned()];
    let paths = if arguments.paths.is_empty() { &root[..] } else { &arguments.paths };
    let mut alone = Listing { header: None, nodes: Vec::new() };
    let mut listings = Vec::new();
    let mut failures = Vec::new();
    for path in paths {
        match one(&view, arguments, path) {
            Ok(Found::Itself(node)) => alone.nodes.push((path.clone().into_bytes(), node)),
            Ok(Found::Inside(nodes)) => {
                let header = (paths.len() > 1).then(|| path.clone().into_bytes());
                listings.push(Listing { header, nodes });
            }
            Err(error) => failures.push(error),
        }
    }
    // As ls does: first what is no directory.
    if !alone.nodes.is_empty() {
        listings.insert(0, alone);
    }
    listing::show(&view, listed, listings)?;
    Failures::all(failures)
}

enum Found {
    Itself(Node),
    /// With the names they are listed by.
    Inside(Vec<(Vec<u8>, Node)>),
}

fn one(view: &View<'_>, arguments: &Ls, path: &str) -> Result<Found> {
    // A long listing of a link is one of the link, as with ls.
    let follow = if arguments.listed.long || arguments.directory { Follow::NotLast } else { Follow::Last };
    let node = files::find(&view.tree, path, follow)?;
    if arguments.directory || view.shown(node.clone())?.kind() != Kind::Directory {
        return Ok(Found::Itself(node));
    }
    let start = node.path.len() + usize::from(!node.path.is_empty());
    let mut hidden: Option<Vec<u8>> = None;
    let mut nodes = view.below(&node.path)?;
    nodes.retain(|node| {
        if !arguments.recursive && node.path[start..].contains(&b'/') {
            return false;
        }
        if hidden.as_ref().is_some_and(|hidden| is_below(&node.path, hidden)) {
            return false;
        }
        // Whiteouts are what one looks at a layer for.
        let whiteout = view.layer.is_some() && node.name().starts_with(b".wh.");
        if !arguments.all && node.name().starts_with(b".") && !whiteout {
            hidden = Some(node.path.clone());
            return false;
        }
        true
    });
    let name = |node: &Node| if arguments.recursive { whole(node) } else { node.name().to_vec() };
    Ok(Found::Inside(nodes.into_iter().map(|node| (name(&node), node)).collect()))
}
