//! `consign diff`: what differs between two images, or what a layer changes.

use anyhow::{Context, Result};
use serde::Serialize;

use consign::layer::changes::{self, Change, Options, changes};
use consign::layer::entry::Kind;
use consign::layer::stack::Stack;
use consign::layer::tree::{Part, Tree, clean, is_below};

use super::args::{Aspect, Diff, Format};
use super::entry::{Document, Shown, absolute, unreadable};
use super::failure::Failure;
use super::files::{self, Files, Reading};
use super::output::{self, Stream};
use super::session::Session;

pub fn run(session: &Session, arguments: &Diff) -> Result<()> {
    let open =
        |image: &str| files::open(session, image, &arguments.reach, Reading { all: true, digests: true });
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
struct Answer<A, B, C> {
    changed: A,
    added: B,
    deleted: C,
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
    // Gone through as often as it is needed, because there may be any number of them.
    let each = || -> Result<_> {
        let found = changes(before, after, &options)?.map(|change| change.context("comparing"));
        let found = found.filter(|change| change.as_ref().map_or(true, inside));
        Ok(found.map(|change| Found::new(change?, before, after)))
    };
    if arguments.format == Format::Json {
        return document(each);
    }
    if long {
        let header = ["CHANGE", "PATH", "SIZE", "WHAT"];
        return output::table_of(&header, || Ok(each()?.map(|found| found.map(|found| row(&found)))));
    }
    // As docker has it: what was in a directory that is gone goes without saying.
    let mut gone: Option<Vec<u8>> = None;
    output::lines_of(each()?.filter_map(|found| {
        let Found { change, before, after } = match found {
            Ok(found) => found,
            Err(error) => return Some(Err(error)),
        };
        if after.is_none() && gone.as_ref().is_some_and(|gone| is_below(&change.path, gone)) {
            return None;
        }
        let was = before.as_ref().is_some_and(|before| before.kind() == Kind::Directory);
        let is = after.as_ref().is_some_and(|after| after.kind() == Kind::Directory);
        let line = format!("{} {}", letter(&change), absolute(&change.path));
        if was && !is {
            gone = Some(change.path);
        }
        Some(Ok(line))
    }))
}

/// A change, with what was and is there.
struct Found {
    change: Change,
    before: Option<Shown>,
    after: Option<Shown>,
}

impl Found {
    fn new(change: Change, before: Tree<'_>, after: Tree<'_>) -> Result<Found> {
        let shown = |tree, node: &Option<_>| node.clone().map(|node| Shown::new(tree, node)).transpose();
        let (before, after) = (shown(before, &change.before)?, shown(after, &change.after)?);
        Ok(Found { change, before, after })
    }
}

fn document<I: Iterator<Item = Result<Found>>>(each: impl Fn() -> Result<I>) -> Result<()> {
    let documented = |shown: &Shown| shown.document(shown.node.layer);
    let changed = |found: &Found| {
        let Found { change, before: Some(before), after: Some(after) } = found else { return None };
        Some(Changed {
            path: absolute(&change.path),
            path_hex: unreadable(&change.path),
            what: change.aspects.iter().map(|aspect| aspect.name()).collect(),
            before: documented(before),
            after: documented(after),
        })
    };
    let only = |one: &Option<Shown>, other: &Option<Shown>| match (one, other) {
        (Some(shown), None) => Some(documented(shown)),
        _ => None,
    };
    let answer = Answer {
        changed: Stream::new(|| {
            Ok(each()?.filter_map(|found| found.map(|found| changed(&found)).transpose()))
        }),
        added: Stream::new(|| {
            let added = |found: Found| only(&found.after, &found.before);
            Ok(each()?.filter_map(move |found| found.map(added).transpose()))
        }),
        deleted: Stream::new(|| {
            let deleted = |found: Found| only(&found.before, &found.after);
            Ok(each()?.filter_map(move |found| found.map(deleted).transpose()))
        }),
    };
    let written = output::json(&answer);
    answer.changed.ended().and(answer.added.ended()).and(answer.deleted.ended()).and(written)
}

fn letter(change: &Change) -> char {
    match (&change.before, &change.after) {
        (None, _) => 'A',
        (_, None) => 'D',
        _ => 'C',
    }
}

fn row(Found { change, before, after }: &Found) -> Vec<String> {
    let size = |shown: &Option<Shown>| shown.as_ref().and_then(Shown::size);
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
fn said(aspect: changes::Aspect, before: &Shown, after: &Shown) -> String {
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
