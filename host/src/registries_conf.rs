//! registries.conf: which registry a name without one is of (containers-registries.conf(5)).
//!
//! Files are read here, and put together as containers/image does: the main file, then the drop-in files in
//! order, then the aliases that were recorded (short-name-aliases.conf). Of each setting the last file that has
//! it counts, of aliases the last with the name. What entries mean, and whether they are names at all, the
//! guest says.
//!
//! Read are `unqualified-search-registries`, `short-name-mode`, `credential-helpers`, `[aliases]` and `[[registry]]`; that the other documented
//! keys have the type they should have is checked. Keys that are not known are passed over: the files are
//! shared with other programs.

mod document;
mod endpoints;
mod error;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use cap_std::fs::Dir;

use crate::sandbox::Sandbox;
use crate::text_file;
use crate::types::short_names::Configuration;

pub use crate::types::short_names::Mode;
pub use endpoints::{Endpoint, Mirror, PullFrom, RegistryTable};
pub use error::RegistriesConfError;

/// What to do with a file of version 1, `[registries.search]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version1 {
    /// As containers/image does today.
    Refused,
    /// As it did in the days of Podman 1.x.
    Converted,
}

/// What one file says of short names. Whether its entries are names has not been looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// What it is called for people.
    pub path: String,
    /// By name; an empty value takes the alias away.
    pub aliases: Vec<(String, String)>,
    /// In order. `None`: it says nothing of them.
    pub search_registries: Option<Vec<String>>,
    /// `None`: it says nothing of it.
    pub mode: Option<Mode>,
    /// Its `[[registry]]` tables, in order.
    pub registries: Vec<RegistryTable>,
    /// Where credentials are, in order. `None`: it says nothing of that.
    pub credential_helpers: Option<Vec<String>>,
}

impl File {
    /// Reads a file's text. `path` is what errors call it.
    ///
    /// # Errors
    ///
    /// [`RegistriesConfError::Syntax`] for what is no TOML, [`RegistriesConfError::Type`] for a key of another
    /// type, [`RegistriesConfError::Value`] for a mode that is none, [`RegistriesConfError::Version1`] and
    /// [`RegistriesConfError::Mixed`].
    pub fn parse(path: &str, text: &str, version1: Version1) -> Result<File, RegistriesConfError> {
        document::parse(path, text, version1)
    }

    /// Reads a file of a directory. `None`: it is not there.
    ///
    /// # Errors
    ///
    /// As [`File::parse`]; [`RegistriesConfError::Read`] where it cannot be read, is not UTF-8, or has more
    /// than a mebibyte.
    pub fn read(
        directory: &Dir,
        name: &str,
        path: &str,
        version1: Version1,
    ) -> Result<Option<File>, RegistriesConfError> {
        let failed = |source| RegistriesConfError::Read { file: path.to_owned(), source };
        let Some(text) = text_file::read(directory, name).map_err(failed)? else { return Ok(None) };
        File::parse(path, &text, version1).map(Some)
    }

    /// Reads the `*.conf` files of a drop-in directory, in the order of their names. Files of version 1 are
    /// refused there. `path` is what errors call the directory.
    ///
    /// # Errors
    ///
    /// As [`File::read`].
    pub fn read_directory(directory: &Dir, path: &str) -> Result<Vec<File>, RegistriesConfError> {
        let failed = |source| RegistriesConfError::Read { file: path.to_owned(), source };
        let mut names = Vec::new();
        for entry in directory.entries().map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.ends_with(".conf") && !entry.file_type().map_err(failed)?.is_dir() {
                names.push(name);
            }
        }
        names.sort();
        let read = |name: &String| {
            File::read(directory, name, &format!("{path}/{name}"), Version1::Refused).transpose()
        };
        names.iter().filter_map(read).collect()
    }
}

/// What all files together say, and which said it.
#[derive(Debug, Clone)]
pub struct Registries {
    configuration: Configuration,
    searched: Option<String>,
    aliases: BTreeMap<String, String>,
    /// By prefix.
    tables: BTreeMap<String, RegistryTable>,
    credential_helpers: Option<Vec<String>>,
}

impl Registries {
    /// Puts files together, in order: of each setting the last file that has it counts.
    ///
    /// # Errors
    ///
    /// [`RegistriesConfError::Entry`] for the first entry that cannot be; [`RegistriesConfError::Sandbox`]
    /// where the component did not answer.
    pub fn of(sandbox: &Sandbox, files: Vec<File>) -> Result<Registries, RegistriesConfError> {
        let mut whole = Registries {
            configuration: Configuration {
                aliases: Vec::new(),
                search_registries: Vec::new(),
                mode: Mode::Permissive,
            },
            searched: None,
            aliases: BTreeMap::new(),
            tables: BTreeMap::new(),
            credential_helpers: None,
        };
        for file in files {
            let own = Configuration {
                aliases: file.aliases,
                search_registries: file.search_registries.clone().unwrap_or_default(),
                mode: file.mode.unwrap_or(whole.configuration.mode),
            };
            if let Some(wrong) = sandbox.check_short_names(&own)?.into_iter().next() {
                let (file, entry) = (file.path, wrong.entry);
                return Err(RegistriesConfError::Entry { file, entry, problem: wrong.problem });
            }
            // Of several with one prefix the last file's counts, within a file the first.
            let mut tables = BTreeMap::new();
            for table in file.registries {
                tables.entry(table.prefix.clone()).or_insert(table);
            }
            whole.tables.extend(tables);
            whole.credential_helpers = file.credential_helpers.or(whole.credential_helpers);
            whole.configuration.mode = own.mode;
            if file.search_registries.is_some() {
                whole.configuration.search_registries = own.search_registries;
                whole.searched = Some(file.path.clone());
            }
            whole.aliases.extend(own.aliases.iter().map(|(name, _)| (name.clone(), file.path.clone())));
            whole.configuration.aliases.extend(own.aliases);
        }
        Ok(whole)
    }

    /// What the guest is to go by.
    pub fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    /// `credential-helpers`: where credentials are, in order. `containers-auth.json` are the files. `None`: no file says
    /// anything of it.
    pub fn credential_helpers(&self) -> Option<&[String]> {
        self.credential_helpers.as_deref().filter(|helpers| !helpers.is_empty())
    }

    /// The file that has the search registries.
    pub fn searched(&self) -> Option<&str> {
        self.searched.as_deref()
    }

    /// The file that has the alias of this name.
    pub fn alias(&self, name: &str) -> Option<&str> {
        self.aliases.get(name).map(String::as_str)
    }
}
