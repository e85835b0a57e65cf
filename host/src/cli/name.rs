//! `consign tag` and `consign untag`: names of images.

use std::sync::Arc;

use anyhow::Result;
use serde_json::json;

use consign::store::{Removal, Store, Target};
use consign::types::ImageName;

use super::args::{Format, Lookup, Tag, Untag};
use super::failure::Failure;
use super::refusal::{self, with_hint};
use super::session::Session;
use super::{image, output};

pub fn tag(session: &Session, arguments: &Tag) -> Result<()> {
    let names = arguments.names.iter().map(|text| new_name(session, text)).collect::<Result<Vec<_>>>()?;
    let lookup = arguments.looked_up.lookup;
    let options = session.options_for(lookup)?;
    let stores = [session.store()?];
    let opened = image::open_in_by(session, &arguments.image, &stores, lookup, &options)
        .map_err(refusal::looked_up)?;
    let target = opened.target(session, &options).map_err(|error| with_hint(error, &opened))?;
    let target = Target::try_from(&target)?;
    let store = session.store()?;
    store.names().tag(&names, &target)?;
    match arguments.format {
        Format::Table => Ok(()),
        Format::Json => output::json(&json!({
            "target": target.digest.to_string(),
            "names": names.iter().map(consign::resolve::name).collect::<Vec<_>>(),
        })),
    }
}

/// A name to be given: normalised, with a tag, without a digest.
pub fn new_name(session: &Session, text: &str) -> Result<ImageName> {
    let name = session.name(text)?;
    if name.digest.is_some() {
        return Err(Failure::usage(format!("wanted a name without a digest, found `{text}`")).into());
    }
    Ok(ImageName { tag: Some(name.tag.unwrap_or_else(|| "latest".into())), ..name })
}

pub fn untag(session: &Session, arguments: &Untag) -> Result<()> {
    let store = session.store()?;
    let mut names = Vec::new();
    for text in &arguments.names {
        names.push(known_name(session, &store, text, arguments.looked_up.lookup)?);
    }
    let removed = store.remove(&Removal { names, images: Vec::new() })?;
    let gone: Vec<String> = removed.names.iter().map(consign::resolve::name).collect();
    match arguments.format {
        Format::Table => output::lines(gone.iter().map(|name| format!("Untagged: {name}"))),
        Format::Json => output::json(&json!({ "untagged": gone })),
    }
}

/// The name in the store that is meant.
fn known_name(session: &Session, store: &Arc<Store>, text: &str, lookup: Lookup) -> Result<ImageName> {
    if lookup == Lookup::Docker {
        let name = session.tag_or_digest(text)?;
        return match store.names().get(&name)? {
            Some(_) => Ok(name),
            None => Err(Failure::no(format!("no such name: `{}`", consign::resolve::name(&name))).into()),
        };
    }
    let options = session.options_for(lookup)?;
    let opened = image::open_in_by(session, text, std::slice::from_ref(store), lookup, &options)
        .map_err(refusal::looked_up)?;
    let found = || Failure::usage(format!("wanted a name, found the image `{text}`"));
    opened.name().cloned().ok_or_else(|| found().hint("`consign rm` takes IDs").into())
}
