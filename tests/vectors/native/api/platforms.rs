use consign_guest::component::Component;
pub use consign_guest::wit::exports::consign::image::platforms::*;

pub fn parse(specifier: &str, host: &Platform) -> Result<Platform, PlatformError> {
    <Component as Guest>::parse(specifier.to_owned(), host.clone())
}

pub fn normalize(platform: &Platform, host_os: &str) -> Platform {
    <Component as Guest>::normalize(platform.clone(), host_os.to_owned())
}

pub fn format(platform: &Platform) -> String {
    <Component as Guest>::format(platform.clone())
}

pub fn format_all(platform: &Platform) -> String {
    <Component as Guest>::format_all(platform.clone())
}

pub fn matches(matcher: &Matcher, candidate: &Platform, host_os: &str) -> bool {
    <Component as Guest>::matches(matcher.clone(), candidate.clone(), host_os.to_owned())
}

pub fn order(matcher: &Matcher, candidates: &[Platform], host_os: &str) -> Vec<u32> {
    <Component as Guest>::order(matcher.clone(), candidates.to_vec(), host_os.to_owned())
}
