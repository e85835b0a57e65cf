//! Descriptors (image-spec, descriptor.md) and the platforms in them.

use std::borrow::Cow;

use super::MAX_ANNOTATIONS;
use crate::json::{Case, Reader, Result, invalid, missing, shown};
use crate::wit::consign::image::types::{Descriptor, Platform};

/// Strings in a platform's `os.features`.
const MAX_FEATURES: usize = 1_000;
/// Addresses a layer may be fetched from.
const MAX_URLS: usize = 1_000;

/// Reads a descriptor: `mediaType`, `digest` and `size` must be there. `data` is passed over: what it
/// holds is fetched by digest like everything else.
pub(crate) fn read_descriptor(reader: &mut Reader<'_>) -> Result<Descriptor> {
    const MEMBERS: [&str; 8] =
        ["mediaType", "digest", "size", "platform", "annotations", "artifactType", "urls", "data"];
    let start = reader.offset();
    let mut descriptor = Descriptor {
        media_type: String::new(),
        digest: String::new(),
        size: 0,
        platform: None,
        annotations: Vec::new(),
        artifact_type: None,
    };
    let seen = reader.record(&MEMBERS, Case::Exact, |reader, member| {
        match MEMBERS[member] {
            "mediaType" => descriptor.media_type = reader.string()?.into_owned(),
            "digest" => descriptor.digest = read_digest(reader)?,
            "size" => descriptor.size = reader.size()?,
            "platform" => descriptor.platform = Some(read_platform(reader)?),
            "annotations" => descriptor.annotations = reader.string_map("annotations", MAX_ANNOTATIONS)?,
            "artifactType" => descriptor.artifact_type = filled(reader.string()?),
            "urls" => drop(reader.strings("urls", MAX_URLS)?),
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    for member in [0, 1, 2] {
        if !seen.has_value(member) {
            return Err(missing(start, MEMBERS[member]));
        }
    }
    if descriptor.media_type.is_empty() {
        return Err(missing(start, MEMBERS[0]));
    }
    Ok(descriptor)
}

/// Reads the `platform` of an index's entry. Docker's `features` (of the CPU) are passed over.
fn read_platform(reader: &mut Reader<'_>) -> Result<Platform> {
    const MEMBERS: [&str; 5] = ["os", "architecture", "variant", "os.version", "os.features"];
    let mut platform = Platform {
        os: String::new(),
        architecture: String::new(),
        variant: None,
        os_version: None,
        os_features: Vec::new(),
    };
    reader.record(&MEMBERS, Case::Exact, |reader, member| {
        match MEMBERS[member] {
            "os" => platform.os = reader.string()?.into_owned(),
            "architecture" => platform.architecture = reader.string()?.into_owned(),
            "variant" => platform.variant = filled(reader.string()?),
            "os.version" => platform.os_version = filled(reader.string()?),
            _ => platform.os_features = reader.strings("os.features", MAX_FEATURES)?,
        }
        Ok(())
    })?;
    Ok(platform)
}

/// Reads a digest of a registered algorithm.
pub(crate) fn read_digest(reader: &mut Reader<'_>) -> Result<String> {
    let at = reader.offset();
    let text = reader.string()?;
    if is_digest(&text) {
        return Ok(text.into_owned());
    }
    let wanted = "`sha256:`, `sha384:` or `sha512:` with lower-case hexadecimal digits";
    Err(invalid(at, "", wanted, format!("`{}`", shown(&text))))
}

/// Whether the text is a digest of a registered algorithm (image-spec, descriptor.md, "Digests").
pub(crate) fn is_digest(text: &str) -> bool {
    let Some((algorithm, hex)) = text.split_once(':') else { return false };
    let digits = match algorithm {
        "sha256" => 64,
        "sha384" => 96,
        "sha512" => 128,
        _ => return false,
    };
    hex.len() == digits && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The string, unless it is empty, which is the same as absent.
pub(crate) fn filled(text: Cow<'_, str>) -> Option<String> {
    (!text.is_empty()).then(|| text.into_owned())
}
