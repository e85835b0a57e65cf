//! `consign push`: images of the store into registries; into archives and directories, too.

use std::sync::Arc;

use anyhow::{Context, Result};
use serde_json::Value;

use consign::layer::compress::{Format as Compression, Method};
use consign::load;
use consign::save::{Absent, Kinds, Options, Origin, SaveError, Wanted};
use consign::store::Store;
use consign::types::ImageName;
use consign::types::resolution::{self, Matched};

use super::args::{Changed, Format, Lookup, Push};
use super::destination::{Destination, Done, write_digest};
use super::failure::Failure;
use super::image::{self, Opened};
use super::refusal::{self, with_hint};
use super::session::{Session, spool};
use super::signatures::SignaturePlaces;
use super::{output, progress};

pub fn run(session: &Session, arguments: &Push) -> Result<()> {
    push(session, arguments, arguments.all_platforms)
}

/// Pushes an image; `all`: it is an error where images of an index are not in the store.
pub fn push(session: &Session, arguments: &Push, all: bool) -> Result<()> {
    let choice = session.options(&arguments.wanted)?;
    let found = find(session, &arguments.image, arguments.looked_up.lookup, &choice)?;
    let destination = match (&arguments.destination, &found.name) {
        (Some(text), _) => text.clone(),
        // A name that is also the beginning of an ID is a name.
        (None, Some(name)) => consign::resolve::name(name),
        (None, None) => {
            return Err(Failure::usage(format!("`{}` has no name to be pushed to", arguments.image))
                .hint("say where to: consign push IMAGE DESTINATION")
                .into());
        }
    };
    let mut to = Destination::to_push_to(session, &destination, &arguments.reached)?;
    let spool = spool();
    let places = SignaturePlaces::new(session, arguments.registries_d.as_deref());
    let carried = places.carried(Box::new(()), &arguments.signed, &mut to)?;
    let options = Options {
        signatures: Some(&carried),
        absent: match (arguments.sparse, all) {
            (true, _) => Absent::Keep,
            (_, true) => Absent::Refuse,
            _ => Absent::Drop,
        },
        spool: spool.as_ref(),
        ..changed(&arguments.changed, choice)?
    };
    let wanted = Wanted { target: found.target.clone(), names: Vec::new() };
    let from = Origin::from(&*found.store);
    let write = |progress: &dyn load::Progress| to.write(session, &from, &wanted, &options, progress);
    let done = progress::shown(arguments.quiet, "pushed", "already there", write)
        .map_err(|error| match error.downcast::<SaveError>() {
            Ok(SaveError::Resolve(error)) => with_hint(error, &found.opened),
            Ok(error) => error.into(),
            Err(error) => error,
        })
        .with_context(|| format!("pushing `{}` to `{destination}`", arguments.image))?;
    write_digest(arguments.digestfile.as_deref(), &done.written.digest)?;
    if !arguments.quiet && done.absent > 0 && !arguments.sparse {
        output::note(&format!(
            "`{}` is now `{}`, not `{}`: {} of its images are not in the store; --sparse keeps the index",
            arguments.image, done.written.digest, done.stored.digest, done.absent
        ));
    }
    show(&done, &destination, arguments.report, arguments.quiet, "Pushed image")
}

/// An image of the store.
pub struct Found {
    pub store: Arc<Store>,
    pub target: consign::types::Descriptor,
    /// The name it was found by.
    pub name: Option<ImageName>,
    pub opened: Opened,
}

/// Looks an image up in the store and the additional ones.
pub fn find(session: &Session, text: &str, lookup: Lookup, choice: &resolution::Options) -> Result<Found> {
    let mut failed = None;
    for store in session.stores()? {
        let stores = std::slice::from_ref(store);
        let opened = image::open_in_by(session, text, stores, lookup, choice).map_err(refusal::looked_up);
        let located = opened.and_then(|opened| {
            let located = opened.located(session, choice).map_err(|error| with_hint(error, &opened))?;
            Ok((opened, located))
        });
        match located {
            Ok((opened, located)) => {
                let name = match located.matched {
                    Matched::Name(name) => Some(name),
                    _ => opened.name().cloned(),
                };
                return Ok(Found { store: store.clone(), target: located.target, name, opened });
            }
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    Err(failed.unwrap_or_else(|| Failure::no("there is no store").into()))
}

/// What becomes of an image on its way.
pub fn changed(changed: &Changed, choice: resolution::Options) -> Result<Options<'static>> {
    let compress = match (changed.compression, changed.compression_format, changed.compression_level) {
        (Some(method), _, _) => Some(method),
        (None, Some(format), None) => Some(Method::new(format)),
        (None, Some(format), Some(level)) => {
            let method = Method::new(format).at(level);
            let wrong = || Failure::usage(format!("`{}` has no level {level}", format.name()));
            Some(method.ok_or_else(wrong)?)
        }
        (None, None, _) => None,
    };
    let zstd = compress.is_some_and(|method| method.format() == Compression::Zstd);
    let kinds = match changed.format {
        Some(Kinds::Docker) if zstd => {
            return Err(Failure::usage("Docker's manifests have no zstd layers")
                .hint("--format oci has")
                .into());
        }
        // As podman does.
        None if zstd => Some(Kinds::Oci),
        kinds => kinds,
    };
    Ok(Options { compress, recompress: compress.is_some(), kinds, ..Options::new(choice) })
}

/// Says what came of it.
pub fn show(done: &Done, destination: &str, report: Format, quiet: bool, said: &str) -> Result<()> {
    if quiet {
        return output::lines([done.written.digest.clone()]);
    }
    if report == Format::Json {
        let mut entry = done.entry();
        entry["destination"] = Value::from(destination);
        return output::json(&entry);
    }
    output::lines([format!("{said}: {destination} ({})", done.written.digest)])
}
