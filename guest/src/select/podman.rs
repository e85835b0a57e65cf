//! containers/image's `ChooseInstance`.

use super::{choice, numbered};
use crate::platform::Platform;
use crate::prelude::*;
use crate::sort::stable_sort;
use crate::types::Descriptor;
use crate::wit::exports::consign::image::selection::{Choice, Criteria, IndexFormat, Reason};

/// Set to `true` on entries whose layers are compressed with zstd; others are taken to be gzip.
const ZSTD: &str = "io.github.containers.compression.zstd";

/// Which compression goes first among entries of the same platform.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Preferred {
    Gzip,
    Zstd,
}

/// Operating system and architecture have to be as written; the variant one of those that run on the wanted
/// one, the most capable first, then none at all.
pub(super) fn choose(entries: &[Descriptor], criteria: &Criteria, preferred: Preferred) -> Choice {
    let wanted = &criteria.wanted;
    let is_oci = criteria.format == IndexFormat::OciIndex;
    let variants = variants(&wanted.architecture, wanted.variant.as_deref().unwrap_or_default());
    let mut fitting: Vec<(usize, bool, u32)> = numbered(entries)
        .filter_map(|(position, entry)| {
            let rank = match &entry.platform {
                Some(platform) if is_same(platform, wanted) => {
                    let variant = platform.variant.as_deref().unwrap_or_default();
                    variants.iter().position(|&accepted| accepted == variant)?
                }
                None if is_oci => usize::MAX,
                _ => return None,
            };
            let is_zstd = entry.annotations.iter().any(|(key, value)| key == ZSTD && value == "true");
            let comes_later = is_oci && is_zstd != (preferred == Preferred::Zstd);
            Some((rank, comes_later, position))
        })
        .collect();
    stable_sort(&mut fitting, |a, b| a < b);
    let candidates = fitting.into_iter().map(|(.., position)| position).collect();
    choice(entries, candidates, usize::MAX, |platform| {
        if platform.os != wanted.os {
            Reason::OtherOs(platform.os.clone())
        } else if platform.architecture != wanted.architecture {
            Reason::OtherArchitecture(platform.architecture.clone())
        } else {
            Reason::OtherVariant(platform.variant.clone())
        }
    })
}

fn is_same(platform: &Platform, wanted: &Platform) -> bool {
    platform.os == wanted.os && platform.architecture == wanted.architecture
}

/// Variants that run where `variant` does, in order of preference; the empty one is an entry that names none.
/// Whoever names no variant gets an entry without one, then the most capable there is.
fn variants<'a>(architecture: &str, variant: &'a str) -> Vec<&'a str> {
    // Most capable first.
    let known: &[&str] = match architecture {
        "arm" => &["v8", "v7", "v6", "v5"],
        "arm64" => &["v8"],
        _ => &[],
    };
    if variant.is_empty() {
        return [&[""], known].concat();
    }
    match known.iter().position(|&known| known == variant) {
        Some(position) => [&known[position..], &[""]].concat(),
        None => vec![variant, ""],
    }
}
