//! `consign pin` and `consign unpin`: who outside the store needs an image.

use anyhow::Result;
use serde_json::json;

use consign::digest::Digest;
use consign::store::{Pin, StoreError};

use super::args::{Format, Lookup, Pin as PinArguments, Unpin, Wanted};
use super::failure::Failure;
use super::refusal::{self, with_hint};
use super::session::Session;
use super::{image, output};

pub fn pin(session: &Session, arguments: &PinArguments) -> Result<()> {
    let store = session.store()?;
    if arguments.list {
        return list(&store.pins().list(arguments.holder.as_deref())?, arguments.format);
    }
    let holder = arguments.holder.as_deref().unwrap_or_default();
    let ids = ids(session, &arguments.images, arguments.looked_up.lookup, &arguments.wanted)?;
    for id in &ids {
        store.pins().add(id, holder).map_err(refused)?;
    }
    show(&ids, holder, arguments.format)
}

pub fn unpin(session: &Session, arguments: &Unpin) -> Result<()> {
    let store = session.store()?;
    let ids = if arguments.all {
        store.pins().list(Some(&arguments.holder))?.into_iter().map(|pin| pin.image).collect()
    } else {
        ids(session, &arguments.images, arguments.looked_up.lookup, &arguments.wanted)?
    };
    for id in &ids {
        store.pins().remove(id, &arguments.holder)?;
    }
    show(&ids, &arguments.holder, arguments.format)
}

fn refused(error: StoreError) -> anyhow::Error {
    match error {
        StoreError::UnusableHolder { .. } => Failure::usage(error.to_string()).into(),
        // It was there a moment ago.
        StoreError::UnknownImage { .. } => Failure::no(error.to_string()).into(),
        _ => error.into(),
    }
}

/// The images that all these mean; none is pinned if one is not there.
fn ids(session: &Session, texts: &[String], lookup: Lookup, wanted: &Wanted) -> Result<Vec<Digest>> {
    let options = session.options(wanted)?;
    let stores = [session.store()?];
    let id = |text: &String| {
        let opened =
            image::open_in_by(session, text, &stores, lookup, &options).map_err(refusal::looked_up)?;
        let resolved = opened.resolve(session, &options).map_err(|error| with_hint(error, &opened))?;
        Ok(resolved.config.digest.parse()?)
    };
    texts.iter().map(id).collect()
}

fn show(ids: &[Digest], holder: &str, format: Format) -> Result<()> {
    let ids = ids.iter().map(Digest::to_string);
    match format {
        Format::Table => output::lines(ids),
        Format::Json => output::json(&json!({"images": ids.collect::<Vec<_>>(), "holder": holder})),
    }
}

fn list(pins: &[Pin], format: Format) -> Result<()> {
    match format {
        Format::Json => {
            let entry = |pin: &Pin| json!({"image": pin.image.to_string(), "holder": pin.holder});
            output::json(&pins.iter().map(entry).collect::<Vec<_>>())
        }
        Format::Table => {
            let row = |pin: &Pin| vec![pin.image.hex().chars().take(12).collect(), pin.holder.clone()];
            output::table(&["IMAGE ID", "HOLDER"], &pins.iter().map(row).collect::<Vec<_>>())
        }
    }
}
