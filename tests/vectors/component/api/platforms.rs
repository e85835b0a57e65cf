use super::sandbox;
pub use consign::types::platforms::*;

pub fn parse(specifier: &str, host: &Platform) -> Result<Platform, PlatformError> {
    sandbox().parse_platform(specifier, host).unwrap()
}

pub fn normalize(platform: &Platform, host_os: &str) -> Platform {
    sandbox().normalize_platform(platform, host_os).unwrap()
}

pub fn format(platform: &Platform) -> String {
    sandbox().format_platform(platform).unwrap()
}

pub fn format_all(platform: &Platform) -> String {
    sandbox().format_platform_all(platform).unwrap()
}

pub fn matches(matcher: &Matcher, candidate: &Platform, host_os: &str) -> bool {
    sandbox().platform_matches(matcher, candidate, host_os).unwrap()
}

pub fn order(matcher: &Matcher, candidates: &[Platform], host_os: &str) -> Vec<u32> {
    sandbox().order_platforms(matcher, candidates, host_os).unwrap()
}
