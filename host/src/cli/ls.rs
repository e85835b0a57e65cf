//! `consign ls`: what is in the directories of an image.

use anyhow::Result;

use consign::layer::entry::Kind;
use consign::layer::tree::{Follow, Node, is_below};

use super::args::Ls;
use super::failure::Failures;
use super::files;
use super::listing::{self, Listing, Named, View, whole};
use super::session::Session;

pub fn run(session: &Session, arguments: &Ls) -> Result<()> {
    listing::of(session, &arguments.image, &arguments.listed, |view| list(arguments, view))
}

fn list(arguments: &Ls, view: View<'_>) -> Result<()> {
    let root = ["/".to_owned()];
    let paths = if arguments.paths.is_empty() { &root[..] } else { &arguments.paths };
    let mut alone = Vec::new();
    let mut listings = Vec::new();
    let mut failures = Vec::new();
    for path in paths {
        match one(view, arguments, path) {
            Ok(Found::Itself(node)) => alone.push((path.clone().into_bytes(), node)),
            Ok(Found::Directory(node)) => {
                let header = (paths.len() > 1).then(|| path.clone().into_bytes());
                let nodes = move || inside(view, arguments, &node.path);
                listings.push(Listing { header, nodes: Box::new(nodes) });
            }
            Err(error) => failures.push(error),
        }
    }
    // As ls does: first what is no directory.
    if !alone.is_empty() {
        let nodes = move || Ok(Box::new(alone.clone().into_iter().map(Ok)) as _);
        listings.insert(0, Listing { header: None, nodes: Box::new(nodes) });
    }
    listing::show(view, &arguments.listed, &listings)?;
    Failures::all(failures)
}

enum Found {
    Itself(Node),
    /// What is in it is listed.
    Directory(Node),
}

fn one(view: View<'_>, arguments: &Ls, path: &str) -> Result<Found> {
    // A long listing of a link is one of the link, as with ls.
    let follow = if arguments.listed.long || arguments.directory { Follow::NotLast } else { Follow::Last };
    let node = files::find(&view.tree, path, follow)?;
    let itself = arguments.directory || view.shown(node.clone())?.kind() != Kind::Directory;
    Ok(if itself { Found::Itself(node) } else { Found::Directory(node) })
}

/// What is listed of a directory, with the names it is listed by.
fn inside<'a>(view: View<'a>, arguments: &'a Ls, directory: &[u8]) -> Result<Named<'a>> {
    let start = directory.len() + usize::from(!directory.is_empty());
    let mut hidden: Option<Vec<u8>> = None;
    let mut shown = move |node: &Node| {
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
    };
    let name = |node: &Node| if arguments.recursive { whole(node) } else { node.name().to_vec() };
    let nodes = view.below(directory)?.filter(move |node| node.as_ref().map_or(true, &mut shown));
    Ok(Box::new(nodes.map(move |node| node.map(|node| (name(&node), node)))))
}
