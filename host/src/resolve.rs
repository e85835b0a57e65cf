//! What a reference means: the question goes to the guest, the guest's questions to a [`Content`], and the
//! answer is checked before anything is done with it.

mod text;

use std::sync::Arc;

use crate::content::{Content, ContentError};
use crate::digest::Digest;
use crate::sandbox::{Sandbox, SandboxError};
use crate::types::lookup::{LocateError, Located};
use crate::types::resolution::{Explanation, Options, Resolved, Subject};
use crate::types::{self, Descriptor, Rules};

pub use text::{Explained, document, name, platform, reference};

/// An image, and how it was come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    /// Its documents, its layers, its platform.
    pub image: Resolved,
    /// What was tried, and why every entry of every index won or lost.
    pub explanation: Explanation,
}

/// Resolution did not come to an image.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// The guest's answer: no such image, no such platform, an unreadable document; and how it came to that.
    #[error("{}", text::refusal(.0, .1))]
    Refused(Box<types::resolution::ResolveError>, Box<Explanation>),
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

impl ResolveError {
    /// Whether this is a definite no: nothing has that name, or it has no image for the platform.
    pub fn is_no(&self) -> bool {
        use types::resolution::ResolveError as Guest;
        matches!(self, ResolveError::Refused(error, _)
            if matches!(**error, Guest::NotFound(_) | Guest::Platform(_) | Guest::Incomplete(_)))
    }
}

/// Resolves `subject` over `content`.
///
/// # Errors
///
/// [`ResolveError::Refused`] with the guest's reason; [`ResolveError::Sandbox`] where the component ran
/// into a limit or trapped, which says nothing about the subject.
pub fn resolve(
    sandbox: &Sandbox,
    content: Arc<dyn Content>,
    subject: &Subject,
    options: &Options,
) -> Result<Resolution, ResolveError> {
    match sandbox.resolve(content, subject, options)? {
        (Ok(image), explanation) => {
            check(&image)?;
            Ok(Resolution { image, explanation })
        }
        (Err(error), explanation) => Err(ResolveError::Refused(Box::new(error), Box::new(explanation))),
    }
}

/// What `input` points at first: the index, manifest or config that the name or ID means, without a choice
/// of platform. It may not be here.
///
/// # Errors
///
/// As [`resolve`].
pub fn locate(
    sandbox: &Sandbox,
    content: Arc<dyn Content>,
    input: &str,
    rules: Rules,
) -> Result<Located, ResolveError> {
    let located = sandbox.locate(content, input, rules)?.map_err(not_located)?;
    check_digest(&located.target.digest)?;
    Ok(located)
}

/// What can go wrong in locating is some of what can in resolving.
fn not_located(error: LocateError) -> ResolveError {
    use types::resolution::ResolveError as Guest;
    let error = match error {
        LocateError::Name(error) => Guest::Name(error),
        LocateError::NotFound(name) => Guest::NotFound(name),
        LocateError::Ambiguous(candidates) => Guest::Ambiguous(candidates),
        LocateError::Content(error) => Guest::Content(error),
    };
    let unexplained = Explanation { steps: Vec::new(), considered: Vec::new() };
    ResolveError::Refused(Box::new(error), Box::new(unexplained))
}

/// Reads a document that a resolution named: bounded by its size, checked against its digest.
///
/// # Errors
///
/// [`ContentError::Corrupt`] for other bytes than the descriptor means, and whatever `content` says.
pub fn read(content: &dyn Content, target: &Descriptor) -> Result<Option<Vec<u8>>, ContentError> {
    let Some(bytes) = content.read(target)? else { return Ok(None) };
    let digest: Option<Digest> = target.digest.parse().ok();
    match digest {
        Some(digest) if bytes.len() as u64 == target.size && digest.verifies(&bytes) => Ok(Some(bytes)),
        _ => Err(ContentError::Corrupt { digest: target.digest.clone() }),
    }
}

/// The guest is not trusted either: what it names by digest has to be named by one, and what it counts
/// has to agree.
fn check(resolved: &Resolved) -> Result<(), ResolveError> {
    let layers = resolved.layers.iter();
    let blobs = layers.clone().filter_map(|layer| layer.blob.as_ref());
    let descriptors =
        [&resolved.target, &resolved.config].into_iter().chain(&resolved.manifest).chain(&resolved.indexes);
    let digests = descriptors
        .chain(blobs.clone())
        .map(|descriptor| &descriptor.digest)
        .chain(layers.clone().flat_map(|layer| [&layer.diff_id, &layer.chain_id]));
    for digest in digests {
        check_digest(digest)?;
    }
    if resolved.manifest.is_some() && blobs.count() != resolved.layers.len() {
        return Err(ResolveError::Inconsistent { what: "a layer of the manifest has no blob".into() });
    }
    Ok(())
}

fn check_digest(text: &str) -> Result<(), ResolveError> {
    match text.parse::<Digest>() {
        Ok(_) => Ok(()),
        Err(error) => Err(ResolveError::Inconsistent { what: error.to_string() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Platform;
    use crate::types::resolution::{Layer, Matched};

    fn descriptor(digest: &str) -> Descriptor {
        Descriptor {
            media_type: String::new(),
            digest: digest.into(),
            size: 0,
            platform: None,
            annotations: Vec::new(),
            artifact_type: None,
        }
    }

    fn resolved() -> Resolved {
        let digest = Digest::of(b"").to_string();
        let any = descriptor(&digest);
        Resolved {
            matched: Matched::Target,
            target: any.clone(),
            indexes: Vec::new(),
            manifest: Some(any.clone()),
            config: any.clone(),
            platform: Platform {
                os: "linux".into(),
                architecture: "amd64".into(),
                variant: None,
                os_version: None,
                os_features: Vec::new(),
            },
            layers: vec![Layer { blob: Some(any), diff_id: digest.clone(), chain_id: digest }],
        }
    }

    #[test]
    fn an_answer_that_names_no_digest_is_refused() {
        assert!(check(&resolved()).is_ok());
        for spoil in [
            (|answer| answer.target.digest = "../../etc/passwd".into()) as fn(&mut Resolved),
            |answer| answer.config.digest = "sha256:ABC".into(),
            |answer| answer.layers[0].diff_id = String::new(),
            |answer| answer.layers[0].chain_id = "sha256:0".into(),
            |answer| answer.layers[0].blob = Some(descriptor("md5:0")),
            |answer| answer.indexes.push(descriptor("x")),
        ] {
            let mut answer = resolved();
            spoil(&mut answer);
            assert!(matches!(check(&answer), Err(ResolveError::Inconsistent { .. })), "{answer:?}");
        }
    }

    #[test]
    fn an_answer_whose_counts_disagree_is_refused() {
        let mut answer = resolved();
        answer.layers[0].blob = None;
        assert!(matches!(check(&answer), Err(ResolveError::Inconsistent { .. })));
    }
}
