//! What can go wrong with policies, signatures and keys.

use std::io;

use crate::digest::Digest;
use crate::registry::RegistryError;
use crate::sandbox::SandboxError;
use crate::types::registries::AnswerError;

/// A file of the configuration cannot be gone by.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// It could not be read.
    #[error("reading `{file}`")]
    Read {
        /// The file or directory.
        file: String,
        /// Why.
        source: io::Error,
    },
    /// It is not JSON, or not YAML.
    #[error("`{file}`, line {line}: {reason}")]
    Syntax {
        /// The file.
        file: String,
        /// From 1.
        line: usize,
        /// What is there.
        reason: String,
    },
    /// A key that nobody knows.
    #[error("`{file}`, line {line}: `{key}` is not known there")]
    Unknown {
        /// The file.
        file: String,
        /// From 1; of the value.
        line: usize,
        /// With all it is in.
        key: String,
    },
    /// A key that is there twice.
    #[error("`{file}`, line {line}: `{key}` is there twice")]
    Duplicate {
        /// The file.
        file: String,
        /// From 1; of the second value.
        line: usize,
        /// With all it is in.
        key: String,
    },
    /// A key that has to be there.
    #[error("`{file}`, line {line}: wanted `{key}`, found none")]
    Missing {
        /// The file.
        file: String,
        /// From 1; of what it should be in.
        line: usize,
        /// With all it is in.
        key: String,
    },
    /// A value that cannot be one.
    #[error("`{file}`, line {line}: `{key}`: wanted {wanted}, found {found}")]
    Value {
        /// The file.
        file: String,
        /// From 1.
        line: usize,
        /// With all it is in.
        key: String,
        /// What it may be.
        wanted: String,
        /// What it is.
        found: String,
    },
    /// The component did not answer.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
}

/// An image may not be taken in, or it cannot be told whether it may.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// A requirement does not hold.
    #[error("the policy refuses `{image}` ({scope}): requirement {number}, `{requirement}`: {refusal}")]
    Refused {
        /// The image.
        image: String,
        /// The part of the policy that holds for it.
        scope: String,
        /// The requirement's number, from 1.
        number: usize,
        /// Its type.
        requirement: &'static str,
        /// Why.
        refusal: Refusal,
    },
    /// It cannot be told whether a requirement holds.
    #[error(
        "whether the policy accepts `{image}` ({scope}) cannot be told: requirement {number}, `{requirement}`"
    )]
    Undecided {
        /// The image.
        image: String,
        /// The part of the policy that holds for it.
        scope: String,
        /// The requirement's number, from 1.
        number: usize,
        /// Its type.
        requirement: &'static str,
        /// Why.
        source: Undecided,
    },
}

/// Why a requirement does not hold.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// It holds for nothing.
    #[error("everything is rejected")]
    Everything,
    /// It holds for nothing in any program so far.
    #[error("it is not implemented, here or elsewhere, and holds for nothing")]
    Unimplemented,
    /// There is no signature that could be one.
    #[error("a signature is required, and there is none{}", or_others(*.others))]
    NoSignature {
        /// Signatures of another form, and other attachments.
        others: usize,
    },
    /// No signature is good enough.
    #[error("{}", reasons(.0))]
    Signatures(Vec<BadSignature>),
}

/// Why a signature does not count.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BadSignature {
    /// It is not what it should be, or not made by a key that is trusted.
    #[error("{0}")]
    Invalid(String),
    /// Something is not an image's signature.
    #[error("what is signed is not valid: {0}")]
    Payload(String),
    /// It is for another manifest.
    #[error("wanted a signature for the manifest `{wanted}`, found one for `{found}`")]
    Manifest {
        /// The manifest's digest.
        wanted: Digest,
        /// As signed.
        found: String,
    },
    /// It is for another name.
    #[error("it is for `{found}`, which is not what is wanted: {wanted}")]
    Identity {
        /// What may be signed, in words.
        wanted: String,
        /// As signed.
        found: String,
    },
}

/// Why it cannot be told whether a requirement holds.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Undecided {
    /// A part of the requirement is not supported here.
    #[error("`{0}` is not supported")]
    Unsupported(&'static str),
    /// A key could not be read.
    #[error("reading the key `{path}`")]
    KeyFile {
        /// As the policy names it.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// What should be a key is none.
    #[error("{key}: {reason}")]
    Key {
        /// The key, for people.
        key: String,
        /// What was wanted and what found.
        reason: String,
    },
    /// The signatures cannot be had.
    #[error(transparent)]
    Signatures(#[from] SignaturesError),
    /// The component did not answer.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
}

/// Signatures cannot be had from where they are.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignaturesError {
    /// A file could not be read.
    #[error("reading the signature `{name}`")]
    Read {
        /// The file.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// A signature is no signature.
    #[error("the signature `{name}` is not valid: byte {}: {}", .problem.offset, .problem.reason)]
    Kept {
        /// The file or URL.
        name: String,
        /// What is wrong with it.
        problem: AnswerError,
    },
    /// A manifest of attachments is none.
    #[error("the attachments `{name}` are not valid: {reason}")]
    Attachments {
        /// The tag or digest.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// More than are read.
    #[error("wanted at most {limit} {what}, found more")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How many are read.
        limit: usize,
    },
    /// A signature could not be put where it is to be.
    #[error("writing the signatures `{name}`")]
    Write {
        /// The directory, within the storage.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// The lookaside storage cannot be written to.
    #[error("wanted a directory for signatures (`lookaside-staging` in registries.d), found none")]
    NoStaging,
    /// There is one of sigstore or another format, which no lookaside storage keeps.
    #[error(
        "`{manifest}` has signatures that are attached in registries, wanted leave to (`use-sigstore-attachments` in registries.d), found none"
    )]
    NotAttached {
        /// What is signed.
        manifest: Digest,
    },
    /// A registry or a server did not do what was asked.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The component did not answer.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
}

fn or_others(others: usize) -> String {
    match others {
        0 => String::new(),
        1 => " (but one of another form)".to_owned(),
        others => format!(" (but {others} of other forms)"),
    }
}

fn reasons(reasons: &[BadSignature]) -> String {
    match reasons {
        [only] => only.to_string(),
        several => {
            let several: Vec<String> = several.iter().map(BadSignature::to_string).collect();
            format!("none of {} signatures is accepted: {}", several.len(), several.join("; "))
        }
    }
}
