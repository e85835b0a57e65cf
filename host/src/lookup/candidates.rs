//! The images of a store that can matter for a name.

use std::collections::BTreeMap;

use super::{LookupError, Options};
use crate::digest::Digest;
use crate::resolve;
use crate::sandbox::Sandbox;
use crate::store::{Association, Ending, Store};
use crate::types::local_images::{LocalImage, Narrowing, Order};
use crate::types::platforms::Matcher;
use crate::types::{ImageName, Platform};

/// Images as the guest wants them, and their IDs with the algorithm.
#[derive(Default)]
pub(super) struct Candidates {
    pub(super) images: Vec<LocalImage>,
    pub(super) ids: Vec<Digest>,
    places: BTreeMap<Digest, usize>,
}

/// Where images are looked for, and what for.
#[derive(Clone, Copy)]
pub(super) struct Within<'a> {
    pub(super) sandbox: &'a Sandbox,
    pub(super) store: &'a Store,
    pub(super) options: &'a Options,
}

type Result<T> = std::result::Result<T, LookupError>;

impl Within<'_> {
    /// The images that have one of the names, or an ID that starts as it should.
    pub(super) fn of_names(self, narrowing: &Narrowing) -> Result<Candidates> {
        let names = self.store.names();
        let mut candidates = Candidates::default();
        for name in &narrowing.names {
            if let Some(target) = names.get(name)? {
                let tag = name.tag.clone().filter(|_| name.digest.is_none());
                let name = ImageName { tag, ..name.clone() };
                self.named(&mut candidates, narrowing, &Association { name, target })?;
            }
            let Some(digest) = &name.digest else { continue };
            for target in self.leading_from(digest)? {
                for known in names.references(&target)? {
                    let same = (&known.domain, &known.path) == (&name.domain, &name.path);
                    if let (true, Some(target)) = (same, names.get(&known)?) {
                        self.named(&mut candidates, narrowing, &Association { name: known, target })?;
                    }
                }
            }
        }
        if let Some(prefix) = &narrowing.id_prefix {
            for image in self.store.images().candidates(prefix)? {
                let place = self.place(&mut candidates, narrowing, &image.digest)?;
                let known = self.store.images().names(&image.digest)?;
                candidates.name(place, known.iter().map(|known| resolve::name(&known.name)));
            }
        }
        Ok(candidates)
    }

    /// Those, and the images that have a name which ends as it should; the oldest name first.
    pub(super) fn of_all(self, narrowing: &Narrowing, order: Order) -> Result<Candidates> {
        let mut candidates = Candidates::default();
        let targets = match &narrowing.digest {
            Some(digest) => self.leading_from(digest)?,
            None => Vec::new(),
        };
        let ending = Ending {
            suffix: narrowing.suffix.as_deref().unwrap_or_default(),
            components: order == Order::Podman,
            tag: narrowing.tag.as_deref(),
            digested: narrowing.digested,
            targets: &targets,
        };
        for known in self.store.names().ending(&ending)? {
            self.named(&mut candidates, narrowing, &known)?;
        }
        let rest = self.of_names(narrowing)?;
        for (mut image, id) in rest.images.into_iter().zip(rest.ids) {
            let names = std::mem::take(&mut image.names);
            let place = match candidates.places.get(&id) {
                Some(place) => *place,
                None => candidates.push(id, image),
            };
            candidates.name(place, names);
        }
        Ok(candidates)
    }

    /// A digest, and the indexes that list it.
    fn leading_from(self, digest: &str) -> Result<Vec<Digest>> {
        let Ok(digest) = digest.parse::<Digest>() else { return Ok(Vec::new()) };
        let holding = self.store.documents().holding(&digest)?;
        Ok(holding.into_iter().map(|index| index.digest).chain([digest]).collect())
    }

    /// Takes in the images a name leads to.
    fn named(self, candidates: &mut Candidates, narrowing: &Narrowing, known: &Association) -> Result<()> {
        for id in self.store.documents().images(&known.target.digest)? {
            let place = self.place(candidates, narrowing, &id)?;
            candidates.name(place, [resolve::name(&known.name)]);
        }
        Ok(())
    }

    /// Where an image is in the list; it is put at its end if it is not there.
    fn place(self, candidates: &mut Candidates, narrowing: &Narrowing, id: &Digest) -> Result<usize> {
        if let Some(place) = candidates.places.get(id) {
            return Ok(*place);
        }
        let digested = narrowing.digest.is_some() || narrowing.names.iter().any(|name| name.digest.is_some());
        let digests = if digested { self.digests(id)? } else { Vec::new() };
        // An image that is being removed has no platform any more.
        let platform = self.store.images().get(id)?.map(|image| image.platform);
        let fits = platform.as_ref().map(|platform| self.fits(platform)).transpose()?;
        let image = LocalImage {
            id: id.hex().to_owned(),
            names: Vec::new(),
            digests,
            platform: platform.as_ref().map(resolve::platform).unwrap_or_default(),
            fits: fits.unwrap_or_default(),
        };
        Ok(candidates.push(id.clone(), image))
    }

    /// The digests of the manifests and indexes that lead to an image.
    fn digests(self, id: &Digest) -> Result<Vec<String>> {
        let documents = self.store.documents();
        let all = documents.manifests(id)?.into_iter().chain(documents.indexes(id)?);
        Ok(all.map(|document| document.digest.to_string()).collect())
    }

    /// Whether it is the platform asked for, else the machine's; OS versions and features do not matter.
    fn fits(self, platform: &Platform) -> Result<bool> {
        let plain =
            |platform: &Platform| Platform { os_version: None, os_features: Vec::new(), ..platform.clone() };
        let Options { platform: asked, host, .. } = self.options;
        let matcher = Matcher::Exact(plain(asked.as_ref().unwrap_or(host)));
        Ok(self.sandbox.platform_matches(&matcher, &plain(platform), &host.os)?)
    }
}

impl Candidates {
    fn push(&mut self, id: Digest, image: LocalImage) -> usize {
        let place = self.images.len();
        self.places.insert(id.clone(), place);
        self.ids.push(id);
        self.images.push(image);
        place
    }

    fn name(&mut self, place: usize, names: impl IntoIterator<Item = String>) {
        let Some(image) = self.images.get_mut(place) else { return };
        for name in names {
            if !image.names.contains(&name) {
                image.names.push(name);
            }
        }
    }
}
