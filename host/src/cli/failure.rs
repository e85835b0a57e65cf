//! What a failed command tells the shell and the person.

use std::{fmt, io};

use consign::containers_storage::StorageError;
use consign::containers_storage::tar_split::TarSplitError;
use consign::content::ContentError;
use consign::image_index::IndexError;
use consign::layer::opened::LayerError;
use consign::layer::tree::PathError;
use consign::load::LoadError;
use consign::policy::{PolicyError, SignaturesError};
use consign::pull::PullError;
use consign::push::PushError;
use consign::registry::RegistryError;
use consign::resolve::ResolveError;
use consign::save::{SIGNATURES, SaveError};
use consign::source::SourceError;
use consign::store::StoreError;
use consign::types;
use consign::types::resolution::ResolveError as Refusal;
use consign::unpack::{EntryError, UnpackError};

use super::output;

/// Exit codes, as documented in the README.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Code {
    /// A definite no: not found, no such platform, corruption found.
    No = 1,
    /// It could not be told: usage, input or output, a document that cannot be read.
    Unknown = 2,
}

/// An error that knows its exit code, and what there is to do about it.
#[derive(Debug)]
pub struct Failure {
    pub code: Code,
    pub message: String,
    pub hint: Option<String>,
}

impl Failure {
    /// A definite no.
    pub fn no(message: impl Into<String>) -> Self {
        Failure { code: Code::No, message: message.into(), hint: None }
    }

    /// Something that cannot be done as asked.
    pub fn usage(message: impl Into<String>) -> Self {
        Failure { code: Code::Unknown, message: message.into(), hint: None }
    }

    /// With a hint at what there is to do.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// The failures of a command that goes on after one, in order. There is at least one; the first decides the
/// exit code.
#[derive(Debug)]
pub struct Failures(Vec<anyhow::Error>);

impl Failures {
    /// Nothing where nothing failed.
    pub fn all(failures: Vec<anyhow::Error>) -> anyhow::Result<()> {
        if failures.is_empty() { Ok(()) } else { Err(Failures(failures).into()) }
    }
}

impl fmt::Display for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<String> = self.0.iter().map(|error| format!("{error:#}")).collect();
        f.write_str(&texts.join("; "))
    }
}

impl std::error::Error for Failures {}

/// A definite no to a question, which needs no words.
#[derive(Debug)]
pub struct Silent;

impl fmt::Display for Silent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no")
    }
}

impl std::error::Error for Silent {}

/// What is wrong with a layer of podman's storage, if that is why reading failed.
fn tar_split(error: &io::Error) -> Option<&TarSplitError> {
    error.get_ref().and_then(|inner| inner.downcast_ref())
}

/// Whether a file of a storage belongs to another user of the namespace its owner has.
fn is_anothers(cause: &(dyn std::error::Error + 'static)) -> bool {
    if let Some(StorageError::Read { source, .. }) = cause.downcast_ref() {
        return source.kind() == io::ErrorKind::PermissionDenied;
    }
    let error = match cause.downcast_ref::<LoadError>() {
        Some(LoadError::Source(error)) => Some(error),
        _ => cause.downcast_ref::<SourceError>(),
    };
    let source = match error {
        Some(SourceError::Storage(StorageError::Read { source, .. })) => source,
        Some(SourceError::Read { source, .. }) => match tar_split(source) {
            Some(TarSplitError::File { source, .. }) => source,
            _ => return false,
        },
        _ => return false,
    };
    source.kind() == io::ErrorKind::PermissionDenied
}

/// Prints the error and answers its exit code.
pub fn report(error: &anyhow::Error) -> u8 {
    if let Some(Failures(failures)) = error.downcast_ref::<Failures>() {
        let codes: Vec<u8> = failures.iter().map(report).collect();
        return codes.first().copied().unwrap_or(Code::Unknown as u8);
    }
    if error.is::<Silent>() {
        return Code::No as u8;
    }
    output::note(&format!("consign: {}", output::printable(&format!("{error:#}"))));
    let failure = error.chain().find_map(|cause| cause.downcast_ref::<Failure>());
    if let Some(hint) = failure.and_then(|failure| failure.hint.as_deref()) {
        output::note(&format!("hint: {}", output::printable(hint)));
    } else if error.chain().any(is_anothers) {
        output::note("hint: `podman unshare` runs a command as who owns all files of a user's storage");
    }
    if error.chain().any(is_about_signatures) {
        output::note("hint: --remove-signatures leaves signatures behind");
    }
    code(error) as u8
}

/// Whether signatures are in the way, which need not go along.
fn is_about_signatures(cause: &(dyn std::error::Error + 'static)) -> bool {
    let error = match cause.downcast_ref() {
        Some(PushError::Read(error)) => error,
        Some(PushError::Signatures(error)) => {
            return matches!(error, SignaturesError::NoStaging | SignaturesError::NotAttached { .. });
        }
        Some(_) => return false,
        None => match cause.downcast_ref() {
            Some(error) => error,
            None => return false,
        },
    };
    matches!(error, SaveError::Signed { .. } | SaveError::Unsupported { what: SIGNATURES, .. })
}

/// The exit code of an error.
pub fn code(error: &anyhow::Error) -> Code {
    error.chain().find_map(known).unwrap_or(Code::Unknown)
}

/// The exit code of a cause that decides it.
fn known(cause: &(dyn std::error::Error + 'static)) -> Option<Code> {
    if let Some(failure) = cause.downcast_ref::<Failure>() {
        return Some(failure.code);
    }
    if let Some(error) = cause.downcast_ref::<ResolveError>() {
        return Some(code_of(error));
    }
    let content = cause.downcast_ref().map(|error| matches!(error, ContentError::Corrupt { .. }));
    let load = || cause.downcast_ref().map(denies);
    let source = || cause.downcast_ref().map(source_denies);
    let store = || cause.downcast_ref().map(store_denies);
    let save = || cause.downcast_ref().map(save_denies);
    let layer = || cause.downcast_ref().map(layer_denies);
    let path = || cause.downcast_ref().map(path_denies);
    let pull = || cause.downcast_ref().map(pull_denies);
    let push = || cause.downcast_ref().map(push_denies);
    let registry = || cause.downcast_ref().map(registry_denies);
    let unpack = || cause.downcast_ref().map(unpack_denies);
    let index = || cause.downcast_ref().map(index_denies);
    let no = content
        .or_else(layer)
        .or_else(path)
        .or_else(load)
        .or_else(save)
        .or_else(unpack)
        .or_else(index)
        .or_else(pull)
        .or_else(push)
        .or_else(registry)
        .or_else(source)
        .or_else(store)
        .unwrap_or(false);
    no.then_some(Code::No)
}

/// Whether a load came to a definite no rather than to something that could not be read or written.
fn denies(error: &LoadError) -> bool {
    match error {
        LoadError::NoPlatform { .. } | LoadError::DiffId { .. } => true,
        LoadError::Policy(error) => matches!(error, PolicyError::Refused { .. }),
        LoadError::Source(error) => source_denies(error),
        LoadError::Store(error) => store_denies(error),
        _ => false,
    }
}

/// Whether a pull came to a definite no.
fn pull_denies(error: &PullError) -> bool {
    match error {
        PullError::Load(error) => denies(error),
        PullError::Source(error) => source_denies(error),
        PullError::Store(error) => store_denies(error),
        PullError::Resolve(error) => code_of(error) == Code::No,
        error => error.is_no(),
    }
}

/// Whether a push came to a definite no.
fn push_denies(error: &PushError) -> bool {
    match error {
        PushError::Read(error) => save_denies(error),
        PushError::Registry(error) => registry_denies(error),
        PushError::OtherDigest { .. } => true,
        _ => false,
    }
}

/// Whether a registry said no, or lied.
fn registry_denies(error: &RegistryError) -> bool {
    error.is_absent()
        || matches!(error, RegistryError::DigestMismatch { .. } | RegistryError::SizeMismatch { .. })
}

/// Whether a save came to a definite no.
fn save_denies(error: &SaveError) -> bool {
    match error {
        SaveError::Incomplete { .. } | SaveError::SizeMismatch { .. } => true,
        SaveError::Resolve(error) => code_of(error) == Code::No,
        SaveError::Policy(error) => matches!(error, PolicyError::Refused { .. }),
        SaveError::Store(error) => store_denies(error),
        SaveError::Source(error) => source_denies(error),
        _ => false,
    }
}

/// Whether reading a layer came to a definite no.
fn layer_denies(error: &LayerError) -> bool {
    match error {
        LayerError::NoSuchLayer { .. }
        | LayerError::NotHere { .. }
        | LayerError::NotAFile { .. }
        | LayerError::Mismatch { .. }
        | LayerError::Damaged { .. } => true,
        LayerError::Source(error) => source_denies(error),
        LayerError::Store(error) => store_denies(error),
        _ => false,
    }
}

/// Whether looking a path up came to a definite no.
fn path_denies(error: &PathError) -> bool {
    match error {
        PathError::Missing(_) => true,
        PathError::Layer(error) => layer_denies(error),
        _ => false,
    }
}

/// Whether an unpacking came to a definite no: the image is not what it should be.
fn unpack_denies(error: &UnpackError) -> bool {
    match error {
        UnpackError::Absent { .. }
        | UnpackError::Digest { .. }
        | UnpackError::Size { .. }
        | UnpackError::DiffId { .. }
        | UnpackError::Compression { .. }
        | UnpackError::Layer { .. }
        | UnpackError::Tar(_)
        | UnpackError::NotLinux { .. } => true,
        UnpackError::Entry(failure) => !matches!(failure.error, EntryError::System { .. }),
        UnpackError::Source(error) => source_denies(error),
        UnpackError::Store(error) => store_denies(error),
        _ => false,
    }
}

/// Whether a change of an index came to a definite no.
fn index_denies(error: &IndexError) -> bool {
    match error {
        IndexError::Load(error) => denies(error),
        IndexError::Store(error) => store_denies(error),
        _ => false,
    }
}

fn source_denies(error: &SourceError) -> bool {
    match error {
        SourceError::Registry(error) => return registry_denies(error),
        SourceError::Read { source, .. } => {
            return matches!(tar_split(source), Some(TarSplitError::Changed { .. }));
        }
        _ => {}
    }
    matches!(
        error,
        SourceError::NoSuchImage { .. }
            | SourceError::DigestMismatch { .. }
            | SourceError::SizeMismatch { .. }
    )
}

fn store_denies(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Corrupt { .. }
            | StoreError::DigestMismatch { .. }
            | StoreError::SizeMismatch { .. }
            | StoreError::Conflict { .. }
            | StoreError::DamagedCatalog { .. }
            | StoreError::LostCatalog
            | StoreError::UnknownName { .. }
    )
}

/// The exit code of a resolution that came to no image.
pub fn code_of(error: &ResolveError) -> Code {
    let corrupt = matches!(error, ResolveError::Refused(refusal, _)
        if matches!(**refusal, Refusal::Content(types::ContentError::Corrupt(_))));
    if error.is_no() || corrupt { Code::No } else { Code::Unknown }
}
