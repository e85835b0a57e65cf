//! What an IMAGE argument names: something in the store, or a place that is read where it is.

mod source;

use std::sync::Arc;

use anyhow::{Context, Result, anyhow};

use consign::content::{Content, Stacked};
use consign::lookup::{self, Tried};
use consign::resolve::{self, Resolution, ResolveError};
use consign::source::{Source, SourceContent, select};
use consign::store::{About, Store};
use consign::transport::containers_storage::Manifests;
use consign::types::lookup::Located;
use consign::types::manifests::ImageConfig;
use consign::types::resolution::{Layer, Matched, Options, Resolved, Subject};
use consign::types::{Descriptor, ImageName};
use consign::unpack::{Layers, SourceLayers, StoredLayers};

use super::args::{Lookup, Reached};
use super::failure::Failure;
use super::registries;
use super::session::Session;
use source::open_source_with;

pub use source::{archive, at, open_source, reference, selector};

/// An image argument, opened.
pub struct Opened {
    content: Arc<dyn Content>,
    subject: Subject,
    place: Place,
    /// The name that Podman's order of looking came to.
    name: Option<ImageName>,
    tried: Vec<String>,
}

enum Place {
    /// The store, and the additional ones.
    Stores(Vec<Arc<Store>>),
    /// A source, and the names of the root that was meant.
    Source(Arc<dyn Source>, Vec<ImageName>),
}

/// The names an image goes by, as `docker inspect` lists them.
pub struct Names {
    /// `repository:tag`, familiar form.
    pub tags: Vec<String>,
    /// `repository@digest`, familiar form.
    pub digests: Vec<String>,
}

/// Opens what `text` names.
pub fn open(session: &Session, text: &str, reached: &Reached) -> Result<Opened> {
    open_with(session, text, reached, Manifests::Recorded)
}

/// Opens what `text` names, to take it into the store: by manifests of what is there.
pub fn open_to_take_in(session: &Session, text: &str, reached: &Reached) -> Result<Opened> {
    open_with(session, text, reached, Manifests::OfWhatIsHere)
}

fn open_with(session: &Session, text: &str, reached: &Reached, manifests: Manifests) -> Result<Opened> {
    let Some(transport) = session.sandbox().transport_of(text)? else {
        return Ok(in_stores(text, session.stores()?));
    };
    let reference = reference(session, text)?;
    let source = open_source_with(session, transport, &reference, reached, manifests)?;
    let source: Arc<dyn Source> = Arc::from(source);
    let position =
        select(&*source, &selector(&reference)).with_context(|| format!("looking into `{text}`"))?;
    let root = source.roots().get(position).context("a source's roots changed while they were read")?;
    let (names, target) = (root.names.clone(), root.descriptor.clone());
    Ok(Opened {
        content: Arc::new(SourceContent::new(source.clone(), session.sandbox_handle())),
        subject: Subject::Target(target),
        place: Place::Source(source, names),
        name: None,
        tried: Vec::new(),
    })
}

/// Opens what `text` names, to be changed: the additional stores are left out.
pub fn open_own(session: &Session, text: &str) -> Result<Opened> {
    open_in(session, text, &[session.store()?])
}

/// Opens what `text` names in these stores, by Docker's order of looking.
pub fn open_in(session: &Session, text: &str, stores: &[Arc<Store>]) -> Result<Opened> {
    match session.sandbox().transport_of(text)? {
        None => Ok(in_stores(text, stores)),
        Some(_) => Err(not_stored(text)),
    }
}

/// The same, by this order of looking. A `LookupError` where that comes to nothing.
pub fn open_in_by(
    session: &Session,
    text: &str,
    stores: &[Arc<Store>],
    lookup: Lookup,
    options: &Options,
) -> Result<Opened> {
    match session.sandbox().transport_of(text)? {
        None => look_up(session, text, stores, lookup, options),
        Some(_) => Err(not_stored(text)),
    }
}

fn not_stored(text: &str) -> anyhow::Error {
    Failure::usage(format!("wanted an image in the store, found `{text}`"))
        .hint("take it in with `consign load` first")
        .into()
}

fn in_stores(text: &str, stores: &[Arc<Store>]) -> Opened {
    let content: Arc<dyn Content> = match stores {
        [only] => only.clone(),
        several => Arc::new(Stacked::new(several.iter().map(|store| store.clone() as _).collect())),
    };
    let (subject, place) = (Subject::Text(text.to_owned()), Place::Stores(stores.to_vec()));
    Opened { content, subject, place, name: None, tried: Vec::new() }
}

/// Opens what `text` names, looked for in the stores in this order. A `LookupError` where that comes to
/// nothing.
pub fn open_by(
    session: &Session,
    text: &str,
    lookup: Lookup,
    options: &Options,
    reached: &Reached,
) -> Result<Opened> {
    match session.sandbox().transport_of(text)? {
        None => look_up(session, text, session.stores()?, lookup, options),
        Some(_) => open(session, text, reached),
    }
}

fn look_up(
    session: &Session,
    text: &str,
    stores: &[Arc<Store>],
    lookup: Lookup,
    options: &Options,
) -> Result<Opened> {
    let order = match lookup {
        Lookup::Docker => return Ok(in_stores(text, stores)),
        Lookup::Podman => lookup::Lookup::Podman,
        Lookup::PodmanOne => lookup::Lookup::PodmanOne,
    };
    // As podman does: where nothing depends on the configuration it is not read.
    let short = lookup == Lookup::Podman && session.sandbox().is_short_name(text)?;
    let registries = if short { Some(registries::load(session)?) } else { None };
    let configuration = registries.as_ref().map(|registries| registries.configuration().clone());
    let wanted = lookup::Options {
        lookup: order,
        configuration: configuration.unwrap_or_else(registries::none),
        platform: options.platform.clone(),
        host: options.host.clone(),
    };
    let mut found = None;
    for store in stores {
        match lookup::find(session.sandbox(), store, text, &wanted) {
            Ok(here) => {
                found = Some(Ok((store.clone(), here)));
                break;
            }
            // What the own store says counts where no other has it.
            Err(error) => found = found.or(Some(Err(error))),
        }
    }
    let (store, found) = found.context("there is no store")??;
    let origin = registries.as_ref().map(|registries| registries::origin(session, text, registries));
    let origin = origin.transpose()?.flatten();
    let tried = origin.into_iter().chain(found.tried.iter().map(|tried| Tried(tried).to_string())).collect();
    let place = Place::Stores(stores.to_vec());
    Ok(Opened { content: store, subject: found.subject, place, name: found.name, tried })
}

/// Content that a resolution named, verified.
pub fn content(opened: &Opened, target: &Descriptor) -> Result<Vec<u8>> {
    resolve::read(opened.content(), target)
        .with_context(|| format!("reading `{}`", target.digest))?
        .ok_or_else(|| Failure::no(format!("wanted `{}`, which is not here", target.digest)).into())
}

/// The config of an image that was resolved.
pub fn config(session: &Session, opened: &Opened, resolved: &Resolved) -> Result<ImageConfig> {
    let bytes = content(opened, &resolved.config)?;
    let wrong = |error| anyhow!("config `{}`: {}", resolved.config.digest, resolve::document(&error));
    session.sandbox().parse_image_config(&bytes)?.map_err(wrong)
}

impl Opened {
    /// Where its content comes from.
    pub fn content(&self) -> &dyn Content {
        &*self.content
    }

    /// The name that Podman's order of looking came to, if it came to one.
    pub fn name(&self) -> Option<&ImageName> {
        self.name.as_ref()
    }

    /// What was tried before it was known what is to be resolved, in words.
    pub fn tried(&self) -> &[String] {
        &self.tried
    }

    /// As it was written, where it is looked up in the store.
    pub fn text(&self) -> Option<&str> {
        match &self.subject {
            Subject::Text(text) => Some(text),
            Subject::Target(_) => None,
        }
    }

    /// Whether it was looked for in the store.
    pub fn is_store(&self) -> bool {
        matches!(self.place, Place::Stores(_))
    }

    /// The source it is read from in place. `None` where it is looked for in stores.
    pub fn source(&self) -> Option<&Arc<dyn Source>> {
        match &self.place {
            Place::Source(source, _) => Some(source),
            Place::Stores(_) => None,
        }
    }

    /// The first store that has the image. `None` where it was not looked for in stores.
    pub fn store(&self, resolved: &Resolved) -> Result<Option<&Store>> {
        let Place::Stores(stores) = &self.place else { return Ok(None) };
        let id = resolved.config.digest.parse()?;
        for store in stores {
            if stores.len() == 1 || store.images().contains(&id)? {
                return Ok(Some(store));
            }
        }
        Ok(None)
    }

    /// The content of its layers.
    pub fn layers<'a>(&'a self, resolved: &Resolved) -> Result<Box<dyn Layers + 'a>> {
        match (&self.place, self.store(resolved)?) {
            (Place::Source(source, _), _) => {
                Ok(Box::new(SourceLayers::new(source.clone(), resolved.layers.clone())?))
            }
            (Place::Stores(_), Some(store)) => {
                let diff_ids = resolved.layers.iter().map(|layer| layer.diff_id.parse());
                Ok(Box::new(StoredLayers::new(store, diff_ids.collect::<Result<_, _>>()?)))
            }
            (Place::Stores(_), None) => {
                Err(Failure::no(format!("wanted `{}`, which is not here", resolved.config.digest)).into())
            }
        }
    }

    /// Bytes of each layer, base layer first: uncompressed in the store. Elsewhere as it lies there, which is
    /// all that is known without reading it.
    pub fn layer_sizes(&self, resolved: &Resolved) -> Result<Vec<Option<u64>>> {
        let store = self.store(resolved)?;
        let size = |layer: &Layer| match store {
            Some(store) => {
                let blobs = store.layers().blobs(&layer.diff_id.parse()?)?;
                Ok(blobs.first().map(|blob| blob.unpacked_size))
            }
            None => Ok(layer.blob.as_ref().map(|blob| blob.size)),
        };
        resolved.layers.iter().map(size).collect()
    }

    /// What the store says of the image beside its config. `None` where it is not in a store.
    pub fn about(&self, resolved: &Resolved) -> Result<Option<About>> {
        let Some(store) = self.store(resolved)? else { return Ok(None) };
        Ok(Some(store.images().about(&resolved.config.digest.parse()?)?))
    }

    /// The image it means.
    pub fn resolve(&self, session: &Session, options: &Options) -> Result<Resolved, ResolveError> {
        self.explained(session, options).map(|resolution| resolution.image)
    }

    /// The image it means, and how it was come to.
    pub fn explained(&self, session: &Session, options: &Options) -> Result<Resolution, ResolveError> {
        resolve::resolve(session.sandbox(), self.content.clone(), &self.subject, options)
    }

    /// What it points at first: an index, where the name means one.
    pub fn target(&self, session: &Session, options: &Options) -> Result<Descriptor, ResolveError> {
        self.located(session, options).map(|located| located.target)
    }

    /// The same, and how it was found.
    pub fn located(&self, session: &Session, options: &Options) -> Result<Located, ResolveError> {
        match &self.subject {
            Subject::Target(target) => Ok(Located { matched: Matched::Target, target: target.clone() }),
            Subject::Text(text) => {
                resolve::locate(session.sandbox(), self.content.clone(), text, options.rules)
            }
        }
    }

    /// The names of the image that was resolved.
    pub fn names(&self, session: &Session, resolved: &Resolved) -> Result<Names> {
        let all = match &self.place {
            Place::Source(_, names) => {
                let target = resolved.target.digest.clone();
                names.iter().map(|name| (name.clone(), target.clone())).collect::<Vec<_>>()
            }
            Place::Stores(stores) => {
                let id = resolved.config.digest.parse()?;
                let mut all = Vec::new();
                for store in stores {
                    for known in store.images().names(&id)? {
                        // A name that an earlier store has means what it means there.
                        if all.iter().all(|(name, _)| *name != known.name) {
                            all.push((known.name, known.target.digest.to_string()));
                        }
                    }
                }
                all
            }
        };
        let mut names = Names { tags: Vec::new(), digests: Vec::new() };
        for (name, target) in all {
            let list = if name.digest.is_some() { &mut names.digests } else { &mut names.tags };
            list.push(session.familiar(&name)?);
            // What a tag points at is a digest of its repository, too.
            let by_digest = ImageName { tag: None, digest: Some(target), ..name };
            let text = session.familiar(&by_digest)?;
            if !names.digests.contains(&text) {
                names.digests.push(text);
            }
        }
        Ok(names)
    }
}
