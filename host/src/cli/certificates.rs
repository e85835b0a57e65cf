//! Where certificates are on this machine: the system's authorities, `certs.d`, and the directories of Docker's client.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use consign::registry::Certificates;

use super::failure::Failure;
use super::input;
use super::session::absolute;

/// Where systems keep the authorities they trust, as Go looks for them.
const BUNDLES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];
/// Bytes of a file of certificates or keys.
const FILE_LIMIT: u64 = 8 << 20;

/// The authorities this system trusts.
pub fn system() -> Result<Certificates> {
    let mut found = Certificates::default();
    let named = |variable| std::env::var_os(variable).filter(|path| !path.is_empty()).map(PathBuf::from);
    let (file, directories) = (named("SSL_CERT_FILE"), named("SSL_CERT_DIR"));
    if let Some(path) = &file {
        let bytes = input::read(path, FILE_LIMIT).with_context(|| format!("reading `{}`", path.display()))?;
        found.extend(Certificates::authorities(&bytes));
    } else if directories.is_none()
        && let Some(bytes) = BUNDLES.iter().find_map(|path| input::read(Path::new(path), FILE_LIMIT).ok())
    {
        found.extend(Certificates::authorities(&bytes));
    }
    // Several, with colons between them.
    for path in directories.iter().flat_map(std::env::split_paths) {
        for entry in fs::read_dir(&path).with_context(|| format!("reading `{}`", path.display()))? {
            // Links to what is elsewhere, and files of other kinds, are usual there.
            if let Ok(bytes) = entry.and_then(|entry| input::read(&entry.path(), FILE_LIMIT)) {
                found.extend(Certificates::authorities(&bytes));
            }
        }
    }
    Ok(found)
}

/// The certificates of a registry: of the directory that is named, or of the first `certs.d` that has one for it.
pub fn of_host(host: &str, named: Option<&Path>) -> Result<Option<Certificates>> {
    let home = absolute("HOME").map(|home| home.join(".config"));
    let own = [absolute("XDG_CONFIG_HOME"), home].into_iter().flatten();
    let own = own.map(|config| config.join("containers/certs.d"));
    let all = own.chain(["/etc/containers/certs.d".into(), "/etc/docker/certs.d".into()]);
    let paths: Vec<PathBuf> = match named {
        Some(path) => vec![path.to_owned()],
        None => all.map(|place| place.join(host)).collect(),
    };
    for path in paths {
        let failed = |error| Err(error).with_context(|| format!("reading `{}`", path.display()));
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            // Docker's is often closed to users.
            Err(error)
                if named.is_none()
                    && matches!(error.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied) =>
            {
                continue;
            }
            Err(error) => return failed(error),
        };
        let mut files = BTreeMap::new();
        for entry in entries {
            let name = match entry {
                Ok(entry) => entry.file_name().to_string_lossy().into_owned(),
                Err(error) => return failed(error),
            };
            let is_one = [".crt", ".cert", ".key"].iter().any(|kind| name.ends_with(kind));
            // Links to what is not installed are usual there.
            if is_one && let Some(bytes) = read(&path.join(&name))? {
                files.insert(name, bytes);
            }
        }
        return Ok(Some(Certificates::of_directory(&path.display().to_string(), &files)?));
    }
    Ok(None)
}

/// The certificates for a daemon, as Docker's client has them: `ca.pem`, whose authorities count alone, and `cert.pem` with
/// `key.pem`. Without `ca.pem` the system's authorities count.
pub fn of_daemon(directory: Option<&Path>) -> Result<Certificates> {
    let Some(directory) = directory else { return system() };
    let file = |name: &str| -> Result<_> {
        let path = directory.join(name);
        Ok(read(&path)?.map(|bytes| (path.display().to_string(), bytes)))
    };
    let (authority, certificate, key) = (file("ca.pem")?, file("cert.pem")?, file("key.pem")?);
    let shown = directory.display();
    if authority.is_none() && certificate.is_none() && key.is_none() {
        let message = format!("wanted `ca.pem`, or `cert.pem` and `key.pem`, in `{shown}`, found none");
        return Err(Failure::usage(message).into());
    }
    let mut all = match &authority {
        Some((file, bytes)) => Certificates::read_authorities(file, bytes)?,
        None => system()?,
    };
    match (&certificate, &key) {
        (Some((file, bytes)), Some((key, key_bytes))) => {
            all.extend(Certificates::shown((file, bytes), (key, key_bytes))?);
        }
        (Some((file, _)), None) => {
            return Err(Failure::usage(format!("`{file}`: wanted `key.pem` beside it, found none")).into());
        }
        (None, Some((file, _))) => {
            return Err(Failure::usage(format!("`{file}`: wanted `cert.pem` beside it, found none")).into());
        }
        (None, None) => {}
    }
    Ok(all)
}

/// A file. `None`: it is not there.
fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    input::find(path, FILE_LIMIT).with_context(|| format!("reading `{}`", path.display()))
}
