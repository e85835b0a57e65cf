use super::sandbox;
pub use consign::types::short_names::*;

pub fn check(configuration: &Configuration) -> Vec<ConfigurationError> {
    sandbox().check_short_names(configuration).unwrap()
}

pub fn is_short(text: &str) -> bool {
    sandbox().is_short_name(text).unwrap()
}

pub fn complete(
    text: &str,
    purpose: Purpose,
    docker_hub: bool,
    configuration: &Configuration,
) -> Result<Completion, ShortNameError> {
    sandbox().complete_name(text, purpose, docker_hub, configuration).unwrap()
}
