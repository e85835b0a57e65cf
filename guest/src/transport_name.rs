//! Image names with a transport in front (containers/image, containers-transports(5)).

mod layout;
mod policy;
mod storage;

pub use policy::policy;
pub use storage::ask as ask_storage;
pub use storage::{name_and_id, within_store};

use crate::digest::{self, saturating};
use crate::name;
use crate::prelude::*;
use crate::types::{ImageName, Rules};
use crate::wit::exports::consign::image::references::{Reading, Reference};
use crate::wit::exports::consign::image::transports::{
    ImageReference, StorageAnswer, Transport, TransportError, TransportProblem as Problem,
};

const NAMES: [(&str, Transport); 11] = [
    ("docker", Transport::Docker),
    ("docker-archive", Transport::DockerArchive),
    ("docker-daemon", Transport::DockerDaemon),
    ("dir", Transport::Dir),
    ("oci", Transport::Oci),
    ("oci-archive", Transport::OciArchive),
    ("containers-storage", Transport::ContainersStorage),
    ("tarball", Transport::Tarball),
    ("sif", Transport::Sif),
    ("atomic", Transport::Atomic),
    ("ostree", Transport::Ostree),
];

const UNKNOWN_DIGEST: &str = "@@unknown-digest@@";

/// A piece of the text and where it starts in it.
#[derive(Clone, Copy)]
struct Span<'a> {
    text: &'a str,
    offset: usize,
}

impl<'a> Span<'a> {
    /// What follows the first `at` bytes.
    fn from(self, at: usize) -> Span<'a> {
        Span { text: &self.text[at..], offset: self.offset + at }
    }

    /// What is before the first `separator` and what follows it, if it is there.
    fn cut(self, separator: char) -> (Span<'a>, Option<Span<'a>>) {
        match self.text.find(separator) {
            Some(at) => {
                let before = Span { text: &self.text[..at], ..self };
                (before, Some(self.from(at + separator.len_utf8())))
            }
            None => (self, None),
        }
    }

    fn error(self, problem: Problem, expected: &str) -> TransportError {
        error(self.offset, problem, expected)
    }
}

/// The transport in front of the first colon, if it is one.
pub fn transport_of(text: &str) -> Option<Transport> {
    let (name, _) = text.split_once(':')?;
    NAMES.iter().find(|(known, _)| *known == name).map(|(_, transport)| *transport)
}

/// The transport's name.
fn transport_name(transport: Transport) -> &'static str {
    NAMES.iter().find(|(_, known)| *known == transport).map_or("", |(name, _)| name)
}

/// Reads an image name.
pub fn parse(text: &str, storage: Option<StorageAnswer>) -> Result<ImageReference, TransportError> {
    let (before, Some(within)) = (Span { text, offset: 0 }).cut(':') else {
        return Err(error(text.len(), Problem::NoTransport, "a transport, `:` and a reference"));
    };
    let Some(transport) = transport_of(text) else {
        let problem = Problem::UnknownTransport(before.text.to_owned());
        return Err(before.error(problem, "`docker`, `docker-archive`, `oci`, `oci-archive`, `dir`, …"));
    };
    let image = empty(transport);
    match transport {
        Transport::Docker => docker(within, image),
        Transport::DockerArchive => docker_archive(within, image),
        Transport::DockerDaemon => docker_daemon(within, image),
        Transport::Dir | Transport::Sif => Ok(ImageReference { path: Some(within.text.to_owned()), ..image }),
        Transport::Oci | Transport::OciArchive => layout::parse(within, image),
        Transport::ContainersStorage => storage::parse(within, storage, image),
        Transport::Tarball => {
            Ok(ImageReference { files: within.text.split(':').map(str::to_owned).collect(), ..image })
        }
        Transport::Atomic => atomic(within, image),
        Transport::Ostree => Err(before.error(Problem::Unsupported(transport), "another transport")),
    }
}

fn empty(transport: Transport) -> ImageReference {
    ImageReference {
        transport,
        path: None,
        files: Vec::new(),
        name: None,
        unknown_digest: false,
        id: None,
        ref_name: None,
        position: None,
        store: None,
    }
}

/// `//name`, with neither, a tag, or a digest.
fn docker(within: Span, image: ImageReference) -> Result<ImageReference, TransportError> {
    if !within.text.starts_with("//") {
        return Err(within.error(Problem::NoSlashes, "`//`"));
    }
    let written = within.from(2);
    if let Some(before) = written.text.strip_suffix(UNKNOWN_DIGEST) {
        let name = read_name(Span { text: before, ..written })?;
        if name.tag.is_some() || name.digest.is_some() {
            let expected = "a name with neither a tag nor a digest";
            return Err(written.error(Problem::TagAndUnknownDigest, expected));
        }
        return Ok(ImageReference { name: Some(name), unknown_digest: true, ..image });
    }
    let name = name::tag_name_only(read_name(written)?);
    if name.tag.is_some() && name.digest.is_some() {
        return Err(written.error(Problem::TagAndDigest, "a tag or a digest, not both"));
    }
    Ok(ImageReference { name: Some(name), ..image })
}

/// `path`, `path:name` or `path:@position`.
fn docker_archive(within: Span, mut image: ImageReference) -> Result<ImageReference, TransportError> {
    if within.text.is_empty() {
        return Err(within.error(Problem::Empty, "a path"));
    }
    let (path, which) = within.cut(':');
    image.path = Some(path.text.to_owned());
    match which {
        None => {}
        Some(which) if which.text.starts_with('@') => image.position = Some(position(which.from(1))?),
        Some(which) => {
            let name = name::tag_name_only(read_name(which)?);
            if name.tag.is_none() {
                return Err(which.error(Problem::NoTag, "a name with a tag"));
            }
            if name.digest.is_some() {
                return Err(which.error(Problem::TagAndDigest, "a name with a tag and without a digest"));
            }
            image.name = Some(name);
        }
    }
    Ok(image)
}

/// `sha256:hex`, or a name with a tag or a digest.
fn docker_daemon(within: Span, image: ImageReference) -> Result<ImageReference, TransportError> {
    if digest::check(within.text).is_ok() {
        let (algorithm, _) = within.cut(':');
        if algorithm.text != "sha256" {
            let problem = Problem::IdAlgorithm(algorithm.text.to_owned());
            return Err(algorithm.error(problem, "`sha256`"));
        }
        return Ok(ImageReference { id: Some(within.text.to_owned()), ..image });
    }
    let name = read_name(within)?;
    if name::familiar_name(&name) == "sha256" {
        return Err(within.error(Problem::ReservedName, "another name: `sha256` is for image IDs"));
    }
    match (&name.tag, &name.digest) {
        (None, None) => Err(within.error(Problem::NoTagOrDigest, "a name with a tag or a digest")),
        (Some(_), Some(_)) => Err(within.error(Problem::TagAndDigest, "a tag or a digest, not both")),
        _ => Ok(ImageReference { name: Some(name), ..image }),
    }
}

/// `host/namespace/stream:tag`.
fn atomic(within: Span, image: ImageReference) -> Result<ImageReference, TransportError> {
    let name = read_name(within)?;
    if name.tag.is_none() {
        return Err(within.error(Problem::NoTag, "a name with a tag"));
    }
    let components = name.path.split('/').count();
    if components != 2 {
        let problem = Problem::Components(saturating(components));
        return Err(within.error(problem, "a namespace and a stream"));
    }
    Ok(ImageReference { name: Some(name), ..image })
}

/// A name as people write it, by the rules of containers/image.
fn read_name(written: Span) -> Result<ImageName, TransportError> {
    match name::parse(written.text, Reading::Normalized, Rules::Podman) {
        Ok(Reference::Named(name)) => Ok(name),
        // The reading `normalized` answers with names only.
        Ok(Reference::Digest(_)) => Err(written.error(Problem::NoTag, "a name")),
        Err(wrong) => {
            let offset = written.offset + wrong.offset as usize;
            Err(error(offset, Problem::Name(wrong.problem), &wrong.expected))
        }
    }
}

/// The number after `@`: decimal digits with or without a sign, as an `int` in Go.
fn position(written: Span) -> Result<u64, TransportError> {
    let number: i64 = written.text.parse().map_err(|_| {
        written.error(Problem::InvalidPosition(written.text.to_owned()), "a number from 0 on")
    })?;
    u64::try_from(number).map_err(|_| written.error(Problem::NegativePosition(number), "a number from 0 on"))
}

/// The whole image name.
pub fn format(image: &ImageReference) -> String {
    format!("{}:{}", transport_name(image.transport), string_within_transport(image))
}

/// What stands after the transport and its colon.
pub fn string_within_transport(image: &ImageReference) -> String {
    let path = image.path.as_deref().unwrap_or_default();
    let familiar = || {
        image
            .name
            .as_ref()
            .map_or_else(String::new, |name| name::familiar_string(&Reference::Named(name.clone())))
    };
    match image.transport {
        Transport::Docker => {
            let suffix = if image.unknown_digest { UNKNOWN_DIGEST } else { "" };
            format!("//{}{suffix}", familiar())
        }
        Transport::DockerArchive => match (&image.name, image.position) {
            (Some(name), _) => format!("{path}:{}", name::format(&Reference::Named(name.clone()))),
            (None, Some(position)) => format!("{path}:@{position}"),
            (None, None) => path.to_owned(),
        },
        Transport::DockerDaemon => image.id.clone().unwrap_or_else(familiar),
        Transport::Dir | Transport::Sif => path.to_owned(),
        Transport::Oci | Transport::OciArchive => match image.position {
            Some(position) => format!("{path}:@{position}"),
            None => format!("{path}:{}", image.ref_name.as_deref().unwrap_or_default()),
        },
        Transport::ContainersStorage => storage::within(image),
        Transport::Tarball => image.files.join(":"),
        Transport::Atomic | Transport::Ostree => familiar(),
    }
}

fn error(offset: usize, problem: Problem, expected: &str) -> TransportError {
    TransportError { offset: saturating(offset), problem, expected: expected.to_owned() }
}

#[cfg(test)]
mod tests;
