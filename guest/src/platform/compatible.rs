//! Which architectures and variants run on which.

use super::normal::normalize_architecture;
use crate::prelude::*;

/// One or more variants of an architecture, in canonical form.
#[derive(Debug)]
pub(super) enum Step {
    One {
        architecture: String,
        variant: String,
    },
    /// `v{from}`, one less, … down to `v{to}`, where `from >= to`.
    Down {
        architecture: &'static str,
        from: u64,
        to: u64,
    },
}

impl Step {
    /// The architecture.
    pub fn architecture(&self) -> &str {
        match self {
            Step::One { architecture, .. } => architecture,
            Step::Down { architecture, .. } => architecture,
        }
    }

    /// How many variants it stands for; at least 1.
    pub fn count(&self) -> u64 {
        match self {
            Step::One { .. } => 1,
            Step::Down { from, to, .. } => from - to + 1,
        }
    }

    /// Which of the step's variants it is, 0 the first.
    pub fn rank(&self, candidate_architecture: &str, candidate_variant: &str) -> Option<u64> {
        if self.architecture() != candidate_architecture {
            return None;
        }
        match self {
            Step::One { variant, .. } => (variant == candidate_variant).then_some(0),
            Step::Down { architecture, from, to } => {
                let number = match (*architecture, candidate_variant) {
                    // The canonical form of `v1`.
                    ("amd64", "") => 1,
                    (_, variant) => canonical_number(variant)?,
                };
                (*to..=*from).contains(&number).then(|| from - number)
            }
        }
    }
}

/// `N` of `vN`, as a number would be printed: no sign, no leading zero.
fn canonical_number(variant: &str) -> Option<u64> {
    let digits = variant.strip_prefix('v')?;
    let canonical = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
    canonical.then(|| digits.parse().ok()).flatten()
}

/// What runs on an architecture and variant (both canonical), best first.
pub(super) fn compatible(architecture: &str, variant: &str) -> Vec<Step> {
    let one = |architecture: &str, variant: &str| Step::One {
        architecture: architecture.to_owned(),
        variant: variant.to_owned(),
    };
    match architecture {
        "amd64" => {
            let mut steps = vec![one("amd64", variant)];
            steps.extend(down_to("amd64", variant, 1));
            steps.push(one("386", ""));
            steps
        }
        "arm" => {
            // 64-bit hands its variant down as it is.
            let (_, canonical) = normalize_architecture("arm", variant);
            let mut steps = vec![one("arm", &canonical)];
            steps.extend(down_to("arm", variant, 5));
            steps
        }
        "arm64" => {
            let variant = if variant.is_empty() { "v8" } else { variant };
            // A version that is not known runs nothing at all, not even itself.
            let Some(versions) = arm64_versions(variant) else { return Vec::new() };
            let mut steps: Vec<Step> = versions.iter().map(|version| one("arm64", version)).collect();
            // Every 64-bit version runs what 32-bit v8 runs.
            let has_minor = variant.starts_with("v8.") || variant.starts_with("v9.");
            steps.extend(compatible("arm", if has_minor { "v8" } else { variant }));
            steps
        }
        _ => vec![one(architecture, variant)],
    }
}

/// The versions below `vN`, from `v{N-1}` down to `v{floor}`.
fn down_to(architecture: &'static str, variant: &str, floor: u64) -> Option<Step> {
    // Signed, because Go's `strconv.Atoi` reads a sign and fails past 63 bits.
    let number: i64 = variant.strip_prefix('v').unwrap_or(variant).parse().ok()?;
    let number = u64::try_from(number).ok()?;
    (number > floor).then(|| Step::Down { architecture, from: number - 1, to: floor })
}

/// The 64-bit versions that `v8`, `v8.0` to `v8.9`, `v9` and `v9.0` to `v9.7` run, best first, in canonical form;
/// `None` for any other. v9 left v8 at v8.5, so that v9.x runs what v8.(x+5) runs, up to v8.9, the last one.
fn arm64_versions(variant: &str) -> Option<Vec<String>> {
    let (major, minor) = match variant.as_bytes() {
        [b'v', major @ (b'8' | b'9')] => (*major, b'0'),
        [b'v', b'8', b'.', minor @ b'0'..=b'9'] => (b'8', *minor),
        [b'v', b'9', b'.', minor @ b'0'..=b'7'] => (b'9', *minor),
        _ => return None,
    };
    let (is_v9, minor) = (major == b'9', minor - b'0');
    let mut versions = Vec::new();
    if is_v9 {
        versions.extend((1..=minor).rev().map(|minor| format!("v9.{minor}")));
        versions.push("v9".to_owned());
    }
    let minor = if is_v9 { (minor + 5).min(9) } else { minor };
    versions.extend((1..=minor).rev().map(|minor| format!("v8.{minor}")));
    // The canonical form of `v8`.
    versions.push(String::new());
    Some(versions)
}
