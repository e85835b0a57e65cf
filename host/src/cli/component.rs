//! `consign component`: the embedded component, for other hosts.

use std::path::Path;

use anyhow::{Context, Result};
use consign::component;
use consign::digest::Digest;

use super::args::{Component, World};
use super::output;

pub fn run(arguments: &Component) -> Result<()> {
    if let Some(directory) = &arguments.wit {
        return write_package(directory);
    }
    let bytes = match arguments.world {
        World::Names => component::NAMES,
        World::Resolver => component::RESOLVER,
        World::Sources => component::SOURCES,
        World::Podman => component::PODMAN,
    };
    let binary = if arguments.core {
        component::core_module(bytes).context("the component holds no core module")?
    } else {
        bytes
    };
    if arguments.digest {
        return output::lines([Digest::of(binary).to_string()]);
    }
    if arguments.output == Path::new("-") {
        return output::bytes(binary);
    }
    write(&arguments.output, binary)
}

/// A directory that `wit-bindgen`, `jco` and `wasm-tools` read as a WIT package.
fn write_package(directory: &Path) -> Result<()> {
    std::fs::create_dir_all(directory).with_context(|| format!("making `{}`", directory.display()))?;
    component::WIT.iter().try_for_each(|(name, text)| write(&directory.join(name), text.as_bytes()))
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(path, bytes).with_context(|| format!("writing `{}`", path.display()))
}
