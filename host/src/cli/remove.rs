//! `consign rm`: names and images out of the store, by Docker's rules (see [`consign::store::Store::delete`]).

use std::collections::HashSet;
use std::sync::Arc;

use anyhow::Result;
use serde_json::{Value, json};

use consign::digest::Digest;
use consign::resolve::name;
use consign::store::{Conflict, Deletion, Doomed, Removed, Store, StoreError};

use super::args::{Format, Lookup, Rm};
use super::failure::{Code, Failure, Failures};
use super::refusal::{self, with_hint};
use super::session::Session;
use super::{image, output};

pub fn run(session: &Session, arguments: &Rm) -> Result<()> {
    let store = session.store()?;
    // As docker does: what can be removed is, and the first thing that cannot decides the exit code.
    let mut failures: Vec<(usize, anyhow::Error)> = Vec::new();
    let (mut deletions, mut positions) = (Vec::new(), Vec::new());
    for (position, text) in arguments.images.iter().enumerate() {
        match subject(session, &store, text, arguments) {
            Ok(None) => {}
            Ok(Some(subject)) => {
                let keep_parents = arguments.no_prune;
                deletions.push(Deletion { subject, force: arguments.force, keep_parents });
                positions.push(position);
            }
            Err(error) => failures.push((position, error)),
        }
    }
    if arguments.all {
        for id in everything(&store)? {
            positions.push(positions.len());
            // An image of several names goes with all of them.
            deletions.push(Deletion { subject: Doomed::Image(id), force: true, keep_parents: true });
        }
    }
    let deleted = store.delete(&deletions)?;
    for (deletion, error) in deleted.refused {
        // Gone with one that was named before it.
        let gone = matches!(error, StoreError::UnknownName { .. } | StoreError::UnknownImage { .. });
        if !(gone && (arguments.force || arguments.ignore || arguments.all)) {
            failures.push((positions[deletion], refused(error)));
        }
    }
    show(&deleted.removed, arguments.format)?;
    note_deferred(deleted.removed.deferred);
    failures.sort_by_key(|(position, _)| *position);
    Failures::all(failures.into_iter().map(|(_, error)| error).collect())
}

/// Every image, those that were built on others before these.
fn everything(store: &Store) -> Result<Vec<Digest>> {
    let (mut known, mut placed, mut ordered) = (HashSet::new(), HashSet::new(), Vec::new());
    let mut next = store.images().ids()?;
    // An image is passed twice: its children are put before it the first time.
    while let Some(id) = next.last() {
        if known.insert(id.clone()) {
            let children = store.images().children(id)?;
            next.extend(children.into_iter().filter(|child| !known.contains(child)));
        } else if let Some(id) = next.pop()
            && placed.insert(id.clone())
        {
            ordered.push(id);
        }
    }
    Ok(ordered)
}

/// Says that content was left where it is, if it was.
pub fn note_deferred(deferred: bool) {
    if deferred {
        output::note(
            "content that is no longer needed is left to the next `consign gc`: somebody is writing",
        );
    }
}

fn refused(error: StoreError) -> anyhow::Error {
    let hint = match &error {
        StoreError::Conflict { conflict, .. } => match conflict {
            Conflict::Children(_) => Some("remove those first"),
            Conflict::Pins(_) => Some("`consign unpin` takes a pin away"),
            Conflict::Names(_) => Some("remove it by name, or use --force"),
            Conflict::LastName { .. } => Some("with --force it loses its name and stays"),
            _ => None,
        },
        _ => None,
    };
    let failure = Failure::no(error.to_string());
    match hint {
        Some(hint) => failure.hint(hint).into(),
        None => failure.into(),
    }
}

/// What was taken out, with stable names.
pub fn document(removed: &Removed) -> Value {
    let digests = |digests: &[Digest]| digests.iter().map(Digest::to_string).collect::<Vec<_>>();
    json!({
        "untagged": removed.names.iter().map(name).collect::<Vec<_>>(),
        "deleted": digests(&removed.images),
        "layers": digests(&removed.layers),
        "documents": digests(&removed.documents),
        "blobs": digests(&removed.blobs),
        "bytes": removed.bytes,
        "deferred": removed.deferred,
    })
}

/// What was taken out, as docker prints it.
pub fn lines(removed: &Removed) -> impl Iterator<Item = String> {
    let untagged = removed.names.iter().map(|known| format!("Untagged: {}", name(known)));
    untagged.chain(removed.images.iter().chain(&removed.layers).map(|id| format!("Deleted: {id}")))
}

fn show(removed: &Removed, format: Format) -> Result<()> {
    match format {
        Format::Json => output::json(&document(removed)),
        Format::Table => output::lines(lines(removed)),
    }
}

/// What an argument names. `None`: nothing, and that is to be no error.
fn subject(session: &Session, store: &Arc<Store>, text: &str, arguments: &Rm) -> Result<Option<Doomed>> {
    let (ignored, lookup) = (arguments.force || arguments.ignore, arguments.looked_up.lookup);
    if lookup != Lookup::Docker {
        return looked_up(session, store, text, arguments);
    }
    // A name that is there is taken as one, whatever it points at and whether that can be read.
    if let Ok(named) = session.tag_or_digest(text)
        && store.names().get(&named)?.is_some()
    {
        return Ok(Some(Doomed::Name(named)));
    }
    // So is an ID, though what it stands for may be damaged.
    if let Ok(Some(id)) = store.images().search(text) {
        return Ok(Some(Doomed::Image(id)));
    }
    let opened = image::open_own(session, text)?;
    let options = session.options_for(lookup)?;
    let resolved = match opened.resolve(session, &options) {
        Ok(resolved) => resolved,
        Err(error) if ignored && error.is_no() => return Ok(None),
        Err(error) => return Err(with_hint(error, &opened)),
    };
    Ok(Some(Doomed::Image(resolved.config.digest.parse()?)))
}

/// The same, by Podman's order of looking.
fn looked_up(session: &Session, store: &Arc<Store>, text: &str, arguments: &Rm) -> Result<Option<Doomed>> {
    let lookup = arguments.looked_up.lookup;
    let options = session.options_for(lookup)?;
    let opened = match image::open_in_by(session, text, std::slice::from_ref(store), lookup, &options) {
        Ok(opened) => opened,
        Err(error) => {
            let error = refusal::looked_up(error);
            let absent = error.downcast_ref::<Failure>().is_some_and(|failure| failure.code == Code::No);
            return if (arguments.force || arguments.ignore) && absent { Ok(None) } else { Err(error) };
        }
    };
    if let Some(name) = opened.name() {
        return Ok(Some(Doomed::Name(name.clone())));
    }
    let resolved = opened.resolve(session, &options).map_err(|error| with_hint(error, &opened))?;
    Ok(Some(Doomed::Image(resolved.config.digest.parse()?)))
}
