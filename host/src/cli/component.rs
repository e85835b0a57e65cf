//! `consign component`: the embedded component, for other hosts.

use std::path::Path;

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde_json::json;

use consign::component;
use consign::component::artifact::{self, About};
use consign::digest::Digest;

use super::args::{Component, ComponentPush, Format, World};
use super::destination::{Destination, write_digest};
use super::failure::Failure;
use super::session::Session;
use super::{document, output};

pub fn run(arguments: &Component) -> Result<()> {
    if let Some(directory) = &arguments.wit {
        return write_package(directory);
    }
    let bytes = built_in(arguments.world);
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

fn built_in(world: World) -> &'static [u8] {
    match world {
        World::Names => component::NAMES,
        World::Resolver => component::RESOLVER,
        World::Sources => component::SOURCES,
        World::Podman => component::PODMAN,
    }
}

/// `consign component push`: the component into a registry.
pub fn push(session: &Session, arguments: &ComponentPush) -> Result<()> {
    let to = Destination::to_push_to(session, &arguments.name, &arguments.reached)?;
    let Destination::Registry(to, _) = to else {
        let message = format!("wanted a name in a registry, found `{}`", arguments.name);
        return Err(Failure::usage(message).into());
    };
    let read;
    let bytes = match &arguments.file {
        Some(path) => {
            read = std::fs::read(path).with_context(|| format!("reading `{}`", path.display()))?;
            &read
        }
        None => built_in(arguments.world),
    };
    let about = About {
        created: created()?,
        author: arguments.author.clone(),
        annotations: annotations(&arguments.annotation, arguments.file.is_none())?,
    };
    let pushed = artifact::push(bytes, &about, &to.repository, &to.tags)
        .with_context(|| format!("pushing to `{}`", arguments.name))?
        .ok_or_else(|| Failure::usage("wanted a component, found something else"))?;
    write_digest(arguments.digestfile.as_deref(), &pushed.digest)?;
    match arguments.format {
        _ if arguments.quiet => output::lines([pushed.digest]),
        Format::Json => output::json(&json!({
            "destination": arguments.name,
            "manifest": document::descriptor(&pushed),
        })),
        Format::Table => output::lines([format!("Pushed component: {} ({})", arguments.name, pushed.digest)]),
    }
}

/// What is said of a component; of the own one, what this package says of itself.
fn annotations(given: &[String], own: bool) -> Result<Vec<(String, String)>> {
    let known = [
        ("title", "consign"),
        ("version", env!("CARGO_PKG_VERSION")),
        ("licenses", env!("CARGO_PKG_LICENSE")),
        ("source", env!("CARGO_PKG_REPOSITORY")),
    ];
    let known = known.into_iter().filter(|(_, value)| own && !value.is_empty());
    let mut annotations: Vec<_> =
        known.map(|(key, value)| (format!("org.opencontainers.image.{key}"), value.to_owned())).collect();
    for text in given {
        let (key, value) = text
            .split_once('=')
            .ok_or_else(|| Failure::usage(format!("wanted an annotation, KEY=VALUE, found `{text}`")))?;
        annotations.retain(|(known, _)| known != key);
        annotations.push((key.to_owned(), value.to_owned()));
    }
    Ok(annotations)
}

/// Now, or what `SOURCE_DATE_EPOCH` says, so that the same component can become the same bytes.
fn created() -> Result<String> {
    let now = Timestamp::try_from(consign::clock::now()).context("reading the clock")?;
    let seconds = match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(text) => text
            .parse()
            .map_err(|_| Failure::usage(format!("SOURCE_DATE_EPOCH: wanted seconds, found `{text}`")))?,
        Err(_) => now.as_second(),
    };
    Ok(Timestamp::from_second(seconds).context("SOURCE_DATE_EPOCH")?.to_string())
}

/// The session with the component that is named, if one is, in place of the built-in one.
pub fn given(session: Session, named: Option<&str>) -> Result<Session> {
    match named {
        None => Ok(session),
        Some(text) => compiled(session, text),
    }
}

#[cfg(not(feature = "jit"))]
fn compiled(_session: Session, text: &str) -> Result<Session> {
    Err(Failure::usage(format!("`{text}` cannot be run: there is no compiler in this executable"))
        .hint("build consign with `--features jit`, or with CONSIGN_COMPONENT naming the file")
        .into())
}

#[cfg(feature = "jit")]
fn compiled(session: Session, text: &str) -> Result<Session> {
    use consign::types::transports::Transport;

    use super::args::Reached;

    let bytes = match session.sandbox().transport_of(text)? {
        Some(Transport::Docker) => {
            let reference = super::image::reference(&session, text)?;
            let name =
                reference.name.ok_or_else(|| Failure::usage(format!("wanted a name, found `{text}`")))?;
            let image = session.remote().image(&session, &name, &Reached::default())?;
            artifact::read(&image, session.sandbox()).with_context(|| format!("reading `{text}`"))?
        }
        _ => std::fs::read(text).with_context(|| format!("reading `{text}`"))?,
    };
    session.with_component(&bytes).with_context(|| format!("the component `{text}`"))
}

/// A directory that `wit-bindgen`, `jco` and `wasm-tools` read as a WIT package.
fn write_package(directory: &Path) -> Result<()> {
    std::fs::create_dir_all(directory).with_context(|| format!("making `{}`", directory.display()))?;
    component::WIT.iter().try_for_each(|(name, text)| write(&directory.join(name), text.as_bytes()))
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(path, bytes).with_context(|| format!("writing `{}`", path.display()))
}
