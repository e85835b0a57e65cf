//! The platform of the machine consign runs on. The component cannot see it and is told.
//!
//! Docker and containerd know two: [`default_platform`] is what stands in for a platform nobody named, and
//! has no variant on amd64; [`maximum_platform`] is the most that the machine can run, and has the
//! microarchitecture level there. A choice by the second prefers images built for the level to
//! others, and still takes the others.

use std::sync::OnceLock;

use crate::types::Platform;

/// The machine's platform as containerd's `DefaultSpec` has it: Go's names for operating system and
/// architecture; a variant on 32- and 64-bit ARM (`v5` to `v8`) where it can be told, else none. The Windows
/// build is not looked up.
pub fn default_platform() -> &'static Platform {
    static PLATFORM: OnceLock<Platform> = OnceLock::new();
    PLATFORM.get_or_init(|| Platform {
        os: os().to_owned(),
        architecture: architecture().to_owned(),
        variant: arm_variant().map(str::to_owned),
        os_version: None,
        os_features: Vec::new(),
    })
}

/// As [`default_platform`], with the level (`v1` to `v4`) as the variant on amd64: Docker's `MaximumSpec`.
pub fn maximum_platform() -> &'static Platform {
    static PLATFORM: OnceLock<Platform> = OnceLock::new();
    PLATFORM.get_or_init(|| {
        let platform = default_platform().clone();
        match amd64_level() {
            Some(level) => Platform { variant: Some(level.to_owned()), ..platform },
            None => platform,
        }
    })
}

/// Go's name for the operating system.
fn os() -> &'static str {
    match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    }
}

/// Go's name for the architecture.
fn architecture() -> &'static str {
    let little = cfg!(target_endian = "little");
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "x86" => "386",
        "aarch64" => "arm64",
        "loongarch64" => "loong64",
        "powerpc64" if little => "ppc64le",
        "powerpc64" => "ppc64",
        "powerpc" => "ppc",
        "mips" if little => "mipsle",
        "mips64" if little => "mips64le",
        "wasm32" | "wasm64" => "wasm",
        other => other,
    }
}

/// The highest of the levels of the x86-64 psABI ("Micro-Architecture Levels") of which every feature is there
/// and, for the vector ones, switched on by the operating system; `None` on other architectures.
#[cfg(target_arch = "x86_64")]
pub fn amd64_level() -> Option<&'static str> {
    macro_rules! all {
        ($($feature:tt)*) => { $(std::arch::is_x86_feature_detected!($feature))&&* };
    }
    // The standard library does not tell of LAHF and SAHF in 64-bit mode.
    let has_lahf = std::arch::x86_64::__cpuid(0x8000_0001).ecx & 1 == 1;
    if !(has_lahf && all!("cmpxchg16b" "popcnt" "sse3" "ssse3" "sse4.1" "sse4.2")) {
        return Some("v1");
    }
    if !all!("avx" "avx2" "bmi1" "bmi2" "f16c" "fma" "lzcnt" "movbe" "xsave") {
        return Some("v2");
    }
    if !all!("avx512f" "avx512bw" "avx512cd" "avx512dq" "avx512vl") {
        return Some("v3");
    }
    Some("v4")
}

/// The level of an amd64 machine; there is none on this architecture.
#[cfg(not(target_arch = "x86_64"))]
pub fn amd64_level() -> Option<&'static str> {
    None
}

/// The kernel's word for it.
#[cfg(all(
    any(target_arch = "arm", target_arch = "aarch64"),
    any(target_os = "linux", target_os = "android")
))]
fn arm_variant() -> Option<&'static str> {
    use std::io::Read as _;

    // The first processor's lines are the first few hundred bytes.
    let mut cpuinfo = Vec::new();
    let file = std::fs::File::open("/proc/cpuinfo").ok()?;
    file.take(64 << 10).read_to_end(&mut cpuinfo).ok()?;
    let machine = rustix::system::uname();
    linux_arm_variant(
        &String::from_utf8_lossy(&cpuinfo),
        &machine.machine().to_string_lossy(),
        cfg!(target_arch = "arm"),
    )
}

/// Windows and macOS run on nothing less than this.
#[cfg(not(all(
    any(target_arch = "arm", target_arch = "aarch64"),
    any(target_os = "linux", target_os = "android")
)))]
fn arm_variant() -> Option<&'static str> {
    match (std::env::consts::ARCH, std::env::consts::OS) {
        ("aarch64", _) => Some("v8"),
        ("arm", "windows" | "macos") => Some("v7"),
        _ => None,
    }
}

/// The variant of a Linux machine, from its `/proc/cpuinfo` or, where that has no `CPU architecture` (as under emulation),
/// from what `uname` calls the machine.
#[cfg_attr(not(any(target_arch = "arm", target_arch = "aarch64", test)), allow(dead_code))]
fn linux_arm_variant(cpuinfo: &str, machine: &str, is_32_bit: bool) -> Option<&'static str> {
    let field = |name: &str| {
        cpuinfo.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            let value = value.split(':').next().unwrap_or_default();
            key.trim().eq_ignore_ascii_case(name).then(|| value.trim().to_ascii_lowercase())
        })
    };
    let machine = machine.to_ascii_lowercase();
    let version = field("CPU architecture").unwrap_or_else(|| match machine.as_str() {
        "aarch64" => "8".to_owned(),
        // `armv7l` and the like.
        other => other.strip_prefix("armv").and_then(|rest| rest.get(..1)).unwrap_or_default().to_owned(),
    });
    // A kernel quirk: the first Raspberry Pi says 7 and means 6.
    let is_pi = || field("model name").is_some_and(|model| model.starts_with("armv6-compatible"));
    if is_32_bit && version == "7" && is_pi() {
        return Some("v6");
    }
    match version.as_str() {
        "8" | "aarch64" => Some("v8"),
        "7" | "7m" | "?(12)" | "?(13)" | "?(14)" | "?(15)" | "?(16)" | "?(17)" => Some("v7"),
        "6" | "6tej" => Some("v6"),
        "5" | "5t" | "5te" | "5tej" => Some("v5"),
        "4" | "4t" => Some("v4"),
        "3" => Some("v3"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_has_no_level_and_the_maximum_has_one_on_amd64() {
        let (default, maximum) = (default_platform(), maximum_platform());
        assert_eq!((&default.os, &default.architecture), (&maximum.os, &maximum.architecture));
        if default.architecture == "amd64" {
            assert_eq!(default.variant, None);
            assert!(["v1", "v2", "v3", "v4"].contains(&maximum.variant.as_deref().unwrap_or_default()));
        } else {
            assert_eq!(default.variant, maximum.variant);
        }
    }

    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    #[test]
    fn the_level_is_the_one_the_kernels_flags_give() {
        let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").expect("Linux has it");
        let flags = cpuinfo.lines().find(|line| line.starts_with("flags")).expect("x86 has flags");
        let flags: Vec<&str> = flags.split_whitespace().collect();
        let has = |wanted: &str| wanted.split(' ').all(|flag| flags.contains(&flag));
        let level = match () {
            () if !has("cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3") => "v1",
            () if !has("avx avx2 bmi1 bmi2 f16c fma abm movbe xsave") => "v2",
            () if !has("avx512f avx512bw avx512cd avx512dq avx512vl") => "v3",
            () => "v4",
        };
        assert_eq!(amd64_level(), Some(level));
    }

    #[test]
    fn the_kernel_names_the_arm_version() {
        let cpuinfo = "processor\t: 0\nCPU architecture: 7\nprocessor\t: 1\nCPU architecture: 8\n";
        assert_eq!(linux_arm_variant(cpuinfo, "armv8l", true), Some("v7"));
        assert_eq!(linux_arm_variant("CPU architecture: AArch64", "", false), Some("v8"));
        assert_eq!(linux_arm_variant("CPU architecture: 5TE", "", true), Some("v5"));
        assert_eq!(linux_arm_variant("CPU architecture: nine", "aarch64", false), None);
    }

    #[test]
    fn the_first_raspberry_pi_says_seven_and_means_six() {
        let cpuinfo = "model name\t: ARMv6-compatible processor rev 7 (v6l)\nCPU architecture: 7\n";
        assert_eq!(linux_arm_variant(cpuinfo, "armv6l", true), Some("v6"));
        assert_eq!(linux_arm_variant(cpuinfo, "armv6l", false), Some("v7"));
    }

    #[test]
    fn without_a_version_in_cpuinfo_the_machines_name_tells() {
        assert_eq!(linux_arm_variant("processor: 0\n", "aarch64", false), Some("v8"));
        assert_eq!(linux_arm_variant("", "armv6l", true), Some("v6"));
        assert_eq!(linux_arm_variant("", "arm", true), None);
        assert_eq!(linux_arm_variant("", "x86_64", true), None);
    }
}
