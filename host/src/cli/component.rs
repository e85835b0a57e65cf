//! `consign component`: the embedded component, for other hosts.

use std::path::Path;

use anyhow::{Context, Result};
use consign::digest::Digest;
use consign::sandbox;

use super::args::{Component, World};
use super::output;

pub fn run(arguments: &Component) -> Result<()> {
    let component = match arguments.world {
        World::Names => sandbox::NAMES,
        World::Resolver => sandbox::RESOLVER,
    };
    if arguments.digest {
        return output::lines([Digest::of(component).to_string()]);
    }
    if arguments.output == Path::new("-") {
        return output::bytes(component);
    }
    std::fs::write(&arguments.output, component)
        .with_context(|| format!("writing `{}`", arguments.output.display()))
}
