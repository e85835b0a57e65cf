//! What containers/storage answers, over a list of images.

use crate::name;
use crate::prelude::*;
use crate::short_name::{normalized, written};
use crate::types::ImageName;
use crate::wit::exports::consign::image::local_images::{Criteria, LocalImage};

/// The images that are here.
pub struct Stored<'a> {
    pub images: &'a [LocalImage],
    platform_asked: bool,
}

/// What looking a text up came to.
pub enum Looked {
    Absent,
    Found(usize),
    /// The beginning of these IDs.
    Several(Vec<String>),
}

impl<'a> Stored<'a> {
    pub fn new(images: &'a [LocalImage], criteria: &Criteria) -> Self {
        Stored { images, platform_asked: criteria.platform_asked }
    }

    pub fn id(&self, position: usize) -> String {
        self.images.get(position).map(|image| image.id.clone()).unwrap_or_default()
    }

    /// Whether the image is for the platform.
    fn fits(&self, position: usize) -> bool {
        self.images.get(position).is_some_and(|image| image.fits)
    }

    /// Whether a platform was asked for that is not the image's: which it has.
    pub fn other_platform(&self, position: usize) -> Option<&'a str> {
        let other = self.platform_asked && !self.fits(position);
        self.images.get(position).filter(|_| other).map(|image| image.platform.as_str())
    }

    /// An ID, a name as it is written, the beginning of one image's ID (`Store.Image`).
    pub fn any(&self, text: &str) -> Looked {
        if let Some(position) = self.images.iter().position(|image| image.id == text) {
            return Looked::Found(position);
        }
        if let Some(position) = self.best(|image| image.names.iter().any(|name| name == text)) {
            return Looked::Found(position);
        }
        // The beginning of every ID is no ID's.
        let mut starting = self
            .images
            .iter()
            .enumerate()
            .filter(|(_, image)| !text.is_empty() && image.id.starts_with(text));
        match (starting.next(), starting.next()) {
            (None, _) => Looked::Absent,
            (Some((position, _)), None) => Looked::Found(position),
            (Some((_, first)), Some((_, second))) => {
                let rest = starting.map(|(_, image)| image);
                Looked::Several([first, second].into_iter().chain(rest).map(|one| one.id.clone()).collect())
            }
        }
    }

    /// A name in full, or an image of its repository that has its digest (`ResolveReference`).
    pub fn named(&self, name: &ImageName) -> Option<usize> {
        match self.any(&written(name)) {
            Looked::Found(position) => Some(position),
            _ => self.digested(name),
        }
    }

    /// An image of the name's repository that has its digest.
    pub fn digested(&self, name: &ImageName) -> Option<usize> {
        let digest = name.digest.as_ref()?;
        self.best(|image| image.digests.contains(digest) && has_repository(image, name))
    }

    /// Of the images of which this is true the first for the platform, else the first.
    fn best(&self, is_one: impl Fn(&LocalImage) -> bool) -> Option<usize> {
        let ones = || self.images.iter().enumerate().filter(|(_, image)| is_one(image)).map(|(at, _)| at);
        ones().find(|at| self.fits(*at)).or_else(|| ones().next())
    }
}

/// Whether a name of the image is of the repository.
pub fn has_repository(image: &LocalImage, name: &ImageName) -> bool {
    let repository = name::trim(name.clone());
    image.names.iter().any(|known| normalized(known).is_ok_and(|known| name::trim(known) == repository))
}
