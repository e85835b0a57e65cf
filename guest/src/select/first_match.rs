//! go-containerregistry's choice: the first entry that has all that is asked for.

use super::{choice, missing_features, numbered};
use crate::platform::Platform;
use crate::prelude::*;
use crate::types::Descriptor;
use crate::wit::exports::consign::image::selection::{Choice, Reason};

/// Operating system and architecture have to be as written; variant, version and features only where the
/// wanted platform names them. An entry without a platform counts as `linux/amd64`.
pub(super) fn choose(entries: &[Descriptor], wanted: &Platform) -> Choice {
    let assumed = Platform {
        os: "linux".to_owned(),
        architecture: "amd64".to_owned(),
        variant: None,
        os_version: None,
        os_features: Vec::new(),
    };
    let candidates = numbered(entries)
        .filter(|(_, entry)| refusal(entry.platform.as_ref().unwrap_or(&assumed), wanted).is_none())
        .map(|(position, _)| position)
        .collect();
    choice(entries, candidates, usize::MAX, |platform| {
        refusal(platform, wanted).unwrap_or_else(|| Reason::OtherOs(platform.os.clone()))
    })
}

fn refusal(platform: &Platform, wanted: &Platform) -> Option<Reason> {
    let named = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.is_empty());
    if platform.os != wanted.os {
        Some(Reason::OtherOs(platform.os.clone()))
    } else if platform.architecture != wanted.architecture {
        Some(Reason::OtherArchitecture(platform.architecture.clone()))
    } else if named(&wanted.os_version) && wanted.os_version != platform.os_version {
        Some(Reason::OtherOsVersion(platform.os_version.clone()))
    } else if named(&wanted.variant) && wanted.variant != platform.variant {
        Some(Reason::OtherVariant(platform.variant.clone()))
    } else {
        let missing = missing_features(&platform.os_features, &wanted.os_features);
        (!missing.is_empty()).then_some(Reason::MissingOsFeatures(missing))
    }
}
