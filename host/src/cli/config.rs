//! `consign.toml`: what holds for every command unless it says otherwise.
//!
//! `/etc/consign/consign.toml`, then `$XDG_CONFIG_HOME/consign/consign.toml` (`~/.config`), whose keys count
//! where both have one; where `CONSIGN_CONFIG` names a file, that one alone. A file that is not there is none.
//!
//! | key | type | what it says | unless |
//! | --- | --- | --- | --- |
//! | `root` | text | the store's directory | `--root`, `CONSIGN_ROOT` |
//! | `additional-stores` | list of texts | stores that are only read, looked into after the own one, in order | `--additional-store` |
//! | `limits.memory` | number | bytes of memory one instance of the component may have (256 MiB) | |
//! | `limits.fuel` | number | instructions one call of the component may take (10,000,000,000) | |
//!
//! Directories are absolute paths. A key that is none of these is an error.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

use super::failure::Failure;

/// What the files say.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    pub root: Option<PathBuf>,
    pub additional_stores: Option<Vec<PathBuf>>,
    #[serde(default)]
    pub limits: Limits,
}

/// What the component may use.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Limits {
    pub memory: Option<usize>,
    pub fuel: Option<u64>,
}

impl Config {
    /// What the files of this machine and this user say.
    pub fn read() -> Result<Config> {
        if let Some(path) = std::env::var_os("CONSIGN_CONFIG").filter(|path| !path.is_empty()) {
            let path = PathBuf::from(path);
            return Config::at(&path)?.ok_or_else(|| {
                Failure::usage(format!("`{}`, which CONSIGN_CONFIG names, is not there", path.display()))
                    .into()
            });
        }
        let machine = Config::at(Path::new("/etc/consign/consign.toml"))?.unwrap_or_default();
        let directory = super::session::absolute("XDG_CONFIG_HOME")
            .or_else(|| super::session::absolute("HOME").map(|home| home.join(".config")));
        let user = match directory {
            Some(directory) => Config::at(&directory.join("consign/consign.toml"))?.unwrap_or_default(),
            None => Config::default(),
        };
        Ok(Config {
            root: user.root.or(machine.root),
            additional_stores: user.additional_stores.or(machine.additional_stores),
            limits: Limits {
                memory: user.limits.memory.or(machine.limits.memory),
                fuel: user.limits.fuel.or(machine.limits.fuel),
            },
        })
    }

    fn at(path: &Path) -> Result<Option<Config>> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(error) => return Err(error).with_context(|| format!("reading `{}`", path.display())),
        };
        let wrong = |message: String| Failure::usage(format!("in `{}`: {message}", path.display()));
        let config: Config = toml::from_str(&text).map_err(|error| wrong(placed(&error, &text)))?;
        let directories = config.root.iter().map(|path| ("root", path));
        let stores = config.additional_stores.iter().flatten().map(|path| ("additional-stores", path));
        for (key, directory) in directories.chain(stores) {
            if !directory.is_absolute() {
                let found = directory.display();
                return Err(wrong(format!("wanted an absolute path for `{key}`, found `{found}`")).into());
            }
        }
        Ok(Some(config))
    }
}

/// What is wrong, and in which line.
fn placed(error: &toml::de::Error, text: &str) -> String {
    let message = error.message().trim_end().replace('\n', ": ");
    let before = error.span().and_then(|span| text.get(..span.start));
    match before {
        Some(before) => format!("{message}, in line {}", before.matches('\n').count() + 1),
        None => message,
    }
}
