//! The images of a store that can matter for a name.

use std::collections::BTreeMap;

use crate::digest::Digest;
use crate::resolve;
use crate::store::{Association, Ending, Store, StoreError};
use crate::types::ImageName;
use crate::types::local_images::{LocalImage, Narrowing, Order};

/// Images as the guest wants them, and their IDs with the algorithm.
#[derive(Default)]
pub(super) struct Candidates {
    pub(super) images: Vec<LocalImage>,
    pub(super) ids: Vec<Digest>,
    places: BTreeMap<Digest, usize>,
}

/// The images that have one of the names, or an ID that starts as it should.
pub(super) fn of_names(store: &Store, narrowing: &Narrowing) -> Result<Candidates, StoreError> {
    let mut candidates = Candidates::default();
    for name in &narrowing.names {
        if let Some(target) = store.names().get(name)? {
            let name = ImageName { tag: name.tag.clone().filter(|_| name.digest.is_none()), ..name.clone() };
            candidates.named(store, narrowing, &Association { name, target })?;
        }
        let Some(digest) = &name.digest else { continue };
        for target in leading_from(store, digest)? {
            for known in store.names().references(&target)? {
                let same = (&known.domain, &known.path) == (&name.domain, &name.path);
                if let (true, Some(target)) = (same, store.names().get(&known)?) {
                    candidates.named(store, narrowing, &Association { name: known, target })?;
                }
            }
        }
    }
    if let Some(prefix) = &narrowing.id_prefix {
        for image in store.images().candidates(prefix)? {
            let place = candidates.place(store, narrowing, &image.digest)?;
            for known in store.images().names(&image.digest)? {
                candidates.name(place, &known.name);
            }
        }
    }
    Ok(candidates)
}

/// Those, and the images that have a name which ends as it should; the oldest name first.
pub(super) fn of_all(store: &Store, narrowing: &Narrowing, order: Order) -> Result<Candidates, StoreError> {
    let mut candidates = Candidates::default();
    let targets = match &narrowing.digest {
        Some(digest) => leading_from(store, digest)?,
        None => Vec::new(),
    };
    let ending = Ending {
        suffix: narrowing.suffix.as_deref().unwrap_or_default(),
        components: order == Order::Podman,
        tag: narrowing.tag.as_deref(),
        digested: narrowing.digested,
        targets: &targets,
    };
    for known in store.names().ending(&ending)? {
        candidates.named(store, narrowing, &known)?;
    }
    let rest = of_names(store, narrowing)?;
    for (image, id) in rest.images.into_iter().zip(rest.ids) {
        let place = match candidates.places.get(&id) {
            Some(place) => *place,
            None => candidates.push(id, LocalImage { names: Vec::new(), ..image.clone() }),
        };
        candidates.names(place, image.names);
    }
    Ok(candidates)
}

/// A digest, and the indexes that list it.
fn leading_from(store: &Store, digest: &str) -> Result<Vec<Digest>, StoreError> {
    let Ok(digest) = digest.parse::<Digest>() else { return Ok(Vec::new()) };
    let mut targets: Vec<Digest> =
        store.documents().holding(&digest)?.into_iter().map(|index| index.digest).collect();
    targets.push(digest);
    Ok(targets)
}

impl Candidates {
    /// Takes in the images a name leads to.
    fn named(&mut self, store: &Store, narrowing: &Narrowing, known: &Association) -> Result<(), StoreError> {
        for id in store.documents().images(&known.target.digest)? {
            let place = self.place(store, narrowing, &id)?;
            self.name(place, &known.name);
        }
        Ok(())
    }

    /// Where an image is in the list; it is put at its end if it is not there.
    fn place(&mut self, store: &Store, narrowing: &Narrowing, id: &Digest) -> Result<usize, StoreError> {
        if let Some(place) = self.places.get(id) {
            return Ok(*place);
        }
        // An image whose removal is under way has no platform any more, and matters no more either.
        let platform = store.images().get(id)?.map(|image| image.platform);
        let digested = narrowing.digest.is_some() || narrowing.names.iter().any(|name| name.digest.is_some());
        let mut digests = Vec::new();
        if digested {
            let documents = store.documents();
            digests.extend(documents.manifests(id)?.into_iter().chain(documents.indexes(id)?));
        }
        let image = LocalImage {
            id: id.hex().to_owned(),
            names: Vec::new(),
            digests: digests.into_iter().map(|document| document.digest.to_string()).collect(),
            platform: platform.unwrap_or_else(|| crate::types::Platform {
                os: String::new(),
                architecture: String::new(),
                variant: None,
                os_version: None,
                os_features: Vec::new(),
            }),
        };
        Ok(self.push(id.clone(), image))
    }

    fn push(&mut self, id: Digest, image: LocalImage) -> usize {
        let place = self.images.len();
        self.places.insert(id.clone(), place);
        self.ids.push(id);
        self.images.push(image);
        place
    }

    fn name(&mut self, place: usize, name: &ImageName) {
        self.names(place, vec![resolve::name(name)]);
    }

    fn names(&mut self, place: usize, names: Vec<String>) {
        let Some(image) = self.images.get_mut(place) else { return };
        for name in names {
            if !image.names.contains(&name) {
                image.names.push(name);
            }
        }
    }
}
