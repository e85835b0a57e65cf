//! What is attached to images goes along with them: `copy --attachments`.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use consign::attachments::{Attached, in_repository, in_source};
use consign::digest::Digest;
use consign::load::Progress;
use consign::registry::Repository;
use consign::resolve::name;
use consign::save::{Absent, Options, Origin, Wanted};
use consign::source::Source;
use consign::transport::registry::RegistryImage;
use consign::types::transports::{ImageReference, Transport};
use consign::types::{ImageName, resolution};

use super::args::Reached;
use super::destination::{Destination, Done};
use super::failure::Failure;
use super::image;
use super::session::Session;

/// What is attached to the images of one copy, and to that in turn.
const LIMIT: usize = 1_000;

/// Where what is attached is found.
enum Place {
    Repository(Repository, ImageName),
    Layout(Arc<dyn Source>),
}

/// Both ends of a copy.
pub struct Ends<'a> {
    pub source: &'a str,
    pub from: Reached,
    pub destination: &'a str,
    pub to: Reached,
}

/// Copies what is attached to what was copied; answers what that was.
pub fn copy(
    session: &Session,
    ends: &Ends<'_>,
    done: &Done,
    choice: &resolution::Options,
    progress: &dyn Progress,
) -> Result<Vec<Value>> {
    let place = Place::of(session, ends.source, &ends.from)?;
    let destination = target(session, ends.destination)?;
    let choice = resolution::Options { platform: None, ..choice.clone() };
    let options = Options { absent: Absent::Refuse, ..Options::new(choice) };
    let manifests = done.images.iter().filter_map(|image| image["manifest"].as_str());
    let mut waiting: Vec<String> =
        std::iter::once(done.written.digest.as_str()).chain(manifests).map(str::to_owned).collect();
    let (mut seen, mut copied) = (BTreeSet::new(), Vec::new());
    while let Some(digest) = waiting.pop() {
        if !seen.insert(digest.clone()) {
            continue;
        }
        let found = place.attached(session, &digest.parse()?)?;
        if copied.len() + found.len() > LIMIT {
            return Err(Failure::usage(format!("wanted at most {LIMIT} attachments, found more")).into());
        }
        for attached in found {
            let digest = attached.target.digest.clone();
            let to = destination_of(&destination, &attached)?;
            let to = Destination::of(session, &to, &ends.to)?;
            let from = place.open(session, &attached)?;
            let wanted = Wanted { target: attached.target, names: Vec::new() };
            to.write(session, &from, &wanted, &options, progress)
                .with_context(|| format!("copying the attachment `{digest}`"))?;
            copied.push(json!({"digest": digest, "tag": attached.tag}));
            waiting.push(digest);
        }
    }
    Ok(copied)
}

impl Place {
    fn of(session: &Session, text: &str, reached: &Reached) -> Result<Place> {
        let reference = target(session, text)?;
        match (reference.transport, &reference.name) {
            (Transport::Docker, Some(name)) => {
                let (repository, at) = session.remote().own(session, name, reached)?;
                Ok(Place::Repository(repository, at))
            }
            (transport, _) => {
                Ok(Place::Layout(Arc::from(image::open_source(session, transport, &reference, reached)?)))
            }
        }
    }

    fn attached(&self, session: &Session, image: &Digest) -> Result<Vec<Attached>> {
        Ok(match self {
            Place::Repository(repository, _) => in_repository(repository, image)?,
            Place::Layout(source) => in_source(&**source, session.sandbox(), image)?,
        })
    }

    fn open(&self, session: &Session, attached: &Attached) -> Result<Origin> {
        let source: Arc<dyn Source> = match self {
            Place::Layout(source) => source.clone(),
            Place::Repository(repository, at) => {
                let digest = Some(attached.target.digest.clone());
                let named = ImageName { tag: None, digest, ..at.clone() };
                let opened = RegistryImage::open(repository.clone(), &named, session.sandbox(), None)?;
                let gone = || Failure::no(format!("`{}` is listed, and not there", name(&named)));
                Arc::new(opened.ok_or_else(gone)?)
            }
        };
        Ok(Origin::source(source, session.sandbox_handle()))
    }
}

/// A place that can have attachments.
pub fn target(session: &Session, text: &str) -> Result<ImageReference> {
    let wanted = || {
        Failure::usage(format!(
            "wanted a registry or an OCI layout, where attachments can be, found `{text}`"
        ))
    };
    match session.sandbox().transport_of(text)? {
        Some(Transport::Docker | Transport::Oci) => image::reference(session, text),
        _ => Err(wanted().into()),
    }
}

/// Where something goes that is attached to what goes to `reference`.
fn destination_of(reference: &ImageReference, attached: &Attached) -> Result<String> {
    if let Some(image) = &reference.name {
        let tag = attached.tag.clone();
        let digest = Some(attached.target.digest.clone()).filter(|_| tag.is_none());
        return Ok(format!("docker://{}", name(&ImageName { tag, digest, ..image.clone() })));
    }
    let path = reference.path.as_deref().context("a layout without a path")?;
    let tag = attached.tag.as_ref().map(|tag| format!(":{tag}")).unwrap_or_default();
    Ok(format!("oci:{path}{tag}"))
}
