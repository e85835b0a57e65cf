//! What can be wrong with a registries.conf.

use std::fmt::{self, Display};

use crate::sandbox::SandboxError;
use crate::types::short_names::ConfigurationProblem;

/// A file that cannot be gone by.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistriesConfError {
    /// It could not be read.
    #[error("reading `{file}`")]
    Read {
        /// The file or directory.
        file: String,
        /// Why.
        source: std::io::Error,
    },
    /// It is not TOML.
    #[error("`{file}`, line {line}: {reason}")]
    Syntax {
        /// The file.
        file: String,
        /// From 1.
        line: usize,
        /// For people.
        reason: String,
    },
    /// A key has a value of another type.
    #[error("`{file}`, line {line}: `{key}`: wanted {wanted}, found {found}")]
    Type {
        /// The file.
        file: String,
        /// From 1.
        line: usize,
        /// The key, with the tables it is in.
        key: String,
        /// The type it has to have.
        wanted: &'static str,
        /// The type it has.
        found: &'static str,
    },
    /// A key has a value that is none of those it may have.
    #[error("`{file}`, line {line}: `{key}`: wanted {wanted}, found `{found}`")]
    Value {
        /// The file.
        file: String,
        /// From 1.
        line: usize,
        /// The key.
        key: String,
        /// The values it may have.
        wanted: &'static str,
        /// The value it has.
        found: String,
    },
    /// It is of version 1.
    #[error(
        "`{file}`: wanted version 2 of the format, found version 1 (`[registries.search]`, \
         `[registries.insecure]`, `[registries.block]`)"
    )]
    Version1 {
        /// The file.
        file: String,
    },
    /// It has keys of both versions.
    #[error("`{file}`: wanted one version of the format, found keys of version 1 and of version 2")]
    Mixed {
        /// The file.
        file: String,
    },
    /// An alias or a registry cannot be.
    #[error("`{file}`: `{entry}`: {}", Problem(.problem))]
    Entry {
        /// The file.
        file: String,
        /// The alias's name, or the registry.
        entry: String,
        /// What is wrong with it.
        problem: ConfigurationProblem,
    },
    /// Nothing may be pulled from there.
    #[error("`{name}` may not be pulled: `{file}` blocks `{prefix}`")]
    Blocked {
        /// The file.
        file: String,
        /// The table's prefix.
        prefix: String,
        /// The image.
        name: String,
    },
    /// What a location makes of a name is none.
    #[error("`{file}`: the location of `{prefix}`, or of a mirror, makes `{name}`, which is no name")]
    Location {
        /// The file.
        file: String,
        /// The table's prefix.
        prefix: String,
        /// What it makes.
        name: String,
    },
    /// The component did not answer.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
}

/// The guest's reason in words.
struct Problem<'a>(&'a ConfigurationProblem);

impl Display for Problem<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ConfigurationProblem::Unreadable(error) => {
                write!(f, "not a name: `{}`: wanted {}, at byte {}", error.text, error.expected, error.offset)
            }
            ConfigurationProblem::Tagged(text) => {
                write!(f, "wanted a repository, found a tag or a digest in `{text}`")
            }
            ConfigurationProblem::Qualified => f.write_str("wanted a short name, found one with a registry"),
            ConfigurationProblem::Short(way) => {
                let way: Vec<String> = way.iter().map(|name| format!("`{name}`")).collect();
                let circle = way.split_last().is_some_and(|(last, before)| before.contains(last));
                let kind = if circle { "a circle of aliases" } else { "another short name" };
                write!(f, "wanted a repository with a registry, found {kind}: {}", way.join(" → "))
            }
            ConfigurationProblem::Registry => f.write_str("wanted host[:port]"),
            ConfigurationProblem::Url => f.write_str("wanted host[:port], found a URL"),
        }
    }
}
