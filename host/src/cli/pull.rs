//! `consign pull`: images from registries into the store; from archives and directories, too.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use consign::layer::compression::Expansion;
use consign::load::{self, LoadedImage};
use consign::platform::{default_platform, maximum_platform};
use consign::pull::{self, Options, PullError, Pulled, Wanted};
use consign::resolve::name;
use consign::source;
use consign::store::{EventKind, Store};
use consign::types::pull_goals::{Contents, Wanted as Goal};
use consign::types::transports::Transport;
use consign::types::{self, Descriptor, ImageName, resolution};

use super::args::{Format, Policy, Pull, Rules};
use super::failure::{Failure, Failures};
use super::policy::Judge;
use super::session::Session;
use super::short_names::{self, Meant};
use super::signatures::SignaturePlaces;
use super::{document, image, output, progress, tags};

pub fn run(session: &Session, arguments: &Pull) -> Result<()> {
    let store = session.store()?;
    let options = options(session, arguments)?;
    let places = SignaturePlaces::new(session, arguments.trusted.registries_d.as_deref());
    let judge = Judge::new(session, &arguments.trusted, &places)?;
    let work = Work { session, arguments, store: &store, options, judge };
    let (mut pulled, mut failures) = (Vec::new(), Vec::new());
    for text in &arguments.images {
        // What can be pulled is, whatever else cannot.
        work.pull(text, &mut pulled).unwrap_or_else(|error| failures.push(error));
    }
    if let Some(path) = &arguments.digestfile {
        let lines: Vec<&str> = pulled.iter().map(|pulled| pulled.target.digest.as_str()).collect();
        std::fs::write(path, lines.join("\n")).with_context(|| format!("writing `{}`", path.display()))?;
    }
    show(&pulled, arguments)?;
    Failures::all(failures)
}

fn options(session: &Session, arguments: &Pull) -> Result<Options> {
    let mut platforms =
        arguments.platform.iter().map(|text| session.platform(text)).collect::<Result<Vec<_>>>()?;
    platforms.extend(parts(session, arguments)?);
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
        defer: arguments.defer,
        threads: 0,
    })
}

/// The platform that `--os`, `--arch` and `--variant` come to; what is not said is this machine's.
fn parts(session: &Session, arguments: &Pull) -> Result<Option<types::Platform>> {
    let Pull { os, arch, variant, .. } = arguments;
    if os.is_none() && arch.is_none() && variant.is_none() {
        return Ok(None);
    }
    let host = default_platform();
    let os = os.as_deref().unwrap_or(&host.os);
    let architecture = arch.as_deref().unwrap_or(&host.architecture);
    let text = match variant {
        Some(variant) => format!("{os}/{architecture}/{variant}"),
        None => format!("{os}/{architecture}"),
    };
    session.platform(&text).map(Some)
}

struct Work<'a> {
    session: &'a Session,
    arguments: &'a Pull,
    store: &'a Arc<Store>,
    options: Options,
    judge: Option<Judge<'a>>,
}

impl Work<'_> {
    /// Pulls what this names, and adds it to what was pulled.
    fn pull(&self, text: &str, pulled: &mut Vec<Pulled>) -> Result<()> {
        let meant = match self.session.sandbox().transport_of(text)? {
            None => short_names::meant(self.session, self.arguments.looked_up.lookup, text)?,
            Some(Transport::Docker) => {
                let reference = image::reference(self.session, text)?;
                let name =
                    reference.name.ok_or_else(|| Failure::usage(format!("wanted a name, found `{text}`")))?;
                Meant::one(name)
            }
            Some(_) if self.arguments.all_tags => {
                return Err(
                    Failure::usage(format!("wanted a repository for --all-tags, found `{text}`")).into()
                );
            }
            Some(transport) => {
                pulled.push(self.of_source(transport, text)?);
                return Ok(());
            }
        };
        if self.arguments.all_tags {
            self.all_tags(text, &meant, pulled)?;
        } else {
            pulled.push(self.first(text, &meant.names)?);
        }
        if let Err(error) = meant.remember() {
            output::note(&format!("what `{text}` means was not recorded: {error:#}"));
        }
        Ok(())
    }

    /// The first of these names that there is.
    fn first(&self, text: &str, names: &[ImageName]) -> Result<Pulled> {
        let mut failures: Vec<anyhow::Error> = Vec::new();
        let mut unauthorized = false;
        for candidate in names {
            match self.at(candidate) {
                Ok(pulled) => return Ok(pulled),
                // Another candidate is another image: only where there is none is it gone on to.
                Err(error) => match error.downcast_ref::<PullError>() {
                    Some(found @ PullError::Nowhere(_)) => {
                        unauthorized |= found.is_unauthorized();
                        failures.push(error);
                    }
                    None if names.len() > 1 => failures.push(error),
                    None => return Err(error),
                    Some(_) => return Err(error.context(format!("pulling `{}`", name(candidate)))),
                },
            }
        }
        let none = failures.iter().all(|error| error.downcast_ref().is_some_and(PullError::is_no));
        let texts: Vec<String> = failures.iter().map(|error| format!("{error:#}")).collect();
        let message = format!("pulling `{text}`: {}", texts.join("; "));
        let failure = if none { Failure::no(message) } else { Failure::usage(message) };
        let hint = "`consign login` keeps credentials for a registry";
        Err(if unauthorized { failure.hint(hint) } else { failure }.into())
    }

    /// What this name in full means: at its mirrors, and its own place.
    fn at(&self, name: &ImageName) -> Result<Pulled> {
        let reached = &self.arguments.reached;
        let places = self.session.remote().places(self.session, name, reached)?;
        let places = match &self.judge {
            Some(judge) => judge.places(name, places, reached)?,
            None => places,
        };
        let pull = |progress: &dyn load::Progress| {
            pull::pull(self.store, &self.session.sandbox_handle(), name, &places, &self.options, progress)
        };
        Ok(progress::shown(self.arguments.quiet, "pulled", "already here", pull)?)
    }

    /// Every tag of the first of these repositories that there is. What can be pulled is, whatever else cannot.
    fn all_tags(&self, text: &str, meant: &Meant, pulled: &mut Vec<Pulled>) -> Result<()> {
        if self
            .session
            .name(text.strip_prefix("docker://").unwrap_or(text))
            .is_ok_and(|name| name.tag.is_some() || name.digest.is_some())
        {
            let message = format!("wanted a repository for --all-tags, found a tag or a digest in `{text}`");
            return Err(Failure::usage(message).into());
        }
        let mut failures = Vec::new();
        for candidate in &meant.names {
            let repository = ImageName { tag: None, digest: None, ..candidate.clone() };
            let tags = match tags::of(self.session, &repository, usize::MAX, &self.arguments.reached) {
                Ok(tags) => tags.tags,
                Err(error) => {
                    failures.push(error);
                    continue;
                }
            };
            if tags.is_empty() {
                return Err(Failure::no(format!("`{}` has no tags", name(&repository))).into());
            }
            let mut failures = Vec::new();
            for tag in tags {
                let tagged = ImageName { tag: Some(tag), ..repository.clone() };
                match self.first(&name(&tagged), std::slice::from_ref(&tagged)) {
                    Ok(done) => pulled.push(done),
                    Err(error) => failures.push(error),
                }
            }
            return Failures::all(failures);
        }
        Failures::all(failures)
    }

    /// From an archive, a layout or a directory: all names of the image that is meant, or the name podman gives.
    fn of_source(&self, transport: Transport, text: &str) -> Result<Pulled> {
        let Work { session, arguments, store, options, judge } = self;
        let reference = image::reference(session, text)?;
        let source = image::open_source(session, transport, &reference, &arguments.reached)?;
        let selector = image::selector(&reference);
        // As podman does: of an archive without anything said the first.
        let position = match selector {
            source::Selector::Only if !source.roots().is_empty() => 0,
            selector => {
                source::select(&*source, &selector).with_context(|| format!("looking into `{text}`"))?
            }
        };
        let root = source.roots().get(position).context("a source's roots changed while they were read")?;
        let target = root.descriptor.clone();
        let mut loading = load::Options {
            roots: vec![position],
            recorded_as: Some(EventKind::Pull),
            origin: Some(text.to_owned()),
            defer: arguments.defer,
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
        if let Some(judge) = judge {
            loading.trust = Some(Arc::new(judge.source(&*source, &reference)?));
        }
        let load = |progress: &dyn load::Progress| {
            load::load(store, &*source, session.sandbox(), &loading, progress)
        };
        let loaded = progress::shown(arguments.quiet, "pulled", "already here", load)
            .with_context(|| format!("pulling `{text}`"))?;
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
