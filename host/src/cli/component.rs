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
use super::{document, input, output};

pub fn run(arguments: &Component) -> Result<()> {
    if let Some(directory) = &arguments.wit {
        return write_package(directory);
    }
    let (bytes, _) = built_in(arguments.world);
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

/// A component, and the usual name of its file.
fn built_in(world: World) -> (&'static [u8], &'static str) {
    match world {
        World::Names => (component::NAMES, "names.wasm"),
        World::Resolver => (component::RESOLVER, "resolver.wasm"),
        World::Sources => (component::SOURCES, "sources.wasm"),
        World::Podman => (component::PODMAN, "podman.wasm"),
    }
}

/// `consign component push`: the component into a registry.
pub fn push(session: &Session, arguments: &ComponentPush) -> Result<()> {
    let to = Destination::to_push_to(session, &arguments.name, &arguments.reached)?;
    let Destination::Registry(to, _) = to else {
        let message = format!("wanted a name in a registry, found `{}`", arguments.name);
        return Err(Failure::usage(message).into());
    };
    let given;
    let (bytes, title) = match &arguments.file {
        Some(path) => {
            given = read(path)?;
            (given.as_slice(), path.file_name().unwrap_or_default().to_string_lossy())
        }
        None => {
            let (bytes, title) = built_in(arguments.world);
            (bytes, title.into())
        }
    };
    let about = About {
        title: title.into_owned(),
        created: created()?,
        author: arguments.author.clone(),
        annotations: annotations(&arguments.annotation, arguments.file.is_none())?,
    };
    let pushed = artifact::push(bytes, &about, &to)
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

/// The session with the components that are named, in place of the built-in ones of their worlds.
pub fn given(session: Session, named: &[String]) -> Result<Session> {
    if named.is_empty() { Ok(session) } else { compiled(session, named) }
}

#[cfg(not(feature = "jit"))]
fn compiled(_session: Session, named: &[String]) -> Result<Session> {
    let named = named.join("`, `");
    Err(Failure::usage(format!("`{named}` cannot be run: there is no compiler in this executable"))
        .hint("build consign with `--features jit`, or with CONSIGN_COMPONENT naming the file")
        .into())
}

#[cfg(feature = "jit")]
fn compiled(session: Session, named: &[String]) -> Result<Session> {
    let components =
        named.iter().map(|text| fetched(&session, text).with_context(|| format!("reading `{text}`")));
    let components = components.collect::<Result<Vec<_>>>()?;
    session.with_components(&components)
}

/// A component, from where it is. What runs has to satisfy policy.json as what is kept does.
#[cfg(feature = "jit")]
fn fetched(session: &Session, text: &str) -> Result<Vec<u8>> {
    use consign::load::LoadError;
    use consign::source::{Source as _, read_document};
    use consign::types::transports::Transport;

    use super::args::{Reached, Trusted};
    use super::policy::Judge;
    use super::signatures::SignaturePlaces;

    let Some(Transport::Docker) = session.sandbox().transport_of(text)? else { return read(Path::new(text)) };
    let name = super::image::reference(session, text)?.name;
    let name = name.ok_or_else(|| Failure::usage("wanted a name after `docker://`, found none"))?;
    let (reached, trusted) = (Reached::default(), Trusted::default());
    let (image, place) = session.remote().found(session, &name, &reached)?;
    let places = SignaturePlaces::new(session, None);
    if let Some(judge) = Judge::new(session, &trusted, &places)? {
        let trust = judge.pulled(&name, &place, &reached)?;
        for root in image.roots() {
            let manifest = read_document(&image, &root.descriptor)?.unwrap_or_default();
            trust.admit(&manifest).map_err(LoadError::from)?;
        }
    }
    Ok(artifact::read(&image, session.sandbox())?)
}

/// A component's file.
fn read(path: &Path) -> Result<Vec<u8>> {
    input::read(path, artifact::COMPONENT_LIMIT).with_context(|| format!("reading `{}`", path.display()))
}

/// A directory that `wit-bindgen`, `jco` and `wasm-tools` read as a WIT package.
fn write_package(directory: &Path) -> Result<()> {
    std::fs::create_dir_all(directory).with_context(|| format!("making `{}`", directory.display()))?;
    component::WIT.iter().try_for_each(|(name, text)| write(&directory.join(name), text.as_bytes()))
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(path, bytes).with_context(|| format!("writing `{}`", path.display()))
}
