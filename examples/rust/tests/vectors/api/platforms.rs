pub use embed::platforms::*;

use super::call;

pub fn parse(specifier: &str, host: &Platform) -> Result<Platform, PlatformError> {
    call(|component, store| component.consign_image_platforms().call_parse(store, specifier, host))
}

pub fn normalize(platform: &Platform, host_os: &str) -> Platform {
    call(|component, store| component.consign_image_platforms().call_normalize(store, platform, host_os))
}

pub fn format(platform: &Platform) -> String {
    call(|component, store| component.consign_image_platforms().call_format(store, platform))
}

pub fn format_all(platform: &Platform) -> String {
    call(|component, store| component.consign_image_platforms().call_format_all(store, platform))
}

pub fn matches(matcher: &Matcher, candidate: &Platform, host_os: &str) -> bool {
    call(|component, store| {
        component.consign_image_platforms().call_matches(store, matcher, candidate, host_os)
    })
}

pub fn order(matcher: &Matcher, candidates: &[Platform], host_os: &str) -> Vec<u32> {
    call(|component, store| {
        component.consign_image_platforms().call_order(store, matcher, candidates, host_os)
    })
}
