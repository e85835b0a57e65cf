//! `consign login` and `consign logout`: credentials for registries.

use std::io::Read as _;

use anyhow::{Context, Result};

use consign::registry::{Credentials, RegistryError, Secret};

use super::args::{Login, Logout, Reached};
use super::credentials::{self, Keepers};
use super::failure::Failure;
use super::output;
use super::session::Session;

/// Bytes of a password.
const PASSWORD_LIMIT: u64 = 64 << 10;

pub fn login(session: &Session, arguments: &Login) -> Result<()> {
    let registry = registry_of(&arguments.registry);
    let username = match &arguments.username {
        Some(username) => username.clone(),
        None if arguments.password_stdin => {
            return Err(Failure::usage("wanted --username with --password-stdin, found none").into());
        }
        None => credentials::prompt("Username: ", true)?,
    };
    if username.is_empty() || username.contains(':') {
        return Err(Failure::usage("wanted a user's name without `:`, found another").into());
    }
    let password = if arguments.password_stdin {
        let mut password = String::new();
        let stdin = std::io::stdin().take(PASSWORD_LIMIT + 1);
        { stdin }.read_to_string(&mut password).context("reading the password from standard input")?;
        if password.len() as u64 > PASSWORD_LIMIT {
            return Err(Failure::usage("wanted a password on standard input, found more than 64 KiB").into());
        }
        password.trim_end_matches(['\r', '\n']).to_owned()
    } else {
        credentials::prompt("Password: ", false)?
    };
    let found = Credentials::Basic { username, password: Secret::new(password) };
    let reached = Reached {
        tls_verify: arguments.tls_verify,
        cert_dir: arguments.cert_dir.clone(),
        ..Reached::default()
    };
    let table = session.remote().registries(session)?.table(registry);
    let insecure = table.is_some_and(|table| table.insecure);
    let asked = session.remote().registry(session, registry, insecure, &reached, Some(found.clone()))?;
    asked.ping().map_err(|error| match error {
        RegistryError::Unauthorized { .. } => {
            anyhow::Error::new(Failure::no(error.to_string())).context(format!("logging in to `{registry}`"))
        }
        error => anyhow::Error::new(error).context(format!("logging in to `{registry}`")),
    })?;
    let keepers =
        Keepers { named: arguments.authfile.as_deref(), registries: session.remote().registries(session)? };
    let place = credentials::keep(&keepers, registry, &found)?;
    output::note(&format!("kept in `{place}`"));
    output::lines(["Login Succeeded!"])
}

pub fn logout(session: &Session, arguments: &Logout) -> Result<()> {
    let authfile = arguments.authfile.as_deref();
    let keepers = Keepers { named: authfile, registries: session.remote().registries(session)? };
    if arguments.all {
        credentials::forget(&keepers, None)?;
        return output::lines(["Removed login credentials for all registries"]);
    }
    let registry = registry_of(&arguments.registry);
    if credentials::forget(&keepers, Some(registry))? {
        return output::lines([format!("Removed login credentials for {registry}")]);
    }
    let failure = Failure::no(format!("there are no credentials for `{registry}`"));
    Err(match credentials::elsewhere(authfile, registry)? {
        Some(path) => failure.hint(format!("some are in `{}`; name it with --authfile", path.display())),
        None => failure,
    }
    .into())
}

/// As users name it: Docker's by none.
fn registry_of(text: &Option<String>) -> &str {
    let text = text.as_deref().unwrap_or("docker.io");
    let bare = text.strip_prefix("https://").or(text.strip_prefix("http://")).unwrap_or(text);
    match bare.split('/').next().unwrap_or(bare) {
        "index.docker.io" | "registry-1.docker.io" => "docker.io",
        host => host,
    }
}
