//! `consign diff`: what differs between two images, or what a layer changes.

use anyhow::{Context, Result};
use serde::Serialize;

use consign::layer::changes::{self, Change, Options, changes};
use consign::layer::entry::Kind;
use consign::layer::stack::Stack;
use consign::layer::tree::{Part, Tree, clean, is_below};

use super::args::{Aspect, Diff, Format, Image};
use super::entry::{Document, Shown, absolute, unreadable};
use super::failure::Failure;
use super::files::{self, Files, Reading};
use super::output;
use super::session::Session;

pub fn run(session: &Session, arguments: &Diff) -> Result<()> {
    let open = |image: &str| {
        let looked_up = super::args::LookedUp { lookup: arguments.looked_up.lookup };
        let wanted = arguments.wanted.clone();
        let image = Image { image: image.to_owned(), looked_up, wanted };
        files::open(session, &image, Reading::Content)
    };
    let one = open(&arguments.image)?;
    if let Some(other) = &arguments.other {
        let other = open(other)?;
        let long = !arguments.quiet;
        return show(arguments, one.stack.tree(), other.stack.tree(), long);
    }
    let layer = layer(&one, arguments)?;
    let (below, with) = parts(&one.stack, layer);
    show(arguments, Tree::new(&below), Tree::new(&with), arguments.long)
}

/// How many layers count before, and how many after.
fn layer(files: &Files, arguments: &Diff) -> Result<usize> {
    match &arguments.layer {
        Some(text) => files.layer(text),
        None => Ok(files.stack.layers().len().saturating_sub(1)),
    }
}

fn parts(stack: &Stack, layer: usize) -> (Part<'_>, Part<'_>) {
    (Part::new(stack, 0..layer), Part::new(stack, 0..layer + 1))
}

#[derive(Serialize)]
struct Answer {
    changed: Vec<Changed>,
    added: Vec<Document>,
    deleted: Vec<Document>,
}

/// Something that was and is there.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Changed {
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_hex: Option<String>,
    /// Empty for a directory that only has changes in it.
    what: Vec<&'static str>,
    before: Document,
    after: Document,
}

fn show(arguments: &Diff, before: Tree<'_>, after: Tree<'_>, long: bool) -> Result<()> {
    let options = Options { ignored: arguments.ignore.iter().map(|aspect| ignored(*aspect)).collect() };
    let wrong = || Failure::usage("wanted a path without `..`");
    let top = arguments.path.as_deref().map(|path| clean(path.as_bytes()).ok_or_else(wrong)).transpose()?;
    let inside =
        |change: &Change| top.as_ref().is_none_or(|top| change.path == **top || is_below(&change.path, top));
    let mut found = Vec::new();
    for change in changes(before, after, &options)? {
        let change = change.context("comparing")?;
        if inside(&change) {
            let shown = |tree, node: &Option<_>| node.clone().map(|node| Shown::new(tree, node)).transpose();
            let (before, after) = (shown(before, &change.before)?, shown(after, &change.after)?);
            found.push((change, before, after));
        }
    }
    if arguments.format == Format::Json {
        return output::json(&answer(&found));
    }
    if long {
        let rows: Vec<Vec<String>> = found.iter().map(row).collect();
        return output::table(&["CHANGE", "PATH", "SIZE", "WHAT"], &rows);
    }
    // As docker has it: what was in a directory that is gone goes without saying.
    let mut gone: Option<&[u8]> = None;
    let mut lines = Vec::new();
    for (change, before, after) in &found {
        if after.is_none() && gone.is_some_and(|gone| is_below(&change.path, gone)) {
            continue;
        }
        let was = before.as_ref().is_some_and(|before| before.kind() == Kind::Directory);
        let is = after.as_ref().is_some_and(|after| after.kind() == Kind::Directory);
        if was && !is {
            gone = Some(&change.path);
        }
        lines.push(format!("{} {}", letter(change), absolute(&change.path)));
    }
    output::lines(lines)
}

type Found<'a> = (Change, Option<Shown<'a>>, Option<Shown<'a>>);

fn answer(found: &[Found<'_>]) -> Answer {
    let mut answer = Answer { changed: Vec::new(), added: Vec::new(), deleted: Vec::new() };
    for (change, before, after) in found {
        let document = |shown: &Shown<'_>| shown.document(shown.node.layer);
        match (before, after) {
            (Some(before), Some(after)) => answer.changed.push(Changed {
                path: absolute(&change.path),
                path_hex: unreadable(&change.path),
                what: change.aspects.iter().map(|aspect| aspect.name()).collect(),
                before: document(before),
                after: document(after),
            }),
            (None, Some(after)) => answer.added.push(document(after)),
            (Some(before), None) => answer.deleted.push(document(before)),
            (None, None) => {}
        }
    }
    answer
}

fn letter(change: &Change) -> char {
    match (&change.before, &change.after) {
        (None, _) => 'A',
        (_, None) => 'D',
        _ => 'C',
    }
}

fn row((change, before, after): &Found<'_>) -> Vec<String> {
    let size = |shown: &Option<Shown<'_>>| shown.as_ref().and_then(Shown::size);
    let size = match (size(before), size(after)) {
        (Some(before), Some(after)) if before != after => format!("{before} -> {after}"),
        (before, after) => after.or(before).map_or_else(String::new, |size| size.to_string()),
    };
    let what = match (before, after) {
        (Some(before), Some(after)) => {
            let said = change.aspects.iter().map(|aspect| said(*aspect, before, after));
            said.collect::<Vec<_>>().join(", ")
        }
        _ => String::new(),
    };
    vec![letter(change).to_string(), absolute(&change.path), size, what]
}

/// An aspect with what it was and is, where that is short.
fn said(aspect: changes::Aspect, before: &Shown<'_>, after: &Shown<'_>) -> String {
    let name = aspect.name();
    match before.said(aspect).zip(after.said(aspect)) {
        Some((before, after)) => format!("{name} {before} -> {after}"),
        None => name.to_owned(),
    }
}

fn ignored(aspect: Aspect) -> changes::Aspect {
    match aspect {
        Aspect::Content => changes::Aspect::Content,
        Aspect::Mode => changes::Aspect::Mode,
        Aspect::Owner => changes::Aspect::Owner,
        Aspect::Time => changes::Aspect::Time,
        Aspect::Xattrs => changes::Aspect::Xattrs,
    }
}
