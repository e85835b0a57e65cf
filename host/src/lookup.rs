//! Which image in a store a user means: by Docker's order of looking, or by Podman's.
//!
//! The guest decides; the store hands it the images that can matter. Docker's order is the one
//! [`crate::resolve`] goes by itself.

mod candidates;
#[cfg(test)]
mod tests;
mod text;

use std::sync::Arc;

use crate::content::{Content, ContentError};
use crate::resolve::{self, ResolveError};
use crate::sandbox::{Sandbox, SandboxError};
use crate::store::{Store, StoreError};
use crate::types::local_images::{Attempt, Attempted, Criteria, FindError, Match, Order};
use crate::types::resolution::{Matched, Subject};
use crate::types::short_names::Configuration;
use crate::types::{ImageName, Platform, Rules};

use candidates::Within;
pub use text::Tried;

/// Whose order of looking is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    /// A name, an ID, the beginning of an ID.
    Docker,
    /// Podman's since 2.2: names by alias, of `localhost` and of the search registries, IDs, names that end
    /// in this one.
    Podman,
    /// Podman's before: docker.io, IDs, `localhost`, names that end as this one does.
    PodmanOne,
}

impl Lookup {
    /// How an index's entries are chosen by whoever looks in this order.
    pub fn rules(self) -> Rules {
        match self {
            Lookup::Docker => Rules::Docker,
            Lookup::Podman | Lookup::PodmanOne => Rules::Podman,
        }
    }
}

/// How to look.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whose order is followed.
    pub lookup: Lookup,
    /// What registries.conf says; [`Registries`](crate::registries_conf::Registries) reads it. Only
    /// [`Lookup::Podman`] asks it, and only for names without a registry.
    pub configuration: Configuration,
    /// The platform asked for.
    pub platform: Option<Platform>,
    /// The platform of the machine that asks.
    pub host: Platform,
}

/// What a user means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// To be resolved.
    pub subject: Subject,
    /// The name, as the store has it, that was meant or that led there. `None`: an ID was, or a digest alone.
    pub name: Option<ImageName>,
    /// What was tried, in order. Empty for [`Lookup::Docker`]: resolving tells it.
    pub tried: Vec<(Attempt, Attempted)>,
}

/// No image is meant.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LookupError {
    /// The guest's answer: no such image, several, no name; and what was tried.
    #[error("{}", text::refusal(.0, .1))]
    Refused(FindError, Vec<(Attempt, Attempted)>),
    /// Docker's order came to none.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store could not be asked.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// The component did not answer.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The component answered something that cannot be.
    #[error("the component's answer is not consistent: {what}")]
    Inconsistent {
        /// What is wrong with it.
        what: String,
    },
}

impl LookupError {
    /// Whether this is a definite no: no image is called so.
    pub fn is_no(&self) -> bool {
        match self {
            LookupError::Refused(error, _) => matches!(error, FindError::NotFound(_)),
            LookupError::Resolve(error) => error.is_no(),
            _ => false,
        }
    }
}

/// Finds what `text` means among the images of the store. Nothing is read of them but the catalogue.
///
/// # Errors
///
/// [`LookupError::Refused`] where Podman's orders come to no image, or to several of which none is meant more;
/// [`LookupError::Resolve`] where Docker's does; what the store or the component could not answer.
pub fn find(
    sandbox: &Sandbox,
    store: &Arc<Store>,
    text: &str,
    options: &Options,
) -> Result<Found, LookupError> {
    let order = match options.lookup {
        Lookup::Docker => {
            let located = resolve::locate(sandbox, store.clone(), text, Rules::Docker)?;
            let name = match located.matched {
                Matched::Name(name) => Some(name),
                Matched::Digest(_) | Matched::Prefix(_) | Matched::Target => None,
            };
            return Ok(Found { subject: Subject::Text(text.to_owned()), name, tried: Vec::new() });
        }
        Lookup::Podman => Order::Podman,
        Lookup::PodmanOne => Order::PodmanOne,
    };
    let criteria = Criteria {
        order,
        configuration: options.configuration.clone(),
        platform_asked: options.platform.is_some(),
    };
    let within = Within { sandbox, store, options };
    let narrowing = sandbox.narrow_images(text, &criteria)?;
    let mut candidates = within.of_names(&narrowing)?;
    let mut outcome = sandbox.find_image(text, &candidates.images, &criteria)?;
    // Looking through all names is for what nothing is called in full; both orders come to it last.
    let open = matches!(outcome.found, Err(FindError::NotFound(_) | FindError::Ambiguous(_)));
    if open && narrowing.suffix.is_some() {
        candidates = within.of_all(&narrowing, order)?;
        outcome = sandbox.find_image(text, &candidates.images, &criteria)?;
    }
    match outcome.found {
        Ok(found) => {
            let (subject, name) = candidates.meant(store, found)?;
            Ok(Found { subject, name, tried: outcome.tried })
        }
        Err(error) => Err(LookupError::Refused(error, outcome.tried)),
    }
}

impl candidates::Candidates {
    /// What to resolve, and the name as the store has it.
    fn meant(&self, store: &Store, found: Match) -> Result<(Subject, Option<ImageName>), LookupError> {
        let Some(id) = self.ids.get(found.position as usize) else {
            return Err(LookupError::Inconsistent { what: "an image that was not in the list".into() });
        };
        let Some(name) = found.name else { return Ok((Subject::Text(id.to_string()), None)) };
        if Content::find(store, &name)?.is_some() {
            return Ok((Subject::Text(resolve::name(&name)), Some(name)));
        }
        // A digest of the image, and of none of its names: a manifest in an index that has one.
        match name.digest {
            Some(digest) => Ok((Subject::Text(digest), None)),
            None => Err(LookupError::Inconsistent { what: "a name that no image has".into() }),
        }
    }
}
