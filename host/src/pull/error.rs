//! What can go wrong while pulling.

use crate::content::ContentError;
use crate::digest::NotADigest;
use crate::load::LoadError;
use crate::resolve::ResolveError;
use crate::sandbox::SandboxError;
use crate::source::SourceError;
use crate::store::StoreError;

/// An image was not pulled. The store holds what it held before; parts of layers that came are kept for the
/// next time.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PullError {
    /// It is nowhere.
    #[error("{}", failures(.0))]
    Nowhere(Vec<PlaceFailure>),
    /// It is not in the store, and was not to be pulled.
    #[error("`{name}` is not in the store, or not all of it, and is not to be pulled")]
    NotHere {
        /// The image.
        name: String,
    },
    /// It means no image.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// It lacks a label.
    #[error("wanted the label `{label}` of `{image}`, found {}", shown(.found))]
    Label {
        /// The image's ID.
        image: String,
        /// As it is wanted, `key` or `key=value`.
        label: String,
        /// The value it has.
        found: Option<String>,
    },
    /// It could not be brought in.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A document cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A document of the store cannot be read.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// The component did not answer.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
}

/// Why an image is not pulled from one place.
#[derive(Debug)]
pub struct PlaceFailure {
    /// What the image is called there.
    pub name: String,
    /// `None`: the place has no such image.
    pub error: Option<SourceError>,
}

impl From<NotADigest> for PullError {
    fn from(problem: NotADigest) -> Self {
        PullError::Source(problem.into())
    }
}

fn shown(value: &Option<String>) -> String {
    value.as_ref().map_or_else(|| "none".to_owned(), |value| format!("`{value}`"))
}

fn failures(failures: &[PlaceFailure]) -> String {
    let text = |failure: &PlaceFailure| match &failure.error {
        None => format!("`{}` is not there", failure.name),
        Some(error) => {
            let mut text = format!("`{}`: {error}", failure.name);
            let mut cause = std::error::Error::source(error);
            while let Some(next) = cause {
                text.push_str(&format!(": {next}"));
                cause = next.source();
            }
            text
        }
    };
    failures.iter().map(text).collect::<Vec<_>>().join("; ")
}
