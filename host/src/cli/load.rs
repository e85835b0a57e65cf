//! `consign load`: every image of an archive, a layout or a directory into the store.

use std::collections::BTreeSet;
use std::fs::File;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use consign::load::{self, Loaded, LoadedImage, LoadedRoot, Options, Platforms};
use consign::platform::default_platform;
use consign::resolve::name;
use consign::source::{self, Source};
use consign::types::ImageName;
use consign::types::platforms::Matcher;
use consign::types::transports::{ImageReference, Transport};

use super::args::{Format, Load, Reached};
use super::failure::Failure;
use super::policy::Judge;
use super::session::Session;
use super::signatures::SignaturePlaces;
use super::{document, image, output, policy, progress};

pub fn run(session: &Session, arguments: &Load) -> Result<()> {
    let store = session.store()?;
    let mut options =
        Options { name: name_of(session, arguments)?, origin: Some(origin(arguments)), ..Options::default() };
    if let Some(text) = &arguments.platform {
        options.platforms = Some(Platforms {
            matcher: Matcher::OnlyStrict(session.platform(text)?),
            host_os: default_platform().os.clone(),
        });
    }
    let Opened { source, reference } = open(session, arguments, &mut options)?;
    let places = SignaturePlaces::new(session, arguments.trusted.registries_d.as_deref());
    if let Some(judge) = Judge::new(session, &arguments.trusted, &places)? {
        options.trust = Some(Arc::new(judge.source(&*source, &reference)?));
    }
    let load =
        |progress: &dyn load::Progress| load::load(&store, &*source, session.sandbox(), &options, progress);
    let loaded = progress::shown(arguments.quiet, "loaded", "already here", load)
        .with_context(|| format!("loading {}", from(arguments)))?;
    if loaded.roots.iter().all(|root| root.images.is_empty()) && arguments.platform.is_some() {
        return Err(Failure::no("there is no image for this platform").into());
    }
    show(&loaded, arguments)
}

/// Where it comes from, as it was given.
fn origin(arguments: &Load) -> String {
    match (&arguments.input, arguments.source.as_deref()) {
        (Some(path), _) => path.display().to_string(),
        (None, text) => text.unwrap_or("-").to_owned(),
    }
}

/// What is loaded, for people.
fn from(arguments: &Load) -> String {
    match (&arguments.input, arguments.source.as_deref()) {
        (Some(path), _) => format!("`{}`", path.display()),
        (None, None | Some("-")) => "standard input".to_owned(),
        (None, Some(text)) => format!("`{text}`"),
    }
}

fn name_of(session: &Session, arguments: &Load) -> Result<Option<ImageName>> {
    arguments.name.as_deref().map(|text| session.name(text)).transpose()
}

/// A source that is open.
struct Opened {
    source: Box<dyn Source>,
    /// As it would be written with its transport.
    reference: ImageReference,
}

fn open(session: &Session, arguments: &Load, options: &mut Options) -> Result<Opened> {
    let at = |path: &Path| {
        let source = image::at(session, path)?;
        let reference = policy::reference_to(&*source, Some(path))?;
        Ok(Opened { source, reference })
    };
    if let Some(path) = &arguments.input {
        return at(path);
    }
    let text = arguments.source.as_deref().unwrap_or("-");
    if text == "-" {
        if output::typed() {
            return Err(Failure::usage("wanted an archive, found a terminal on standard input")
                .hint("name the archive, or pass it with < FILE")
                .into());
        }
        let stdin = std::io::stdin().as_fd().try_clone_to_owned().context("taking standard input")?;
        let source = image::archive(session, File::from(stdin)).context("reading standard input")?;
        let reference = policy::reference_to(&*source, None)?;
        return Ok(Opened { source, reference });
    }
    // A path is a path, whatever is in it; a transport is one only where no such file is.
    if Path::new(text).exists() {
        return at(Path::new(text));
    }
    let Some(transport) = session.sandbox().transport_of(text)? else {
        return at(Path::new(text));
    };
    if transport == Transport::Docker {
        return Err(Failure::usage(format!("wanted an archive, a layout or a directory, found `{text}`"))
            .hint("`consign pull` takes images from registries")
            .into());
    }
    let reference = image::reference(session, text)?;
    let source = image::open_source(session, transport, &reference, &Reached::default())?;
    if reference.position.is_some() || reference.name.is_some() || reference.ref_name.is_some() {
        let position = source::select(&*source, &image::selector(&reference))
            .with_context(|| format!("looking into `{text}`"))?;
        options.roots = vec![position];
    }
    Ok(Opened { source, reference })
}

fn show(loaded: &Loaded, arguments: &Load) -> Result<()> {
    let images = loaded.roots.iter().flat_map(|root| &root.images);
    if arguments.quiet {
        let mut seen = BTreeSet::new();
        let ids = images.filter(|image| seen.insert(&image.id)).map(|image| image.id.to_string());
        return output::lines(ids);
    }
    if arguments.format == Format::Json {
        return output::json(&json!({
            "roots": loaded.roots.iter().map(entry).collect::<Vec<_>>(),
            "written": {"blobs": loaded.written.blobs, "bytes": loaded.written.bytes},
            "present": {"blobs": loaded.present.blobs, "bytes": loaded.present.bytes},
        }));
    }
    let mut lines = Vec::new();
    for root in &loaded.roots {
        for known in &root.names {
            lines.push(format!("Loaded image: {}", name(known)));
        }
        if root.names.is_empty() {
            for image in &root.images {
                lines.push(format!("Loaded image ID: {}", image.id));
            }
        }
        if root.images.is_empty() {
            lines.push(format!("Loaded artifact: {}", root.descriptor.digest));
        }
    }
    output::lines(lines)
}

fn entry(root: &LoadedRoot) -> Value {
    json!({
        "target": document::descriptor(&root.descriptor),
        "names": root.names.iter().map(name).collect::<Vec<_>>(),
        "images": root.images.iter().map(image_entry).collect::<Vec<_>>(),
        "absent": root.absent.iter().map(document::descriptor).collect::<Vec<_>>(),
    })
}

/// An image that was loaded or pulled.
pub fn image_entry(image: &LoadedImage) -> Value {
    json!({
        "id": image.id.to_string(),
        "manifest": image.manifest.to_string(),
        "platform": document::platform(&image.platform),
    })
}
