//! `consign exists`: whether there is such an image, as `podman image exists` tells.

use anyhow::Result;

use super::args::Exists;
use super::failure::{self, Code, Silent};
use super::image;
use super::refusal::{self, with_hint};
use super::session::Session;

pub fn run(session: &Session, arguments: &Exists) -> Result<()> {
    find(session, arguments)
        .map_err(|error| if failure::code(&error) == Code::No { Silent.into() } else { error })
}

/// What the image is for does not matter here.
fn find(session: &Session, arguments: &Exists) -> Result<()> {
    let lookup = arguments.looked_up.lookup;
    let options = session.options_for(lookup)?;
    let opened = image::open_by(session, &arguments.image, lookup, &options, &arguments.reached)
        .map_err(refusal::looked_up)?;
    opened.target(session, &options).map_err(|error| with_hint(error, &opened))?;
    Ok(())
}
