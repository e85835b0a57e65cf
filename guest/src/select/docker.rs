//! containerd's `images.Manifest` and Docker's classic pull.

use super::{choice, missing_features, numbered};
use crate::platform::{Comparer, Mismatch, Platform, Preference};
use crate::prelude::*;
use crate::sort::stable_sort;
use crate::types::Descriptor;
use crate::wit::exports::consign::image::platforms::Matcher;
use crate::wit::exports::consign::image::selection::{Choice, Criteria, Reason};

/// `images.Manifest`: sorts what fits and gives the first one only a try.
pub(super) fn first(entries: &[Descriptor], matcher: &Matcher, criteria: &Criteria) -> Choice {
    choose(entries, matcher, criteria, 1, |entry| entry.platform.as_ref())
}

/// Docker's `filterManifests`: tries all that fit. It cannot tell an empty platform from none.
pub(super) fn pull(entries: &[Descriptor], criteria: &Criteria) -> Choice {
    let matcher = Matcher::Only(criteria.wanted.clone());
    choose(entries, &matcher, criteria, usize::MAX, |entry| {
        entry.platform.as_ref().filter(|platform| !is_empty(platform))
    })
}

fn choose<'a>(
    entries: &'a [Descriptor],
    matcher: &Matcher,
    criteria: &Criteria,
    tried: usize,
    platform_of: impl Fn(&'a Descriptor) -> Option<&'a Platform>,
) -> Choice {
    let comparer = Comparer::new(matcher, &criteria.host_os);
    let mut fitting: Vec<(u32, Option<Preference>)> = numbered(entries)
        .filter_map(|(position, entry)| match platform_of(entry) {
            None => Some((position, None)),
            Some(platform) if comparer.accepts(platform) => {
                Some((position, Some(comparer.preference(platform))))
            }
            Some(_) => None,
        })
        .collect();
    stable_sort(&mut fitting, |(_, a), (_, b)| match (a, b) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(a), Some(b)) => a.goes_before(b),
    });
    let candidates = fitting.into_iter().map(|(position, _)| position).collect();
    choice(entries, candidates, tried, |platform| refusal(&comparer, &criteria.wanted, platform))
}

fn refusal(comparer: &Comparer, wanted: &Platform, platform: &Platform) -> Reason {
    match comparer.mismatch(platform) {
        // Everything accepted is among the candidates.
        None | Some(Mismatch::Os) => Reason::OtherOs(platform.os.clone()),
        Some(Mismatch::Architecture) => Reason::OtherArchitecture(platform.architecture.clone()),
        Some(Mismatch::OsVersion) => Reason::OtherOsVersion(platform.os_version.clone()),
        Some(Mismatch::Variant) => Reason::OtherVariant(platform.variant.clone()),
        Some(Mismatch::OsFeatures) => {
            Reason::MissingOsFeatures(missing_features(&wanted.os_features, &platform.os_features))
        }
    }
}

fn is_empty(platform: &Platform) -> bool {
    let Platform { os, architecture, variant, os_version, os_features } = platform;
    os.is_empty()
        && architecture.is_empty()
        && variant.as_deref().unwrap_or_default().is_empty()
        && os_version.as_deref().unwrap_or_default().is_empty()
        && os_features.is_empty()
}
