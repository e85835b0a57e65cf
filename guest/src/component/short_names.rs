use super::Component;
use crate::prelude::*;
use crate::short_name;
use crate::wit::exports::consign::image::short_names::{
    Completion, Configuration, ConfigurationError, Guest, Purpose, ShortNameError,
};

impl Guest for Component {
    fn check(configuration: Configuration) -> Vec<ConfigurationError> {
        short_name::check(&configuration)
    }

    fn is_short(text: String) -> bool {
        short_name::is_short(&text)
    }

    fn complete(
        text: String,
        purpose: Purpose,
        docker_hub: bool,
        configuration: Configuration,
    ) -> Result<Completion, ShortNameError> {
        short_name::complete(&text, purpose, docker_hub, &configuration)
    }
}
