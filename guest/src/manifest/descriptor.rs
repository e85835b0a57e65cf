//! Descriptors (image-spec, descriptor.md) and the platforms in them.

use alloc::borrow::Cow;

use super::MAX_ANNOTATIONS;
use crate::json::{Case, Reader, Result, invalid, missing, shown};
use crate::prelude::*;
use crate::types::{Descriptor, Platform};

/// A descriptor's members. `data` and others are passed over.
const DESCRIPTOR: [&str; 7] =
    ["mediaType", "digest", "size", "platform", "annotations", "artifactType", "urls"];
const MEDIA_TYPE: usize = 0;
const DIGEST: usize = 1;
const SIZE: usize = 2;
const PLATFORM: usize = 3;
const ANNOTATIONS: usize = 4;
const ARTIFACT_TYPE: usize = 5;

/// A platform's members. Docker's `features` (of the CPU) are passed over.
const PLATFORM_MEMBERS: [&str; 5] = ["architecture", "os", "variant", "os.version", "os.features"];
const ARCHITECTURE: usize = 0;
const OS: usize = 1;
const VARIANT: usize = 2;
const OS_VERSION: usize = 3;

/// Strings in a platform's `os.features`.
const MAX_FEATURES: usize = 1_000;
/// Addresses a layer may be fetched from.
const MAX_URLS: usize = 1_000;

/// Reads a descriptor: `mediaType`, `digest` and `size` must be there. `data` is passed over: what it
/// holds is fetched by digest like everything else.
pub(crate) fn read_descriptor(reader: &mut Reader<'_>) -> Result<Descriptor> {
    let start = reader.offset();
    let mut descriptor = Descriptor {
        media_type: String::new(),
        digest: String::new(),
        size: 0,
        platform: None,
        annotations: Vec::new(),
        artifact_type: None,
    };
    let seen = reader.record(&DESCRIPTOR, Case::Exact, |reader, member| {
        match member {
            MEDIA_TYPE => descriptor.media_type = reader.string()?.into_owned(),
            DIGEST => descriptor.digest = read_digest(reader)?,
            SIZE => descriptor.size = reader.size()?,
            PLATFORM => descriptor.platform = Some(read_platform(reader)?),
            ANNOTATIONS => descriptor.annotations = reader.string_map("annotations", MAX_ANNOTATIONS)?,
            ARTIFACT_TYPE => descriptor.artifact_type = filled(reader.string()?),
            _ => drop(reader.strings("urls", MAX_URLS)?),
        }
        Ok(())
    })?;
    for member in [MEDIA_TYPE, DIGEST, SIZE] {
        if !seen.has_value(member) {
            return Err(missing(start, DESCRIPTOR[member]));
        }
    }
    if descriptor.media_type.is_empty() {
        return Err(missing(start, DESCRIPTOR[MEDIA_TYPE]));
    }
    Ok(descriptor)
}

/// Reads the `platform` of an index's entry.
fn read_platform(reader: &mut Reader<'_>) -> Result<Platform> {
    let mut platform = Platform {
        os: String::new(),
        architecture: String::new(),
        variant: None,
        os_version: None,
        os_features: Vec::new(),
    };
    reader.record(&PLATFORM_MEMBERS, Case::Exact, |reader, member| {
        match member {
            OS => platform.os = reader.string()?.into_owned(),
            ARCHITECTURE => platform.architecture = reader.string()?.into_owned(),
            VARIANT => platform.variant = filled(reader.string()?),
            OS_VERSION => platform.os_version = filled(reader.string()?),
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
    const ALGORITHMS: [(&str, usize); 3] = [("sha256:", 64), ("sha384:", 96), ("sha512:", 128)];
    ALGORITHMS.iter().any(|(algorithm, digits)| {
        text.strip_prefix(algorithm).is_some_and(|hex| hex.len() == *digits && is_lower_hex(hex.as_bytes()))
    })
}

/// Whether all bytes are lower-case hexadecimal digits; eight at a time. Any that are left over after
/// the last eight make it false: no digest has such.
fn is_lower_hex(bytes: &[u8]) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let (words, rest) = bytes.as_chunks::<8>();
    // Of bytes below 0x80: the high bit of each that is `least` or more. Nothing is carried over.
    let from = |word: u64, least: u8| word + ONES * u64::from(0x80 - least);
    rest.is_empty()
        && words.iter().all(|word| {
            let word = u64::from_le_bytes(*word);
            let ascii = word & HIGHS == 0;
            let word = word & !HIGHS;
            let digit = from(word, b'0') & !from(word, b'9' + 1);
            let letter = from(word, b'a') & !from(word, b'f' + 1);
            ascii && (digit | letter) & HIGHS == HIGHS
        })
}

/// The string, unless it is empty, which is the same as absent.
pub(crate) fn filled(text: Cow<'_, str>) -> Option<String> {
    (!text.is_empty()).then(|| text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::is_lower_hex;

    #[test]
    fn every_byte_in_every_place_is_told() {
        for byte in 0..=u8::MAX {
            let wanted = matches!(byte, b'0'..=b'9' | b'a'..=b'f');
            for place in 0..16 {
                let mut bytes = *b"0123456789abcdef";
                bytes[place] = byte;
                assert_eq!(is_lower_hex(&bytes), wanted, "{byte:#x}");
                let mut bytes = [byte; 16];
                bytes[place] = b'f';
                assert_eq!(is_lower_hex(&bytes), wanted, "{byte:#x}");
            }
        }
        assert!(!is_lower_hex(b"012345678"));
    }
}
