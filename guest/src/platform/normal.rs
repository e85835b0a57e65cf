//! Canonical names.

use super::Platform;
use crate::lower_case;
use crate::prelude::*;
use crate::sort::stable_sort;

/// The canonical form of a platform; `host_os` stands in for an operating system left out.
pub fn normalize(platform: &Platform, host_os: &str) -> Platform {
    let normal = Normal::new(platform, host_os);
    Platform {
        os: normal.os,
        architecture: normal.architecture,
        variant: Some(normal.variant).filter(|variant| !variant.is_empty()),
        os_version: platform.os_version.clone().filter(|version| !version.is_empty()),
        os_features: normal.features,
    }
}

/// A platform in canonical form; an absent variant is the empty string. The operating system's version
/// has no canonical form and stays where it was.
#[derive(Debug, Clone)]
pub(super) struct Normal {
    pub os: String,
    pub architecture: String,
    pub variant: String,
    /// Ascending, each once.
    pub features: Vec<String>,
}

impl Normal {
    pub fn new(platform: &Platform, host_os: &str) -> Normal {
        let (architecture, variant) =
            normalize_architecture(&platform.architecture, platform.variant.as_deref().unwrap_or_default());
        let mut features = platform.os_features.clone();
        stable_sort(&mut features, |a, b| a < b);
        features.dedup();
        Normal { os: normalize_os(&platform.os, host_os), architecture, variant, features }
    }
}

pub(super) fn normalize_os(os: &str, host_os: &str) -> String {
    if os.is_empty() {
        return host_os.to_owned();
    }
    let os = lower_case(os);
    if os == "macos" { "darwin".to_owned() } else { os }
}

/// The canonical architecture and variant; no variant is the empty string.
pub(super) fn normalize_architecture(architecture: &str, variant: &str) -> (String, String) {
    let (architecture, variant) = (lower_case(architecture), lower_case(variant));
    let (architecture, variant) = match (architecture.as_str(), variant.as_str()) {
        ("i386", _) => ("386", ""),
        ("x86_64" | "x86-64" | "amd64", "v1") => ("amd64", ""),
        ("x86_64" | "x86-64" | "amd64", _) => ("amd64", variant.as_str()),
        ("aarch64" | "arm64", "8" | "v8" | "v8.0") => ("arm64", ""),
        ("aarch64" | "arm64", "9" | "9.0" | "v9.0") => ("arm64", "v9"),
        ("aarch64" | "arm64", _) => ("arm64", variant.as_str()),
        ("armhf", _) => ("arm", "v7"),
        ("armel", _) => ("arm", "v6"),
        ("arm", "" | "7") => ("arm", "v7"),
        ("arm", "5") => ("arm", "v5"),
        ("arm", "6") => ("arm", "v6"),
        ("arm", "8") => ("arm", "v8"),
        _ => return (architecture, variant),
    };
    (architecture.to_owned(), variant.to_owned())
}

/// Go's `strings.ToLower`: one character for one character, so a final sigma is a sigma like any other.
fn lower_case(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.chars().map(lower_case::lower).collect()
}

/// The operating systems a lone component may name (Go's `syslist.go`). Takes the canonical name.
pub(super) fn is_known_os(os: &str) -> bool {
    matches!(
        os,
        "aix"
            | "android"
            | "darwin"
            | "dragonfly"
            | "freebsd"
            | "hurd"
            | "illumos"
            | "ios"
            | "js"
            | "linux"
            | "nacl"
            | "netbsd"
            | "openbsd"
            | "plan9"
            | "solaris"
            | "windows"
            | "zos"
    )
}

/// The architectures a lone component may name (Go's `syslist.go`). Takes the canonical name.
pub(super) fn is_known_architecture(architecture: &str) -> bool {
    matches!(
        architecture,
        "386"
            | "amd64"
            | "amd64p32"
            | "arm"
            | "armbe"
            | "arm64"
            | "arm64be"
            | "ppc64"
            | "ppc64le"
            | "loong64"
            | "mips"
            | "mipsle"
            | "mips64"
            | "mips64le"
            | "mips64p32"
            | "mips64p32le"
            | "ppc"
            | "riscv"
            | "riscv64"
            | "s390"
            | "s390x"
            | "sparc"
            | "sparc64"
            | "wasm"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dotted_capital_i_becomes_one_character() {
        assert_eq!(lower_case("\u{130}Σ"), "iσ");
    }

    #[test]
    fn the_understood_variants_are_left_out_and_the_unclear_one_is_named() {
        assert_eq!(normalize_architecture("x86_64", "V1"), ("amd64".into(), String::new()));
        assert_eq!(normalize_architecture("AArch64", "8"), ("arm64".into(), String::new()));
        assert_eq!(normalize_architecture("arm64", "v9.0"), ("arm64".into(), "v9".into()));
        assert_eq!(normalize_architecture("arm64", "8.0"), ("arm64".into(), "8.0".into()));
        assert_eq!(normalize_architecture("arm", ""), ("arm".into(), "v7".into()));
        assert_eq!(normalize_architecture("armel", "v7"), ("arm".into(), "v6".into()));
        assert_eq!(normalize_architecture("i386", "v2"), ("386".into(), String::new()));
    }
}
