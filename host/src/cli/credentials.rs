//! Where credentials are: files of containers/image and of Docker, and the helpers they name.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use consign::registries_conf::Registries;
use consign::registry::auth_file::{AuthFile, Known, server_of};
use consign::registry::helper::Helper;
use consign::registry::{Credentials, Secret};

use super::failure::Failure;
use super::input;
use super::replaced::replace;
use super::session::absolute;

/// Bytes of a file of credentials.
const FILE_LIMIT: u64 = 4 << 20;
/// What registries.conf calls the files among its `credential-helpers`.
const FILES: &str = "containers-auth.json";
/// How long a helper has to answer.
const HELPER: Duration = Duration::from_secs(30);

/// The files that count: the one that is named, or else those that are there, in order.
fn files(named: Option<&Path>) -> Vec<PathBuf> {
    if let Some(path) = named_file(named) {
        return vec![path];
    }
    let home = absolute("HOME");
    let config = absolute("XDG_CONFIG_HOME").or_else(|| home.as_ref().map(|home| home.join(".config")));
    let docker = absolute("DOCKER_CONFIG").or_else(|| home.map(|home| home.join(".docker")));
    [
        Some(own_file()),
        config.map(|config| config.join("containers/auth.json")),
        docker.map(|docker| docker.join("config.json")),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn named_file(named: Option<&Path>) -> Option<PathBuf> {
    let variable =
        || std::env::var_os("REGISTRY_AUTH_FILE").filter(|path| !path.is_empty()).map(PathBuf::from);
    named.map(Path::to_owned).or_else(variable)
}

/// Where new credentials go.
fn own_file() -> PathBuf {
    match absolute("XDG_RUNTIME_DIR") {
        Some(run) => run.join("containers/auth.json"),
        None => format!("/run/containers/{}/auth.json", rustix::process::geteuid().as_raw()).into(),
    }
}

/// Where credentials are: in files, or with helpers that registries.conf names.
pub struct Keepers<'a> {
    /// The file that the command line names.
    pub named: Option<&'a Path>,
    /// In order.
    pub registries: &'a Registries,
}

impl Keepers<'_> {
    fn all(&self) -> impl Iterator<Item = Keeper<'_>> {
        let keeper = |name| if name == FILES { Keeper::Files } else { Keeper::Helper(name) };
        let said = self.registries.credential_helpers().unwrap_or_default();
        let otherwise = said.is_empty().then_some(Keeper::Files);
        said.iter().map(String::as_str).map(keeper).chain(otherwise)
    }
}

enum Keeper<'a> {
    Files,
    Helper(&'a str),
}

/// The credentials of a repository of a registry, of the first who has some.
pub fn find(keepers: &Keepers<'_>, registry: &str, path: &str) -> Result<Option<Credentials>> {
    let mut failure = None;
    for keeper in keepers.all() {
        let found = match keeper {
            Keeper::Files => in_files(keepers.named, registry, path),
            Keeper::Helper(name) => Helper::new(name, HELPER)
                .and_then(|helper| helper.get(server_of(registry)))
                .map_err(Into::into),
        };
        match found {
            Ok(None) => {}
            Ok(found) => return Ok(found),
            // Somebody else may have them.
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    failure.map_or(Ok(None), Err)
}

/// As the files and the helpers they name have them.
fn in_files(named: Option<&Path>, registry: &str, path: &str) -> Result<Option<Credentials>> {
    for path_of_file in files(named) {
        let Some(file) = read(&path_of_file)? else { continue };
        let found = match file.find(registry, path)? {
            None => None,
            Some(Known::Here(credentials)) => Some(credentials),
            Some(Known::Helper { helper, server }) => Helper::new(&helper, HELPER)?.get(&server)?,
        };
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// `user:password`, or a user who types the password.
pub fn written(text: &str) -> Result<Credentials> {
    let (username, password) = match text.split_once(':') {
        Some((username, password)) => (username, password.to_owned()),
        None => (text, prompt("Password: ", false)?),
    };
    if username.is_empty() {
        return Err(Failure::usage("wanted USER:PASSWORD, found no user").into());
    }
    Ok(Credentials::Basic { username: username.to_owned(), password: Secret::new(password) })
}

/// Keeps the credentials of a registry. Where they are kept, for people.
pub fn keep(keepers: &Keepers<'_>, registry: &str, credentials: &Credentials) -> Result<String> {
    if let Some(Keeper::Helper(name)) = keepers.all().next() {
        Helper::new(name, HELPER)?.store(server_of(registry), credentials)?;
        return Ok(format!("docker-credential-{name}"));
    }
    let path = named_file(keepers.named).unwrap_or_else(own_file);
    let mut file = read(&path)?.map_or_else(|| AuthFile::parse("", b""), Ok)?;
    if let Some(Known::Helper { helper, server }) = file.keeper(registry) {
        Helper::new(&helper, HELPER)?.store(&server, credentials)?;
        return Ok(format!("docker-credential-{helper}"));
    }
    file.insert(registry, credentials);
    write(&path, &file)?;
    Ok(path.display().to_string())
}

/// Forgets the credentials of a registry, wherever they are; of all registries in the own file where none is
/// named. False: there were none.
pub fn forget(keepers: &Keepers<'_>, registry: Option<&str>) -> Result<bool> {
    let mut forgotten = false;
    for keeper in keepers.all() {
        forgotten |= match (keeper, registry) {
            (Keeper::Files, _) => forget_in_file(keepers.named, registry)?,
            (Keeper::Helper(name), Some(registry)) => {
                Helper::new(name, HELPER)?.erase(server_of(registry))?
            }
            // A helper does not say what it has.
            (Keeper::Helper(_), None) => false,
        };
    }
    Ok(forgotten)
}

fn forget_in_file(named: Option<&Path>, registry: Option<&str>) -> Result<bool> {
    let own = named_file(named).unwrap_or_else(own_file);
    let Some(mut file) = read(&own)? else { return Ok(false) };
    let mut forgotten = false;
    match registry {
        Some(registry) => {
            forgotten |= erase(&file, registry)?;
            if !file.remove(registry) {
                return Ok(forgotten);
            }
        }
        None => {
            for registry in file.registries().into_iter().map(str::to_owned).collect::<Vec<_>>() {
                forgotten |= erase(&file, &registry)?;
            }
            if file.registries().is_empty() {
                return Ok(forgotten);
            }
            file.clear();
        }
    }
    write(&own, &file)?;
    Ok(true)
}

/// Where credentials of a registry are still, besides where [`forget`] looks.
pub fn elsewhere(named: Option<&Path>, registry: &str) -> Result<Option<PathBuf>> {
    for path in files(named) {
        if let Some(file) = read(&path)?
            && file.find(registry, "")?.is_some()
        {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

fn erase(file: &AuthFile, registry: &str) -> Result<bool> {
    match file.keeper(registry) {
        Some(Known::Helper { helper, server }) => Ok(Helper::new(&helper, HELPER)?.erase(&server)?),
        _ => Ok(false),
    }
}

/// A file, if it is there.
fn read(path: &Path) -> Result<Option<AuthFile>> {
    let shown = path.display().to_string();
    let bytes = input::find(path, FILE_LIMIT).with_context(|| format!("reading `{shown}`"))?;
    Ok(bytes.map(|bytes| AuthFile::parse(&shown, &bytes)).transpose()?)
}

/// For nobody else's eyes.
fn write(path: &Path, file: &AuthFile) -> Result<()> {
    replace(path, &file.bytes(), 0o600)
}

/// Asks a person on the terminal; what is typed is shown only where that does no harm.
pub fn prompt(question: &str, shown: bool) -> Result<String> {
    use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
    let terminal = std::fs::OpenOptions::new().read(true).write(true).open("/dev/tty");
    let mut terminal = terminal.map_err(|_| {
        Failure::usage("wanted a terminal to ask on, found none")
            .hint("pass the password with --password-stdin")
    })?;
    let before = tcgetattr(&terminal).context("asking on the terminal")?;
    // First, so that what is typed at once is not shown either.
    if !shown {
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(&terminal, OptionalActions::Flush, &silent).context("asking on the terminal")?;
    }
    terminal.write_all(question.as_bytes()).context("asking on the terminal")?;
    let mut line = String::new();
    let read = std::io::BufRead::read_line(&mut std::io::BufReader::new(&terminal), &mut line);
    if !shown {
        tcsetattr(&terminal, OptionalActions::Flush, &before).context("asking on the terminal")?;
        terminal.write_all(b"\n").context("asking on the terminal")?;
    }
    read.context("reading from the terminal")?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
