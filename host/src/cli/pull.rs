//! `consign pull`: images from registries into the store; from archives and directories, too.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use consign::layer::compression::Expansion;
use consign::load::{self, LoadedImage};
use consign::platform::maximum_platform;
use consign::pull::{self, Options, PullError, Pulled, Wanted};
use consign::resolve::name;
use consign::source;
use consign::store::{EventKind, Store};
use consign::types::pull_goals::{Contents, GoalError, Wanted as Goal};
use consign::types::short_names::{Purpose, ShortNameError, Unreadable};
use consign::types::transports::Transport;
use consign::types::{self, Descriptor, ImageName, resolution};

use super::args::{Format, Lookup, Policy, Pull, Rules};
use super::failure::{Failure, Failures};
use super::session::Session;
use super::{document, image, output, progress};

pub fn run(session: &Session, arguments: &Pull) -> Result<()> {
    let store = session.store()?;
    let options = options(session, arguments)?;
    let (mut pulled, mut failures) = (Vec::new(), Vec::new());
    for text in &arguments.images {
        // What can be pulled is, whatever else cannot.
        match one(session, arguments, &store, &options, text) {
            Ok(done) => pulled.push(done),
            Err(error) => failures.push(error),
        }
    }
    if let Some(path) = &arguments.digestfile {
        let lines: Vec<&str> = pulled.iter().map(|pulled| pulled.target.digest.as_str()).collect();
        std::fs::write(path, lines.join("\n")).with_context(|| format!("writing `{}`", path.display()))?;
    }
    show(&pulled, arguments)?;
    Failures::all(failures)
}

fn options(session: &Session, arguments: &Pull) -> Result<Options> {
    let platforms = arguments.platform.iter().map(|text| session.platform(text)).collect::<Result<_>>()?;
    let labels = arguments.require_label.iter().map(|text| match text.split_once('=') {
        Some((key, value)) => (key.to_owned(), Some(value.to_owned())),
        None => (text.clone(), None),
    });
    Ok(Options {
        policy: match arguments.policy {
            Policy::Always => pull::Policy::Always,
            Policy::Missing => pull::Policy::Missing,
            Policy::Newer => pull::Policy::Newer,
            Policy::Never => pull::Policy::Never,
        },
        wanted: if arguments.all_platforms { Wanted::All } else { Wanted::Platforms(platforms) },
        choice: resolution::Options {
            platform: None,
            host: maximum_platform().clone(),
            rules: match arguments.rules {
                Rules::Docker => types::Rules::Docker,
                Rules::Podman => types::Rules::Podman,
            },
        },
        labels: labels.collect(),
        expansion: Expansion::default(),
        threads: 0,
    })
}

fn one(
    session: &Session,
    arguments: &Pull,
    store: &Arc<Store>,
    options: &Options,
    text: &str,
) -> Result<Pulled> {
    let candidates = match session.sandbox().transport_of(text)? {
        None => candidates(session, arguments.looked_up.lookup, text)?,
        Some(Transport::Docker) => {
            let reference = image::reference(session, text)?;
            vec![reference.name.ok_or_else(|| Failure::usage(format!("wanted a name, found `{text}`")))?]
        }
        Some(transport) => return from_source(session, arguments, store, options, transport, text),
    };
    let mut failures: Vec<anyhow::Error> = Vec::new();
    let mut unauthorized = false;
    for candidate in &candidates {
        let places = match session.remote().places(session, candidate, &arguments.reached) {
            Ok(places) => places,
            Err(error) if candidates.len() > 1 => {
                failures.push(error);
                continue;
            }
            Err(error) => return Err(error),
        };
        let pull = |progress: &dyn load::Progress| {
            pull::pull(store, &session.sandbox_handle(), candidate, &places, options, progress)
        };
        let pulled = shown(arguments.quiet, pull);
        match pulled {
            Ok(pulled) => return Ok(pulled),
            // Another candidate is another image: only where there is none is it gone on to.
            Err(error @ PullError::Nowhere(_)) => {
                unauthorized |= error.is_unauthorized();
                failures.push(error.into());
            }
            Err(error) => return Err(error).with_context(|| format!("pulling `{}`", name(candidate))),
        }
    }
    let none = failures.iter().all(|error| error.downcast_ref().is_some_and(PullError::is_no));
    let texts: Vec<String> = failures.iter().map(|error| format!("{error:#}")).collect();
    let message = format!("pulling `{text}`: {}", texts.join("; "));
    let failure = if none { Failure::no(message) } else { Failure::usage(message) };
    Err(if unauthorized { failure.hint("`consign login` keeps credentials for a registry") } else { failure }
        .into())
}

/// Runs it, and shows how far it is.
fn shown<T>(quiet: bool, run: impl FnOnce(&dyn load::Progress) -> T) -> T {
    progress::shown(quiet, "pulled", "already here", run)
}

/// The names in full that are tried, in order.
fn candidates(session: &Session, lookup: Lookup, text: &str) -> Result<Vec<ImageName>> {
    let sandbox = session.sandbox();
    let unreadable = |error: &Unreadable| {
        Failure::usage(format!(
            "`{}`: not an image name: wanted {}, at byte {}",
            error.text, error.expected, error.offset
        ))
    };
    match lookup {
        Lookup::Docker => Ok(vec![session.tag_or_digest(text)?]),
        Lookup::Podman => {
            let short = sandbox.is_short_name(text)?;
            let configuration = match short {
                true => session.remote().registries(session)?.configuration().clone(),
                false => super::registries::none(),
            };
            match sandbox.complete_name(text, Purpose::Pull, false, &configuration)? {
                Ok(completion) => Ok(completion.candidates),
                Err(ShortNameError::Unreadable(error)) => Err(unreadable(&error).into()),
                Err(ShortNameError::NoRegistries) => Err(Failure::usage(format!(
                    "`{text}` has no registry, and registries.conf names none to search"
                ))
                .hint("write the name in full, as `docker.io/library/debian`")
                .into()),
                Err(ShortNameError::Ambiguous(names)) => {
                    let names: Vec<String> = names.iter().map(|found| format!("`{}`", name(found))).collect();
                    Err(Failure::usage(format!("`{text}` could be {}", names.join(", ")))
                        .hint("write one of them")
                        .into())
                }
            }
        }
        Lookup::PodmanOne => {
            let registries = session.remote().registries(session)?.configuration().search_registries.clone();
            let goal = sandbox.pull_goal(&Goal::Name((text.to_owned(), registries)))?;
            let goal = goal.map_err(|error| match error {
                GoalError::Name(error) | GoalError::Source(error) | GoalError::Destination(error) => {
                    unreadable(&error)
                }
                GoalError::Unread => Failure::usage(format!("`{text}`: not an image name")),
            })?;
            if goal.pairs.is_empty() {
                return Err(Failure::usage(format!(
                    "`{text}` has no registry, and registries.conf names none to search"
                ))
                .into());
            }
            goal.pairs.iter().map(|pair| session.tag_or_digest(&pair.image)).collect()
        }
    }
}

/// From an archive, a layout or a directory: all names of the image that is meant, or the name podman gives.
fn from_source(
    session: &Session,
    arguments: &Pull,
    store: &Arc<Store>,
    options: &Options,
    transport: Transport,
    text: &str,
) -> Result<Pulled> {
    let reference = image::reference(session, text)?;
    let source = image::open_source(session, transport, &reference)?;
    let selector = image::selector(&reference);
    // As podman does: of an archive without anything said the first.
    let position = match selector {
        source::Selector::Only if !source.roots().is_empty() => 0,
        selector => source::select(&*source, &selector).with_context(|| format!("looking into `{text}`"))?,
    };
    let root = source.roots().get(position).context("a source's roots changed while they were read")?;
    let target = root.descriptor.clone();
    let mut loading = load::Options {
        roots: vec![position],
        recorded_as: Some(EventKind::Pull),
        origin: Some(text.to_owned()),
        ..load::Options::default()
    };
    if root.names.is_empty() {
        let contents =
            Contents { names: root.ref_name.iter().cloned().collect(), config: target.digest.clone() };
        let goal = session.sandbox().pull_goal(&Goal::Source((text.to_owned(), Some(contents))))?;
        // What cannot be a name leaves the image without one.
        let pair = goal.ok().and_then(|goal| goal.pairs.into_iter().next());
        loading.name = pair.and_then(|pair| session.tag_or_digest(&pair.destination).ok());
    }
    if let Wanted::Platforms(platforms) = &options.wanted
        && let [platform] = &platforms[..]
    {
        loading.platforms = Some(load::Platforms {
            matcher: types::platforms::Matcher::OnlyStrict(platform.clone()),
            host_os: options.choice.host.os.clone(),
        });
    }
    let load =
        |progress: &dyn load::Progress| load::load(store, &*source, session.sandbox(), &loading, progress);
    let loaded = shown(arguments.quiet, load).with_context(|| format!("pulling `{text}`"))?;
    let (mut images, mut names): (Vec<LoadedImage>, Vec<ImageName>) = (Vec::new(), Vec::new());
    for root in loaded.roots {
        images.extend(root.images);
        names.extend(root.names);
    }
    let nameless = || ImageName { domain: String::new(), path: text.to_owned(), tag: None, digest: None };
    Ok(Pulled {
        name: names.into_iter().next().unwrap_or_else(nameless),
        target,
        images,
        was_here: loaded.written.blobs == 0,
        written: loaded.written,
        present: loaded.present,
    })
}

fn show(pulled: &[Pulled], arguments: &Pull) -> Result<()> {
    if arguments.quiet {
        let mut seen = BTreeSet::new();
        let images = pulled.iter().flat_map(|pulled| &pulled.images);
        return output::lines(
            images.filter(|image| seen.insert(&image.id)).map(|image| image.id.to_string()),
        );
    }
    if arguments.format == Format::Json {
        return output::json(&pulled.iter().map(entry).collect::<Vec<_>>());
    }
    let line = |pulled: &Pulled| {
        let Descriptor { digest, .. } = &pulled.target;
        let said = if pulled.was_here { "Image is up to date" } else { "Pulled image" };
        format!("{said}: {} ({digest})", name(&pulled.name))
    };
    output::lines(pulled.iter().map(line))
}

fn entry(pulled: &Pulled) -> Value {
    json!({
        "name": name(&pulled.name),
        "target": document::descriptor(&pulled.target),
        "images": pulled.images.iter().map(super::load::image_entry).collect::<Vec<_>>(),
        "was-here": pulled.was_here,
        "written": {"blobs": pulled.written.blobs, "bytes": pulled.written.bytes},
        "present": {"blobs": pulled.present.blobs, "bytes": pulled.present.bytes},
    })
}
