//! `consign sync`: what a list names, copied from registries to one place.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use consign::load;
use consign::resolve::name;
use consign::save::Options;
use consign::sync::{Form, Image, List, Registry};
use consign::types::ImageName;

use super::args::{Format, Lookup, Reached, Sync};
use super::copy::{Asked, Opened, copy, open, options};
use super::destination::Destination;
use super::failure::{Failure, Failures};
use super::policy::Judge;
use super::session::{Session, spool};
use super::signatures::SignaturePlaces;
use super::{output, progress};

/// One image, from where to where.
struct Step {
    from: String,
    to: String,
    reached: Reached,
}

pub fn run(session: &Session, arguments: &Sync) -> Result<()> {
    let path = &arguments.list;
    let text = std::fs::read_to_string(path).with_context(|| format!("reading `{}`", path.display()))?;
    let toml = path.extension().is_some_and(|extension| extension == "toml");
    let list = List::parse(&text, if toml { Form::Toml } else { Form::Yaml })
        .with_context(|| format!("`{}`", path.display()))?;
    let (mut steps, mut failures) = (Vec::new(), Vec::new());
    for registry in &list.registries {
        for image in &registry.images {
            match images(session, arguments, registry, image) {
                Ok(found) => steps.extend(found),
                Err(error) if arguments.keep_going => failures.push(error),
                Err(error) => return Err(error),
            }
        }
    }
    let places = SignaturePlaces::new(session, arguments.trusted.registries_d.as_deref());
    let judge = Judge::new(session, &arguments.trusted, &places)?;
    let mut done = Vec::new();
    for step in &steps {
        let asked = Asked { reached: step.reached.clone(), judge: judge.as_ref(), places: &places };
        match one(session, arguments, &asked, step) {
            Ok(entry) => done.push(entry),
            Err(error) if arguments.keep_going => failures.push(error),
            Err(error) => return Err(error),
        }
    }
    show(&done, arguments)?;
    Failures::all(failures)
}

/// What of a repository is copied, and where to.
fn images(session: &Session, arguments: &Sync, registry: &Registry, image: &Image) -> Result<Vec<Step>> {
    let credentials = registry.credentials.as_ref();
    let mut reached = arguments.ends.source();
    if let Some((user, password)) = credentials {
        reached.creds = Some(format!("{user}:{}", password.reveal()));
    }
    reached.tls_verify = registry.tls_verify.or(reached.tls_verify);
    reached.cert_dir = registry.cert_dir.clone().or(reached.cert_dir);
    let repository = session.name(&format!("{}/{}", registry.host, image.path))?;
    let all = if image.tags.needs_all() {
        let (remote, _) = session.remote().own(session, &repository, &reached)?;
        let listed = remote.tags(usize::MAX);
        listed.with_context(|| format!("listing the tags of `{}`", name(&repository)))?.tags
    } else {
        Vec::new()
    };
    let step = |tag: &String| {
        let named = match tag.contains(':') {
            true => ImageName { digest: Some(tag.clone()), ..repository.clone() },
            false => ImageName { tag: Some(tag.clone()), ..repository.clone() },
        };
        let to = target(arguments, &named)?;
        Ok(Step { from: format!("docker://{}", name(&named)), to, reached: reached.clone() })
    };
    image.tags.among(&all).iter().map(step).collect()
}

/// Where an image goes, below the destination.
fn target(arguments: &Sync, image: &ImageName) -> Result<String> {
    let scoped = format!("{}/{}", image.domain, image.path);
    let below = match scoped.rsplit_once('/') {
        Some((_, last)) if !arguments.scoped => last,
        _ => &scoped,
    };
    let place = arguments.destination.trim_end_matches('/');
    let suffix = arguments.append_suffix.as_deref().unwrap_or_default();
    let end = match (&image.tag, &image.digest) {
        (_, Some(digest)) => format!("@{digest}"),
        (tag, None) => format!(":{}{suffix}", tag.as_deref().unwrap_or("latest")),
    };
    if place.starts_with("docker://") || place.starts_with("dir:") {
        return Ok(format!("{place}/{below}{end}"));
    }
    // In one layout they differ by name.
    if place.starts_with("oci:") {
        return Ok(format!("{place}:{below}{end}"));
    }
    Err(Failure::usage(format!("wanted docker://…, oci:DIR or dir:DIR, found `{}`", arguments.destination))
        .into())
}

fn one(session: &Session, arguments: &Sync, asked: &Asked<'_>, step: &Step) -> Result<Value> {
    if arguments.dry_run {
        return Ok(json!({"source": step.from, "destination": step.to}));
    }
    let choice = session.options(&arguments.wanted)?;
    let write = |progress: &dyn load::Progress| {
        let opened = open(session, &step.from, Lookup::Docker, asked, &choice)?;
        let Opened { from, wanted, trust, signatures } = opened;
        if let Some(path) = step.to.strip_prefix("dir:") {
            let parent = std::path::Path::new(path).parent().context("a path without a name")?;
            std::fs::create_dir_all(parent).with_context(|| format!("making `{}`", parent.display()))?;
        }
        let mut to = Destination::of(session, &step.to, &arguments.ends.destination())?;
        let spool = spool();
        let options = options(&arguments.extent, &arguments.changed, choice.clone(), spool.as_ref())?;
        let carried = asked.places.carried(signatures, &arguments.signed, &mut to)?;
        let options = Options { trust: trust.as_ref(), signatures: Some(&carried), ..options };
        copy(session, &from, &wanted, &options, arguments.extent.preserve_digests, &to, progress)
    };
    let done = progress::shown(arguments.quiet, "copied", "already there", write)
        .with_context(|| format!("copying `{}` to `{}`", step.from, step.to))?;
    let mut entry = done.entry();
    entry["source"] = json!(step.from);
    entry["destination"] = json!(step.to);
    Ok(entry)
}

fn show(done: &[Value], arguments: &Sync) -> Result<()> {
    if arguments.report == Format::Json {
        return output::json(&done);
    }
    let line = |entry: &Value| {
        let text = |key: &str| entry[key].as_str().unwrap_or_default().to_owned();
        match entry["written"]["digest"].as_str() {
            Some(digest) if arguments.quiet => digest.to_owned(),
            Some(digest) => format!("Copied image: {} to {} ({digest})", text("source"), text("destination")),
            None => format!("{} {}", text("source"), text("destination")),
        }
    };
    output::lines(done.iter().map(line))
}
