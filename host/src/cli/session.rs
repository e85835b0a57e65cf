//! What one invocation of the command has: the sandbox, the machine's platform, and the store where it is
//! asked for.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use cap_std::ambient_authority;
use cap_std::fs::Dir;

use consign::platform::Host;
use consign::resolve::platform;
use consign::sandbox::{Limits, Sandbox};
use consign::store::Store;
use consign::types::resolution::Options;
use consign::types::{self, Platform};

use super::args::{Rules, Wanted};
use super::failure::Failure;

pub struct Session {
    sandbox: Sandbox,
    root: PathBuf,
}

impl Session {
    pub fn new(root: Option<&Path>) -> Result<Session> {
        let root = match root {
            Some(root) => root.to_owned(),
            None => default_root()?,
        };
        Ok(Session { sandbox: Sandbox::new(Limits::default())?, root })
    }

    pub fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// The store, made if it is not there.
    pub fn store(&self) -> Result<Arc<Store>> {
        std::fs::create_dir_all(&self.root)
            .with_context(|| format!("making the store's directory `{}`", self.root.display()))?;
        let dir = Dir::open_ambient_dir(&self.root, ambient_authority())
            .with_context(|| format!("opening the store's directory `{}`", self.root.display()))?;
        let store = Store::open(dir).with_context(|| format!("opening the store in `{}`", self.root.display()))?;
        Ok(Arc::new(store))
    }

    /// What a resolution is asked with.
    pub fn options(&self, wanted: &Wanted) -> Result<Options> {
        Ok(Options {
            platform: wanted.platform.as_deref().map(|text| self.platform(text)).transpose()?,
            host: Host::detect().detected().clone(),
            rules: match wanted.rules {
                Rules::Docker => types::Rules::Docker,
                Rules::Podman => types::Rules::Podman,
            },
        })
    }

    /// A platform as a user writes it, completed from this machine's.
    pub fn platform(&self, text: &str) -> Result<Platform> {
        let host = Host::detect();
        let parsed = self.sandbox.parse_platform(text, host.plain())?;
        parsed.map_err(|error| {
            Failure::usage(format!("not a platform: `{text}`: {}", error.expected))
                .hint(format!("write os/architecture[/variant]; this machine is {}", platform(host.plain())))
                .into()
        })
    }
}

/// `$XDG_DATA_HOME/consign`; for root `/var/lib/consign`.
fn default_root() -> Result<PathBuf> {
    if rustix::process::geteuid().is_root() {
        return Ok("/var/lib/consign".into());
    }
    let absolute = |variable: &str| std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_DATA_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
        .map(|data| data.join("consign"))
        .ok_or_else(|| {
            Failure::usage("there is no place for the store: neither XDG_DATA_HOME nor HOME is set")
                .hint("name one with --root or CONSIGN_ROOT")
                .into()
        })
}
