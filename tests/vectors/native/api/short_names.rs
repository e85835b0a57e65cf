use consign_guest::component::Component;
pub use consign_guest::wit::exports::consign::image::short_names::*;

pub fn check(configuration: &Configuration) -> Vec<ConfigurationError> {
    <Component as Guest>::check(configuration.clone())
}

pub fn is_short(text: &str) -> bool {
    <Component as Guest>::is_short(text.to_owned())
}

pub fn complete(
    text: &str,
    purpose: Purpose,
    docker_hub: bool,
    configuration: &Configuration,
) -> Result<Completion, ShortNameError> {
    <Component as Guest>::complete(text.to_owned(), purpose, docker_hub, configuration.clone())
}
