//! Platform strings: `os[(version[+feature]*)]`, `architecture`, `os/architecture` or
//! `os/architecture/variant`.

use super::Platform;
use super::normal::{is_known_architecture, is_known_os, normalize_architecture, normalize_os};
use crate::prelude::*;
use crate::wit::exports::consign::image::platforms::{PlatformError, PlatformProblem};

/// Reads a platform string. What a single component leaves out is taken from `host`.
///
/// Of several things that are wrong the first of these is told: a `*` anywhere, the components from left to
/// right, their number, a lone component that is unknown.
pub fn parse(specifier: &str, host: &Platform) -> Result<Platform, PlatformError> {
    if let Some(offset) = specifier.find('*') {
        let component = specifier.split('/').find(|part| part.contains('*')).unwrap_or_default();
        return Err(error(PlatformProblem::Wildcard, offset, component));
    }
    // A fourth component takes the rest, slashes and all, so that there is no long list to hold.
    let parts: Vec<&str> = specifier.splitn(4, '/').collect();
    let first = parts.first().copied().unwrap_or_default();
    let mut platform = operating_system(first, host)?;
    let mut start = first.len() + 1;
    for part in &parts[1..] {
        let wrong = part.bytes().position(|byte| !is_name_byte(byte) && byte != b'.');
        if let Some(wrong) = wrong.or_else(|| part.is_empty().then_some(0)) {
            return Err(error(PlatformProblem::Component, start + wrong, part));
        }
        start += part.len() + 1;
    }
    match parts[..] {
        [_] if is_known_os(&platform.os) => {
            platform.architecture.clone_from(&host.architecture);
            let host_variant = host.variant.as_deref().unwrap_or_default();
            if host.architecture == "arm" && host_variant != "v7" {
                set_variant(&mut platform, host_variant.to_owned());
            }
            Ok(platform)
        }
        [only] => {
            set_architecture(&mut platform, only);
            if !is_known_architecture(&platform.architecture) {
                return Err(error(PlatformProblem::Unknown, 0, only));
            }
            platform.os.clone_from(&host.os);
            Ok(platform)
        }
        [_, architecture] => {
            set_architecture(&mut platform, architecture);
            Ok(platform)
        }
        [_, architecture, variant] => {
            let (architecture, mut variant) = normalize_architecture(architecture, variant);
            if architecture == "arm64" && variant.is_empty() {
                "v8".clone_into(&mut variant);
            }
            platform.architecture = architecture;
            set_variant(&mut platform, variant);
            Ok(platform)
        }
        _ => {
            let fourth = parts.last().copied().unwrap_or_default();
            Err(error(PlatformProblem::TooManyComponents, specifier.len() - fourth.len(), fourth))
        }
    }
}

/// An architecture without a variant: `v7` of `arm` goes without saying.
fn set_architecture(platform: &mut Platform, text: &str) {
    let (architecture, mut variant) = normalize_architecture(text, "");
    if architecture == "arm" && variant == "v7" {
        variant.clear();
    }
    platform.architecture = architecture;
    set_variant(platform, variant);
}

fn set_variant(platform: &mut Platform, variant: String) {
    platform.variant = Some(variant).filter(|variant| !variant.is_empty());
}

/// Reads the first component; `text` starts the specifier, so that offsets in it are offsets in that.
fn operating_system(text: &str, host: &Platform) -> Result<Platform, PlatformError> {
    let wrong = |offset: usize| Err(error(PlatformProblem::OperatingSystem, offset, text));
    let name_len = prefix_len(text, is_name_byte);
    let (name, rest) = text.split_at(name_len);
    if name.is_empty() {
        return wrong(0);
    }
    let mut platform = Platform {
        os: normalize_os(name, &host.os),
        architecture: String::new(),
        variant: None,
        os_version: None,
        os_features: Vec::new(),
    };
    if rest.is_empty() {
        return Ok(platform);
    }
    let Some(options) = rest.strip_prefix('(') else { return wrong(name_len) };
    // A version, which may be absent, then features, which may not be empty.
    let mut options_len = prefix_len(options, is_option_byte);
    while let Some(feature) = options[options_len..].strip_prefix('+') {
        let feature_len = prefix_len(feature, is_option_byte);
        if feature_len == 0 {
            return wrong(name_len + 1 + options_len + 1);
        }
        options_len += 1 + feature_len;
    }
    match options[options_len..].strip_prefix(')') {
        Some("") => {}
        Some(_) => return wrong(name_len + 1 + options_len + 1),
        None => return wrong(name_len + 1 + options_len),
    }
    let mut offset = name_len + 1;
    for (index, option) in options[..options_len].split('+').enumerate() {
        let problem = if index == 0 { PlatformProblem::OsVersion } else { PlatformProblem::OsFeature };
        let value = unescape(option).map_err(|at| error(problem, offset + at, option))?;
        if index == 0 {
            platform.os_version = Some(value).filter(|version| !version.is_empty());
        } else {
            platform.os_features.push(value);
        }
        offset += option.len() + 1;
    }
    Ok(platform)
}

fn prefix_len(text: &str, allowed: impl Fn(u8) -> bool) -> usize {
    text.bytes().position(|byte| !allowed(byte)).unwrap_or(text.len())
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

fn is_option_byte(byte: u8) -> bool {
    is_name_byte(byte) || matches!(byte, b'.' | b'%')
}

/// Undoes `%XX`. An error is the offset of the `%` that has no two hexadecimal digits after it. Bytes that
/// are no UTF-8 become U+FFFD, each by itself.
fn unescape(text: &str) -> Result<String, usize> {
    if !text.contains('%') {
        return Ok(text.to_owned());
    }
    let (mut bytes, mut at) = (Vec::with_capacity(text.len()), 0);
    let digit = |at: usize| text.as_bytes().get(at).and_then(|&byte| char::from(byte).to_digit(16));
    while let Some(&byte) = text.as_bytes().get(at) {
        if byte != b'%' {
            bytes.push(byte);
            at += 1;
            continue;
        }
        let (Some(high), Some(low)) = (digit(at + 1), digit(at + 2)) else { return Err(at) };
        bytes.extend(u8::try_from(high * 16 + low));
        at += 3;
    }
    let mut decoded = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        decoded.push_str(chunk.valid());
        decoded.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    Ok(decoded)
}

fn error(problem: PlatformProblem, offset: usize, component: &str) -> PlatformError {
    PlatformError { offset: offset as u64, component: component.to_owned(), problem }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn host() -> Platform {
        Platform {
            os: "linux".into(),
            architecture: "arm".into(),
            variant: Some("v6".into()),
            os_version: None,
            os_features: Vec::new(),
        }
    }

    fn problem(specifier: &str) -> (PlatformProblem, u64, String) {
        let error = parse(specifier, &host()).unwrap_err();
        (error.problem, error.offset, error.component)
    }

    #[test]
    fn a_lone_operating_system_takes_the_hosts_architecture_and_variant() {
        let platform = parse("windows(10.0.17763+win32k+a%2Bb)", &host()).unwrap();
        assert_eq!((platform.os.as_str(), platform.architecture.as_str()), ("windows", "arm"));
        assert_eq!(platform.variant.as_deref(), Some("v6"));
        assert_eq!(platform.os_version.as_deref(), Some("10.0.17763"));
        assert_eq!(platform.os_features, ["win32k", "a+b"]);
    }

    #[test]
    fn errors_say_where_and_which_component() {
        use PlatformProblem as P;
        for (specifier, wanted) in [
            ("linux/*/v7", (P::Wildcard, 6, "*")),
            ("", (P::OperatingSystem, 0, "")),
            ("lin ux/arm", (P::OperatingSystem, 3, "lin ux")),
            ("linux(1.0", (P::OperatingSystem, 9, "linux(1.0")),
            ("linux(1.0)x/arm", (P::OperatingSystem, 10, "linux(1.0)x")),
            ("linux(1++a)", (P::OperatingSystem, 8, "linux(1++a)")),
            ("linux(1+)", (P::OperatingSystem, 8, "linux(1+)")),
            ("linux(%zz)", (P::OsVersion, 6, "%zz")),
            ("linux(1+a+b%2)", (P::OsFeature, 11, "b%2")),
            ("linux//v7", (P::Component, 6, "")),
            ("linux/ar+m", (P::Component, 8, "ar+m")),
            ("linux/arm/", (P::Component, 10, "")),
            ("linux/arm/v7/x/y", (P::Component, 14, "x/y")),
            ("linux/arm/v7/x", (P::TooManyComponents, 13, "x")),
            ("lunix", (P::Unknown, 0, "lunix")),
        ] {
            assert_eq!(problem(specifier), (wanted.0, wanted.1, wanted.2.to_owned()), "{specifier}");
        }
    }

    #[test]
    fn every_string_gives_an_answer_or_an_error() {
        for specifier in ["(", "%", "a(%", "é/é", "a/é", "a(é)", "/", "////", "a(+++)", "a(%ff%c3%a9)"] {
            let _ = parse(specifier, &host());
        }
        assert_eq!(parse("linux(%e2%82)", &host()).unwrap().os_version.unwrap(), "\u{fffd}\u{fffd}");
    }
}
