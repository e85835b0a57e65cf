//! Short names, completed by configurations.

use serde_json::{Value, json};

use super::api::references::{self, Reference};
use super::api::short_names::*;
use crate::harness;
use consign::registries_conf::{self, Version1};

/// A configuration as today's podman reads one: all of it is good, or it is an error.
pub fn configuration(text: &str) -> Result<Configuration, String> {
    parsed(text, Version1::Refused)
}

/// The records of a file's text.
pub fn parsed(text: &str, version1: Version1) -> Result<Configuration, String> {
    let file =
        registries_conf::File::parse("registries.conf", text, version1).map_err(|error| error.to_string())?;
    let mode = match file.mode {
        Some(registries_conf::Mode::Disabled) => Mode::Disabled,
        Some(registries_conf::Mode::Enforcing) => Mode::Enforcing,
        Some(registries_conf::Mode::Permissive) | None => Mode::Permissive,
    };
    let configuration = Configuration {
        aliases: file.aliases,
        search_registries: file.search_registries.unwrap_or_default(),
        mode,
    };
    let wrong = check(&configuration);
    if wrong.is_empty() { Ok(configuration) } else { Err(format!("{wrong:?}")) }
}

fn key(case: &Value) -> String {
    format!("{} with {}", case["input"], case["config_name"])
}

fn names(candidates: &[references::ImageName]) -> Value {
    candidates.iter().map(|name| json!(references::format(&Reference::Named(name.clone())))).collect()
}

/// Against `{ok, candidates | error}`.
fn completed(wanted: &Value, found: &Result<Completion, ShortNameError>) -> Result<(), String> {
    harness::same("ok", &wanted["ok"], &json!(found.is_ok()))
        .map_err(|wrong| format!("{wrong}: {found:?}"))?;
    let message = wanted["error"].as_str().unwrap_or_default();
    let part = match found {
        Ok(completion) => {
            return harness::same("candidates", &wanted["candidates"], &names(&completion.candidates));
        }
        Err(ShortNameError::Unreadable(_)) if message.starts_with("cannot") => return Ok(()),
        Err(ShortNameError::Unreadable(_)) => "creating reference with unqualified-search registry",
        Err(ShortNameError::NoRegistries) => "did not resolve to an alias",
        Err(ShortNameError::Ambiguous(_)) => "enforced but cannot prompt",
    };
    if message.contains(part) { Ok(()) } else { Err(format!("{found:?}, but `{message}`")) }
}

/// A configuration that cannot be read, against the peer's message.
fn unconfigured(wanted: &Value, error: &str) -> Result<(), String> {
    let message = wanted["error"].as_str().unwrap_or_default();
    let refused = message.contains("loading registries configuration");
    if refused { Ok(()) } else { Err(format!("{error}, but `{wanted}`")) }
}

#[test]
fn shortnames_resolve() {
    harness::run("shortnames_resolve.jsonl", key, |case| {
        let input = case["input"].as_str().unwrap();
        harness::same("is_short_name", &case["is_short_name"], &json!(is_short(input)))?;
        let configuration = match configuration(case["registries_conf"].as_str().unwrap()) {
            Ok(configuration) => configuration,
            Err(error) => {
                unconfigured(&case["force_docker_hub"], &error)?;
                return unconfigured(case, &error);
            }
        };
        completed(&case["force_docker_hub"], &complete(input, Purpose::Pull, true, &configuration))?;
        let found = complete(input, Purpose::Pull, false, &configuration);
        completed(case, &found)?;
        let Ok(found) = found else { return Ok(()) };
        let described = match found.rationale {
            Rationale::Alias => format!("Resolved \"{}\" as an alias ($CONF)", found.repository),
            Rationale::Search => {
                format!("Resolving \"{}\" using unqualified-search registries ($CONF)", found.repository)
            }
            Rationale::Qualified | Rationale::DockerHub => String::new(),
        };
        harness::same("description", &case["description"], &json!(described))
    });
}

#[test]
fn shortnames_resolve_locally() {
    harness::run("shortnames_resolve_locally.jsonl", key, |case| {
        let input = case["input"].as_str().unwrap();
        // The configuration is asked for only where it is needed.
        let configuration = match configuration(case["registries_conf"].as_str().unwrap()) {
            Ok(configuration) => configuration,
            Err(error) if is_short(input) => return unconfigured(case, &error),
            Err(_) => {
                Configuration { aliases: Vec::new(), search_registries: Vec::new(), mode: Mode::Permissive }
            }
        };
        completed(case, &complete(input, Purpose::Local, false, &configuration))
    });
}
