//! consign's component as a plug-in: a file that is loaded at run time, called from any number of threads, and
//! exchanged for another version while calls go on.
//!
//! A version is compiled once, when it is loaded. A call belongs to the version that is current when it starts and
//! ends on it; the last one to end takes the old version's code and memory with it. What is compiled is not kept on
//! disk: to load it again is to trust whoever can write there as the host itself.

mod version;

use std::fmt::{self, Display};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use embed::content::Host;
use embed::{Fault, Limits, Resolver, State};
use wasmtime::Store;

use version::Version;

/// Bytes of a component file at most.
const FILE: u64 = 16 << 20;

/// Why a file did not become a version. The one before it stays.
#[derive(Debug)]
#[non_exhaustive]
pub enum Refused {
    /// It cannot be read.
    Unreadable(io::Error),
    /// It is larger than 16 MiB.
    TooLarge,
    /// It is no component of consign's world: its digest, and what is wrong.
    Component(String, embed::Refusal),
    /// It does not even answer a first call within the limits: its digest, and what came of it.
    Silent(String, Fault),
}

impl Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Unreadable(error) => write!(f, "the component cannot be read: {error}"),
            Refused::TooLarge => write!(f, "wanted a component of at most {FILE} bytes, found more"),
            Refused::Component(digest, error) => write!(f, "`{digest}`: {error}"),
            Refused::Silent(digest, fault) => write!(f, "`{digest}`: no answer to a first call: {fault}"),
        }
    }
}

impl std::error::Error for Refused {}

/// What loading the file again came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reloaded {
    /// The file is the version that is current: its digest.
    Same(String),
    /// Calls that start now go to another version.
    Swapped {
        /// The digest of the version before.
        from: String,
        /// The digest of the version now.
        to: String,
    },
}

/// What a call came to, and which version it went to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer<T> {
    /// The version's digest, `sha256:` and 64 digits.
    pub version: String,
    /// What came of it.
    pub value: T,
}

/// A component file, loaded.
pub struct Plugin {
    path: PathBuf,
    limits: Limits,
    current: RwLock<Arc<Version>>,
    /// Held while the file is loaded again: who is last to read it is last to swap. The digest of the file that was
    /// refused last.
    loading: Mutex<Option<String>>,
}

impl Plugin {
    /// Loads the component at `path`. Every call will run under `limits`.
    pub fn open(path: impl Into<PathBuf>, limits: Limits) -> Result<Self, Refused> {
        let path = path.into();
        let bytes = read(&path)?;
        let first = Version::load(version::digest(&bytes), &bytes, limits)?;
        Ok(Plugin { path, limits, current: RwLock::new(Arc::new(first)), loading: Mutex::new(None) })
    }

    /// The digest of the version that calls go to now.
    pub fn version(&self) -> String {
        self.current().digest().to_owned()
    }

    /// Makes one call, which may ask `content`. A fault is this call's alone: the next one gets a fresh instance.
    pub fn call<R>(
        &self,
        content: impl Host + Send + 'static,
        call: impl FnOnce(&Resolver, &mut Store<State>) -> wasmtime::Result<R>,
    ) -> Answer<Result<R, Fault>> {
        let version = self.current();
        let value = version.call(content, call);
        Answer { version: version.digest().to_owned(), value }
    }

    /// Loads the file again. Calls go on meanwhile, on the version there is; a file that is refused changes nothing.
    pub fn reload(&self) -> Result<Reloaded, Refused> {
        let mut refused = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = read(&self.path)?;
        self.swap(&bytes, &mut refused)
    }

    /// As [`Plugin::reload`]; `None` where the file is the one that is current, or was refused last.
    pub fn poll(&self) -> Option<Result<Reloaded, Refused>> {
        let mut refused = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        // Who writes the file by name leaves none for a moment: the next look will find it.
        let bytes = read(&self.path).ok()?;
        let digest = version::digest(&bytes);
        if digest == self.version() || refused.as_ref() == Some(&digest) {
            return None;
        }
        Some(self.swap(&bytes, &mut refused))
    }

    fn swap(&self, bytes: &[u8], refused: &mut Option<String>) -> Result<Reloaded, Refused> {
        let (from, to) = (self.version(), version::digest(bytes));
        if from == to {
            return Ok(Reloaded::Same(to));
        }
        let next =
            Version::load(to.clone(), bytes, self.limits).inspect_err(|_| *refused = Some(to.clone()))?;
        *refused = None;
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::replace(&mut *current, Arc::new(next));
        // Taking a version down takes longer than exchanging it: nobody waits for that.
        drop(current);
        drop(old);
        Ok(Reloaded::Swapped { from, to })
    }

    fn current(&self) -> Arc<Version> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The whole file. Something else than a file, as a pipe, might not end, or keep whoever opens it waiting.
fn read(path: &Path) -> Result<Vec<u8>, Refused> {
    let read = || {
        if !fs::metadata(path)?.is_file() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "wanted a regular file, found something else",
            ));
        }
        let mut bytes = Vec::new();
        File::open(path)?.take(FILE + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(Refused::Unreadable)?;
    if bytes.len() as u64 > FILE { Err(Refused::TooLarge) } else { Ok(bytes) }
}
