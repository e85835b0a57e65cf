//! The guest's reasons in words. Messages are lower case, without a full stop, what was wanted first.

use std::fmt::{self, Display, Write};

use crate::types::manifests::{ManifestError, ManifestProblem};
use crate::types::resolution::{Considered, Explanation, Mismatch, ResolveError, Step, Verdict};
use crate::types::selection::Reason;
use crate::types::{self, ContentError, ImageName, Platform};

/// What the media types of schema 1 begin with, signed or not.
const SCHEMA_1: &str = "application/vnd.docker.distribution.manifest.v1+";

/// A platform as `os/architecture[/variant][ os-version]`; `unknown` where it names nothing.
pub fn platform(platform: &Platform) -> String {
    if platform.os.is_empty() && platform.architecture.is_empty() {
        return "unknown".into();
    }
    let mut text = platform.os.clone();
    if let Some(version) = &platform.os_version {
        let _ = write!(text, "({version})");
    }
    for part in [Some(&platform.architecture), platform.variant.as_ref()].into_iter().flatten() {
        if !part.is_empty() {
            text.push('/');
            text.push_str(part);
        }
    }
    text
}

/// A name in full: `docker.io/library/debian:12`.
pub fn name(name: &ImageName) -> String {
    let mut text = String::new();
    if !name.domain.is_empty() {
        text.push_str(&name.domain);
        text.push('/');
    }
    text.push_str(&name.path);
    if let Some(tag) = &name.tag {
        text.push(':');
        text.push_str(tag);
    }
    if let Some(digest) = &name.digest {
        text.push('@');
        text.push_str(digest);
    }
    text
}

/// Why a resolution ended without an image.
pub(super) fn refusal(error: &ResolveError, explanation: &Explanation) -> String {
    match error {
        ResolveError::Name(error) => reference(error),
        ResolveError::NotFound(name) => format!("no such image: `{name}`"),
        ResolveError::Ambiguous(candidates) => {
            format!("the beginning of an ID fits several images: {}", quoted(candidates))
        }
        ResolveError::Platform(mismatch) => no_platform(mismatch, explanation),
        ResolveError::Incomplete(target) => {
            let kind = if target.media_type.is_empty() { "content" } else { &target.media_type };
            format!("wanted `{}` ({kind}), which is not here", target.digest)
        }
        ResolveError::Document((target, error)) => {
            format!("`{}` ({}): {}", target.digest, target.media_type, document(error))
        }
        ResolveError::NotAnImage(target) => format!(
            "wanted an index, a manifest or an image config, found `{}` (`{}`)",
            target.media_type, target.digest
        ),
        ResolveError::LayerCount((config, manifest)) => {
            format!(
                "wanted as many layers as the config's {config} diff IDs, found {manifest} in the manifest"
            )
        }
        ResolveError::Limit((what, limit)) => format!("over the limit of {limit} {what}"),
        ResolveError::Content(error) => content(error),
    }
}

/// What is wrong with a reference, and where.
pub fn reference(error: &types::references::ReferenceError) -> String {
    format!("not an image reference: wanted {}, at byte {}", error.expected, error.offset)
}

/// What is wrong with a document, and where.
pub fn document(error: &ManifestError) -> String {
    let what = match &error.problem {
        ManifestProblem::Syntax(text) => format!("not JSON: {text}"),
        ManifestProblem::Missing(member) => format!("wanted a member `{member}`, found none"),
        ManifestProblem::Invalid((member, wanted, found)) => {
            format!("member `{member}`: wanted {wanted}, found `{found}`")
        }
        ManifestProblem::Duplicate(member) => format!("member `{member}` is there more than once"),
        ManifestProblem::Ambiguous(members) => {
            format!("it can be read as two kinds of document: {members}")
        }
        ManifestProblem::MediaTypeMismatch((wanted, found)) => {
            format!("wanted media type `{wanted}`, found `{found}`")
        }
        // Registries that still have such give them to whoever takes nothing newer.
        ManifestProblem::Unsupported(kind) if kind.starts_with(SCHEMA_1) => {
            format!("`{kind}` is not supported: it is of Docker's schema 1, wanted schema 2 or OCI's")
        }
        ManifestProblem::Unsupported(kind) => format!("`{kind}` is not supported"),
        ManifestProblem::TooLarge((what, limit, found)) => {
            format!("wanted at most {limit} {what}, found {found}")
        }
    };
    if error.offset == 0 { what } else { format!("{what}, at byte {}", error.offset) }
}

fn content(error: &ContentError) -> String {
    match error {
        ContentError::TooLarge((size, limit)) => format!("wanted at most {limit} bytes, found {size}"),
        ContentError::Corrupt(digest) => format!("wanted content with digest `{digest}`, found other bytes"),
        ContentError::Unavailable(reason) => reason.clone(),
    }
}

fn no_platform(mismatch: &Mismatch, explanation: &Explanation) -> String {
    let wanted = platform(&mismatch.wanted);
    if let Some((image, found)) = &mismatch.image {
        return format!("wanted platform `{wanted}`, found image `{image}` for `{}`", platform(found));
    }
    let mut offered: Vec<String> = explanation
        .considered
        .iter()
        .filter(|entry| !matches!(entry.verdict, Verdict::PassedOver(Reason::Attestation)))
        .filter_map(|entry| entry.entry.platform.as_ref())
        .map(platform)
        .collect();
    offered.dedup();
    if offered.is_empty() {
        return format!("wanted platform `{wanted}`, found an index without a platform that fits");
    }
    format!("wanted platform `{wanted}`, found {}", quoted(&offered))
}

fn quoted(texts: &[String]) -> String {
    texts.iter().map(|text| format!("`{text}`")).collect::<Vec<_>>().join(", ")
}

/// A verdict on an entry, or a step, in words.
pub struct Explained<'a, T>(pub &'a T);

impl Display for Explained<'_, Considered> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.0.verdict, &self.0.entry.platform) {
            (Verdict::PassedOver(Reason::Outranked(position)), None) => {
                write!(f, "names no platform, and entry {position} fits")
            }
            (verdict, _) => Explained(verdict).fmt(f),
        }
    }
}

impl Display for Explained<'_, Verdict> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Verdict::Chosen => f.write_str("chosen"),
            Verdict::PassedOver(reason) => Explained(reason).fmt(f),
            Verdict::Absent => f.write_str("fits, but its content is not here"),
            Verdict::ConfigDisagrees(found) => write!(f, "its config says `{}`", platform(found)),
            Verdict::NothingWithin => f.write_str("an index with nothing in it that fits"),
        }
    }
}

impl Display for Explained<'_, Reason> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Reason::Best => f.write_str("fits best"),
            Reason::Outranked(position) => {
                write!(f, "fits, but entry {position} fits better or comes before it")
            }
            Reason::OtherOs(os) => write!(f, "another operating system: `{os}`"),
            Reason::OtherArchitecture(architecture) => write!(f, "another architecture: `{architecture}`"),
            Reason::OtherVariant(Some(variant)) => {
                write!(f, "a variant this platform does not run: `{variant}`")
            }
            Reason::OtherVariant(None) => f.write_str("a variant this platform does not run: none given"),
            Reason::OtherOsVersion(Some(version)) => write!(f, "another OS version: `{version}`"),
            Reason::OtherOsVersion(None) => f.write_str("another OS version: none given"),
            Reason::MissingOsFeatures(features) => {
                write!(f, "needs OS features that are not offered: {}", quoted(features))
            }
            Reason::NoPlatform => f.write_str("names no platform"),
            Reason::Attestation => f.write_str("an attestation, not an image"),
            Reason::NotAnImage(media_type) => write!(f, "not an image: `{media_type}`"),
        }
    }
}

impl Display for Explained<'_, Step> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Step::LookedUp((wanted, true)) => write!(f, "name `{}`: found", name(wanted)),
            Step::LookedUp((wanted, false)) => write!(f, "name `{}`: not there", name(wanted)),
            Step::Searched((prefix, count)) => write!(f, "ID `{prefix}`: {count} found"),
            Step::Dangling(target) => write!(f, "`{}` is pointed at and not here", target.digest),
            Step::ConfigPlatform((found, true)) => {
                write!(f, "the config's platform `{}` is good", platform(found))
            }
            Step::ConfigPlatform((found, false)) => {
                write!(f, "the config's platform `{}` is not what was asked for", platform(found))
            }
            Step::Vouched(index) => {
                write!(f, "index `{}` holds the image under the platform that was asked for", index.digest)
            }
        }
    }
}
