use super::Component;
use crate::platform;
use crate::prelude::*;
use crate::wit::exports::consign::image::platforms::{Guest, Matcher, Platform, PlatformError};

impl Guest for Component {
    fn parse(specifier: String, host: Platform) -> Result<Platform, PlatformError> {
        platform::parse(&specifier, &host)
    }

    fn normalize(platform: Platform, host_os: String) -> Platform {
        platform::normalize(&platform, &host_os)
    }

    fn format(platform: Platform) -> String {
        platform::format(&platform)
    }

    fn format_all(platform: Platform) -> String {
        platform::format_all(&platform)
    }

    fn matches(matcher: Matcher, candidate: Platform, host_os: String) -> bool {
        platform::matches(&matcher, &candidate, &host_os)
    }

    fn order(matcher: Matcher, candidates: Vec<Platform>, host_os: String) -> Vec<u32> {
        platform::order(&matcher, &candidates, &host_os)
    }
}
