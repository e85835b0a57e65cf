//! Where registries.conf is: the paths of containers/image (containers-registries.conf(5)).

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use serde_json::json;

use consign::registries_conf::{File, Mode, Registries, RegistriesConfError, Version1};
use consign::types::short_names::{Configuration, Purpose, Rationale};

use super::failure::Failure;
use super::replaced::replace;
use super::session::{Session, absolute};

const SYSTEM: &str = "/etc/containers";
const FILE: &str = "registries.conf";
const DROP_INS: &str = "registries.conf.d";
const RECORDED: &str = "containers/short-name-aliases.conf";

/// What is gone by where nothing depends on it.
pub fn none() -> Configuration {
    Configuration { aliases: Vec::new(), search_registries: Vec::new(), mode: Mode::Permissive }
}

/// Reads every file that counts.
pub fn load(session: &Session) -> Result<Registries> {
    let home = absolute("HOME");
    let own = home.as_ref().map(|home| home.join(".config/containers"));
    let named = ["CONTAINERS_REGISTRIES_CONF", "REGISTRIES_CONFIG_PATH"];
    let named = named.iter().find_map(std::env::var_os).filter(|path| !path.is_empty());
    let mut files = Vec::new();
    // A user's own file stands for all of the system's.
    let mut directories = vec![own.as_ref().map(|own| own.join(DROP_INS))];
    if let Some(path) = named.map(PathBuf::from) {
        let file = read(&path)?.ok_or_else(|| {
            Failure::usage(format!(
                "wanted the file that the environment names, found none: `{}`",
                path.display()
            ))
        })?;
        files.push(file);
        directories.insert(0, Some(Path::new(SYSTEM).join(DROP_INS)));
    } else if let Some(file) = own.as_ref().map(|own| read(&own.join(FILE))).transpose()?.flatten() {
        files.push(file);
    } else {
        files.extend(read(&Path::new(SYSTEM).join(FILE))?);
        directories.insert(0, Some(Path::new(SYSTEM).join(DROP_INS)));
    }
    for path in directories.into_iter().flatten() {
        if let Some(directory) = open(&path)? {
            files.extend(told(File::read_directory(&directory, &path.display().to_string()))?);
        }
    }
    if let Some(recorded) = recorded(home.as_deref()) {
        files.extend(read(&recorded)?);
    }
    told(Registries::of(session.sandbox(), files))
}

/// Which file says what a short name can mean, in words. `None`: none says anything.
pub fn origin(session: &Session, text: &str, registries: &Registries) -> Result<Option<String>> {
    let configuration = registries.configuration();
    let Ok(completion) = session.sandbox().complete_name(text, Purpose::Local, false, configuration)? else {
        return Ok(None);
    };
    let name = completion.repository;
    Ok(match completion.rationale {
        Rationale::Alias => registries.alias(&name).map(|file| format!("`{name}` is an alias in `{file}`")),
        Rationale::Search => {
            registries.searched().map(|file| format!("`{name}` is looked for in the registries of `{file}`"))
        }
        Rationale::Qualified | Rationale::DockerHub => None,
    })
}

/// Records that a short name stands for a repository, beside what is recorded already.
pub fn record(short: &str, repository: &str) -> Result<()> {
    let home = absolute("HOME");
    let path = recorded(home.as_deref()).context("there is no place for it: HOME is not set")?;
    let known = read(&path)?.map(|file| file.aliases).unwrap_or_default();
    let mut aliases: BTreeMap<String, String> = known.into_iter().collect();
    aliases.insert(short.to_owned(), repository.to_owned());
    let mut text = "[aliases]\n".to_owned();
    for (name, value) in &aliases {
        // A string of JSON is one of TOML.
        text.push_str(&format!("  {} = {}\n", json!(name), json!(value)));
    }
    replace(&path, text.as_bytes(), 0o644)
}

/// Where aliases are recorded that were chosen at a prompt.
fn recorded(home: Option<&Path>) -> Option<PathBuf> {
    if rustix::process::geteuid().is_root() {
        return Some(Path::new("/var/cache").join(RECORDED));
    }
    let cache = absolute("XDG_CACHE_HOME");
    Some(cache.or_else(|| home.map(|home| home.join(".cache")))?.join(RECORDED))
}

/// A file, by its path. `None`: it is not there.
fn read(path: &Path) -> Result<Option<File>> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Some(name) = path.file_name().and_then(OsStr::to_str) else { return Ok(None) };
    let Some(directory) = open(parent)? else { return Ok(None) };
    told(File::read(&directory, name, &path.display().to_string(), Version1::Refused))
}

fn open(path: &Path) -> Result<Option<Dir>> {
    match Dir::open_ambient_dir(path, ambient_authority()) {
        Ok(directory) => Ok(Some(directory)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("opening the directory `{}`", path.display())),
    }
}

/// With what there is to do about it.
fn told<T>(result: Result<T, RegistriesConfError>) -> Result<T> {
    result.map_err(|error| {
        let hint = match &error {
            RegistriesConfError::Version1 { .. } | RegistriesConfError::Mixed { .. } => Some(
                "write `unqualified-search-registries = [\"docker.io\"]` instead of `[registries.search]`",
            ),
            RegistriesConfError::Entry { .. } => Some("an alias is `\"name\" = \"registry/repository\"`"),
            _ => None,
        };
        match hint {
            Some(hint) => Failure::usage(error.to_string()).hint(hint).into(),
            None => error.into(),
        }
    })
}
