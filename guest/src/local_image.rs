//! Finding an image among those that are here, as Podman does.
//!
//! Both orders rest on what containers/storage calls an image: its ID, then a name as it is written, then
//! the beginning of an ID if it is that of one image alone.

mod podman;
mod podman_one;
mod stored;
#[cfg(test)]
mod tests;

use crate::prelude::*;
use crate::types::ImageName;
use crate::wit::exports::consign::image::local_images::{
    Attempt, Attempted, Criteria, FindError, LocalImage, Match, Narrowing, Order, Outcome,
};
use stored::{Looked, Stored};

/// A look for an image, with what was tried so far.
struct Search<'a> {
    stored: Stored<'a>,
    tried: Vec<(Attempt, Attempted)>,
    /// IDs that start like the input, where there are several.
    several: Vec<String>,
}

impl Search<'_> {
    /// What the store has under the text: an ID, a name, the beginning of an ID.
    fn any(&mut self, text: &str) -> Option<usize> {
        let looked = self.stored.any(text);
        // What cannot be an ID is worth no word: it was tried as a name.
        if is_hexadecimal(text) {
            let attempted = match &looked {
                Looked::Absent => Attempted::Absent,
                Looked::Found(position) => Attempted::Found(self.stored.id(*position)),
                Looked::Several(_) => Attempted::Several,
            };
            self.tried.push((Attempt::Id(text.to_owned()), attempted));
        }
        match looked {
            Looked::Absent => None,
            Looked::Found(position) => Some(position),
            Looked::Several(ids) => {
                self.several = ids;
                None
            }
        }
    }

    fn told(&mut self, attempt: Attempt, found: Option<usize>) {
        let attempted =
            found.map_or(Attempted::Absent, |position| Attempted::Found(self.stored.id(position)));
        self.tried.push((attempt, attempted));
    }

    /// Nothing was found; IDs that could have been meant are told.
    fn nothing(&mut self, text: &str) -> FindError {
        if self.several.is_empty() {
            FindError::NotFound(text.to_owned())
        } else {
            FindError::Ambiguous(core::mem::take(&mut self.several))
        }
    }
}

/// Which of the images is meant.
pub fn find(text: &str, images: &[LocalImage], criteria: &Criteria) -> Outcome {
    let stored = Stored::new(images, criteria);
    let mut search = Search { stored, tried: Vec::new(), several: Vec::new() };
    let found = match criteria.order {
        Order::Podman => podman::find(text, &mut search, criteria),
        Order::PodmanOne => podman_one::find(text, &mut search),
    };
    Outcome { tried: search.tried, found }
}

/// Which images can matter.
pub fn narrow(text: &str, criteria: &Criteria) -> Narrowing {
    match criteria.order {
        Order::Podman => podman::narrow(text, criteria),
        Order::PodmanOne => podman_one::narrow(text),
    }
}

fn matched(position: usize, name: Option<ImageName>, resolved: String) -> Match {
    Match { position: u32::try_from(position).unwrap_or(u32::MAX), name, resolved }
}

/// The text as the beginning of an ID.
fn id_prefix(text: &str) -> Option<String> {
    is_hexadecimal(text).then(|| text.to_owned())
}

fn is_hexadecimal(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(crate::digest::is_lower_hex)
}
