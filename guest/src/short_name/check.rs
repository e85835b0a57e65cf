//! Whether a configuration can be (containers/image, pkg/sysregistriesv2).

use alloc::collections::BTreeMap;

use super::{as_written, is_registry, without_slashes};
use crate::name;
use crate::prelude::*;
use crate::types::{ImageName, Rules};
use crate::wit::exports::consign::image::short_names::{
    Configuration, ConfigurationError, ConfigurationProblem as Problem,
};

/// All that is wrong, aliases first.
pub fn check(configuration: &Configuration) -> Vec<ConfigurationError> {
    // Of several with one name the last counts.
    let known: BTreeMap<&str, &str> =
        configuration.aliases.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let names = configuration.aliases.iter().filter_map(|(name, _)| Some((name, name_problem(name)?)));
    let values = configuration
        .aliases
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .filter_map(|(name, value)| Some((name, value_problem(name, value, &known)?)));
    let registries = configuration
        .search_registries
        .iter()
        .filter_map(|registry| Some((registry, registry_problem(registry)?)));
    names
        .chain(values)
        .chain(registries)
        .map(|(entry, problem)| ConfigurationError { entry: entry.clone(), problem })
        .collect()
}

/// A repository alone, or what is wrong with it.
fn repository(text: &str) -> Result<ImageName, Problem> {
    let name = as_written(text).map_err(Problem::Unreadable)?;
    if name.tag.is_some() || name.digest.is_some() {
        return Err(Problem::Tagged(text.to_owned()));
    }
    Ok(name)
}

fn name_problem(text: &str) -> Option<Problem> {
    match repository(text) {
        Err(problem) => Some(problem),
        Ok(name) => is_registry(&name.domain).then_some(Problem::Qualified),
    }
}

fn value_problem(alias: &str, value: &str, known: &BTreeMap<&str, &str>) -> Option<Problem> {
    match repository(value) {
        Err(problem) => Some(problem),
        Ok(name) if !is_registry(&name.domain) => Some(Problem::Short(way(alias, value, known))),
        // A host with a dot in front of a path that cannot follow it.
        Ok(_) => super::normalized(value).err().map(Problem::Unreadable),
    }
}

/// The aliases one leads through, up to the first that was there before or that leads no further.
fn way(alias: &str, value: &str, known: &BTreeMap<&str, &str>) -> Vec<String> {
    let mut way = vec![alias.to_owned()];
    let mut next = value;
    // No way is longer than there are aliases; the text that explains it need not be.
    while way.len() <= known.len().min(16) && !way.iter().any(|seen| seen == next) {
        way.push(next.to_owned());
        match known.get(next) {
            Some(further) if !further.is_empty() => next = further,
            _ => return way,
        }
    }
    way.push(next.to_owned());
    way
}

fn registry_problem(text: &str) -> Option<Problem> {
    let registry = without_slashes(text);
    if registry.starts_with("http://") || registry.starts_with("https://") {
        return Some(Problem::Url);
    }
    (!name::is_domain(registry, Rules::Podman)).then_some(Problem::Registry)
}
