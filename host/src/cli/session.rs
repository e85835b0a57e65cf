//! What one invocation of the command has: the sandbox, the machine's platform, and the store where it is
//! asked for.

use std::ffi::{c_int, c_void};
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use anyhow::{Context, Result};
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use rusqlite::ffi;

use consign::layer::cache::{self, Cache};
use consign::platform::{default_platform, maximum_platform};
use consign::resolve::{self, platform};
use consign::sandbox::{Limits, Sandbox};
use consign::store::{self, Store};
use consign::types::platforms::PlatformProblem;
use consign::types::references::{Reading, Reference};
use consign::types::resolution::Options;
use consign::types::{self, ImageName, Platform};

use super::args::{Globals, Lookup, Rules, Wanted};
use super::config::Config;
use super::failure::Failure;
use super::remote::Remote;

pub struct Session {
    sandbox: Arc<Sandbox>,
    root: PathBuf,
    store: OnceLock<Arc<Store>>,
    /// Where the additional stores are.
    additional: Vec<PathBuf>,
    stores: OnceLock<Vec<Arc<Store>>>,
    remote: Remote,
    /// Where the Docker daemon is, if that was said.
    daemon: Option<String>,
}

/// Where what does not fit into memory, or cannot be sought in, is meanwhile. `None` where there is no such place; who
/// needs it says so.
pub fn spool() -> Option<Dir> {
    Dir::open_ambient_dir(std::env::temp_dir(), ambient_authority()).ok()
}

impl Session {
    /// With what the command line says, and what `consign.toml` says where that says nothing.
    pub fn new(globals: &Globals) -> Result<Session> {
        let config = Config::read()?;
        let root = match (&globals.root, config.root) {
            (Some(root), _) => root.clone(),
            (None, Some(root)) => root,
            (None, None) => default_root()?,
        };
        let additional = match &globals.additional_store[..] {
            [] => config.additional_stores.unwrap_or_default(),
            given => given.to_vec(),
        };
        let mut limits = Limits::default();
        limits.memory = config.limits.memory.unwrap_or(limits.memory);
        limits.fuel = config.limits.fuel.unwrap_or(limits.fuel);
        let sandbox = Arc::new(Sandbox::new(limits)?);
        // Kept to the end of the process, which takes it apart faster.
        std::mem::forget(sandbox.clone());
        Ok(Session {
            sandbox,
            root,
            store: OnceLock::new(),
            additional,
            stores: OnceLock::new(),
            remote: Remote::default(),
            daemon: globals.daemon_host.clone().filter(|host| !host.is_empty()),
        })
    }

    /// The same with these components, compiled now, in place of the built-in ones of their worlds.
    #[cfg(feature = "jit")]
    pub fn with_components(self, components: &[Vec<u8>]) -> Result<Session> {
        let sandbox = Arc::new(Sandbox::with_components(self.sandbox.limits(), components)?);
        Ok(Session { sandbox, ..self })
    }

    pub fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// The same, for content that asks it.
    pub fn sandbox_handle(&self) -> Arc<Sandbox> {
        self.sandbox.clone()
    }

    /// The store, made if it is not there.
    pub fn store(&self) -> Result<Arc<Store>> {
        if let Some(store) = self.store.get() {
            return Ok(store.clone());
        }
        allocate_as_needed();
        std::fs::create_dir_all(&self.root)
            .with_context(|| format!("making the store's directory `{}`", self.root.display()))?;
        let (dir, options) = self.root()?;
        let store = Store::open(dir, options)
            .with_context(|| format!("opening the store in `{}`", self.root.display()))?;
        Ok(self.store.get_or_init(|| Arc::new(store)).clone())
    }

    /// The store and the additional ones, which are only read, in the order in which they are looked into.
    pub fn stores(&self) -> Result<&[Arc<Store>]> {
        if let Some(stores) = self.stores.get() {
            return Ok(stores);
        }
        let mut stores = vec![self.store()?];
        for path in &self.additional {
            let dir = Dir::open_ambient_dir(path, ambient_authority())
                .with_context(|| format!("opening the additional store `{}`", path.display()))?;
            let options = store::Options { create: false, read_only: true, ..store::Options::default() };
            let store = Store::open(dir, options)
                .with_context(|| format!("opening the additional store `{}`", path.display()))?;
            stores.push(Arc::new(store));
        }
        Ok(self.stores.get_or_init(|| stores))
    }

    /// Registries, as this machine reaches them.
    pub fn remote(&self) -> &Remote {
        &self.remote
    }

    /// What is kept of layers that are read where they lie. `None` where there is no place for it.
    pub fn cache(&self) -> Option<Cache> {
        let path = default_cache()?;
        DirBuilder::new().recursive(true).mode(0o700).create(&path).ok()?;
        let directory = Dir::open_ambient_dir(path, ambient_authority()).ok()?;
        Cache::new(directory, cache::LIMIT).ok()?
    }

    /// Where the Docker daemon is, if that was said.
    pub fn daemon_host(&self) -> Option<&str> {
        self.daemon.as_deref()
    }

    /// The store's directory, which must be there, and how a store in it is opened.
    pub fn root(&self) -> Result<(Dir, store::Options)> {
        let dir = Dir::open_ambient_dir(&self.root, ambient_authority())
            .with_context(|| format!("opening the store's directory `{}`", self.root.display()))?;
        Ok((dir, store::Options::default()))
    }

    /// What a resolution is asked with.
    pub fn options(&self, wanted: &Wanted) -> Result<Options> {
        Ok(Options {
            platform: wanted.platform.as_deref().map(|text| self.platform(text)).transpose()?,
            host: maximum_platform().clone(),
            rules: match wanted.rules {
                Rules::Docker => types::Rules::Docker,
                Rules::Podman => types::Rules::Podman,
            },
        })
    }

    /// What a resolution is asked with where no platform can be: the rules are those of the look-up.
    pub fn options_for(&self, lookup: Lookup) -> Result<Options> {
        let rules = match lookup {
            Lookup::Docker => Rules::Docker,
            Lookup::Podman | Lookup::PodmanOne => Rules::Podman,
        };
        self.options(&Wanted { platform: None, rules })
    }

    /// A platform as a user writes it, completed from this machine's.
    pub fn platform(&self, text: &str) -> Result<Platform> {
        let host = default_platform();
        self.sandbox.parse_platform(text, host)?.map_err(|error| {
            let wanted = wanted(error.problem);
            let message = format!(
                "not a platform: `{text}`: wanted {wanted}, found `{}`, at byte {}",
                error.component, error.offset
            );
            Failure::usage(message)
                .hint(format!("write os/architecture[/variant]; this machine is {}", platform(host)))
                .into()
        })
    }

    /// A name as a user writes it, normalised.
    pub fn name(&self, text: &str) -> Result<ImageName> {
        match self.sandbox.parse_reference(text, Reading::Normalized, types::Rules::Docker)? {
            Ok(Reference::Named(name)) => Ok(name),
            Ok(Reference::Digest(digest)) => {
                Err(Failure::usage(format!("wanted a name, found the digest `{digest}`")).into())
            }
            Err(error) => Err(Failure::usage(format!("`{text}`: {}", resolve::reference(&error))).into()),
        }
    }

    /// The same, with the tag `latest` where there is neither a tag nor a digest.
    pub fn tag_or_digest(&self, text: &str) -> Result<ImageName> {
        Ok(self.sandbox.tag_name_only(&self.name(text)?)?)
    }

    /// A name as docker shows it: without `docker.io/library/`.
    pub fn familiar(&self, name: &ImageName) -> Result<String> {
        Ok(self.sandbox.familiar_string(&Reference::Named(name.clone()))?)
    }
}

/// Has this process's SQLite allocate what it uses, instead of setting aside, and writing to, 130 KiB a
/// connection first: a look-up uses a tenth of that. For the process to decide, not for the library.
fn allocate_as_needed() {
    let nowhere = std::ptr::null_mut::<c_void>();
    // SAFETY: these options take a pointer and two integers, and two integers. No thread uses SQLite yet;
    // where one did it would refuse to be configured, and work as before.
    unsafe {
        ffi::sqlite3_config(ffi::SQLITE_CONFIG_PAGECACHE, nowhere, 0 as c_int, 0 as c_int);
        ffi::sqlite3_config(ffi::SQLITE_CONFIG_LOOKASIDE, 0 as c_int, 0 as c_int);
    }
}

/// What belongs where a platform is wrong.
fn wanted(problem: PlatformProblem) -> &'static str {
    match problem {
        PlatformProblem::Wildcard => "no wildcard",
        PlatformProblem::OperatingSystem => "an operating system",
        PlatformProblem::OsVersion => "two hexadecimal digits after `%` in the version",
        PlatformProblem::OsFeature => "two hexadecimal digits after `%` in a feature",
        PlatformProblem::Component => "letters, digits, `_`, `.` or `-`",
        PlatformProblem::Unknown => "a known operating system or architecture",
        PlatformProblem::TooManyComponents => "at most three components",
    }
}

/// The directory that a variable of the environment names; a relative path counts as none (XDG Base Directory
/// Specification).
pub fn absolute(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute())
}

/// `$XDG_CACHE_HOME/consign/layers`; where that is not set, for root `/var/cache/consign/layers`.
fn default_cache() -> Option<PathBuf> {
    let cache = absolute("XDG_CACHE_HOME").or_else(|| match rustix::process::geteuid().is_root() {
        true => Some("/var/cache".into()),
        false => absolute("HOME").map(|home| home.join(".cache")),
    });
    cache.map(|cache| cache.join("consign/layers"))
}

/// `$XDG_DATA_HOME/consign`; for root `/var/lib/consign`.
fn default_root() -> Result<PathBuf> {
    if rustix::process::geteuid().is_root() {
        return Ok("/var/lib/consign".into());
    }
    absolute("XDG_DATA_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
        .map(|data| data.join("consign"))
        .ok_or_else(|| {
            Failure::usage("there is no place for the store: neither XDG_DATA_HOME nor HOME is set")
                .hint("name one with --root or CONSIGN_ROOT")
                .into()
        })
}
