//! The component, run: instances with limits, and one method for each function the component exports.
//!
//! An instance is used again for the next call unless a call trapped in it; after a trap the next call
//! gets a fresh one (about 25 µs).
//!
//! ```
//! use consign::sandbox::{Limits, Sandbox};
//! use consign::types::Rules;
//! use consign::types::references::{Reading, Reference};
//!
//! let sandbox = Sandbox::new(Limits::default())?;
//! let parsed = sandbox.parse_reference("debian:12", Reading::Normalized, Rules::Docker)?;
//! let Ok(Reference::Named(name)) = parsed else { panic!("no name: {parsed:?}") };
//! assert_eq!((name.domain.as_str(), name.path.as_str()), ("docker.io", "library/debian"));
//! let error = sandbox.parse_reference("debian:", Reading::Normalized, Rules::Docker)?.unwrap_err();
//! assert_eq!(error.offset, 7);
//! # Ok::<(), consign::sandbox::SandboxError>(())
//! ```

mod archives;
mod digests;
mod held;
mod local_images;
mod manifests;
mod platforms;
mod podman_names;
mod precompiled;
mod pull_goals;
mod references;
mod registries;
mod resolution;
mod selection;
mod short_names;
mod transports;

pub use digests::DigestSet;

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use wasmtime::component::{HasSelf, Linker};
use wasmtime::{Engine, Store, StoreLimits, StoreLimitsBuilder, Trap};

use crate::bindings::consign::image::content as wit;
use crate::bindings::{Resolver, ResolverPre};
use crate::content::{Content, ContentError, MAX_DOCUMENTS, MAX_FOUND};
use crate::digest::Digest;
use crate::source::DOCUMENT_LIMIT;
use crate::types::{self, Descriptor, ImageName};

/// What one instance of the component may use.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of linear memory.
    pub memory: usize,
    /// Work one call may do, in WebAssembly instructions: wasmtime's fuel. The same call uses the same on
    /// every machine; a second is some billions. What the host's content takes is not counted.
    pub fuel: u64,
}

impl Default for Limits {
    /// 256 MiB and 10,000,000,000 instructions, a few seconds: a document at the size limit fits several
    /// times over.
    fn default() -> Self {
        Limits { memory: 256 << 20, fuel: 10_000_000_000 }
    }
}

/// The component did not answer. Never means "not found" or "bad input".
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// The call did all the work it may do and was not done.
    #[error("the component did not answer within {limit} instructions")]
    OutOfFuel {
        /// The limit it ran into.
        limit: u64,
    },
    /// The call wanted more memory than it may have.
    #[error("the component wanted more than {limit} bytes of memory")]
    OutOfMemory {
        /// The limit it ran into, in bytes.
        limit: usize,
    },
    /// The component trapped.
    #[error("the component trapped: {reason}")]
    Trap {
        /// The trap, for people.
        reason: String,
    },
    /// The component could not be loaded.
    #[error("the component cannot be loaded: {reason}")]
    Load {
        /// Why, for people.
        reason: String,
    },
}

pub(crate) struct State {
    limits: StoreLimits,
    content: Option<Arc<dyn Content>>,
}

pub(crate) struct Instance {
    store: Store<State>,
    bindings: Resolver,
}

/// The component, ready to answer. Calls from several threads run side by side.
pub struct Sandbox {
    loaded: &'static Loaded,
    limits: Limits,
    idle: Mutex<Vec<Instance>>,
}

/// The built-in component, loaded. There is one for the process: its code is used where it lies, and can be
/// registered with one engine only.
struct Loaded {
    engine: Engine,
    pre: ResolverPre<State>,
}

impl Loaded {
    fn get() -> Result<&'static Loaded, SandboxError> {
        static LOADED: OnceLock<Result<Loaded, String>> = OnceLock::new();
        let loaded = LOADED.get_or_init(|| Loaded::load().map_err(|error| format!("{error:#}")));
        loaded.as_ref().map_err(|reason| SandboxError::Load { reason: reason.clone() })
    }

    fn load() -> wasmtime::Result<Loaded> {
        let mut config = crate::engine::config();
        precompiled::configure(&mut config);
        let engine = Engine::new(&config)?;
        let component = precompiled::component(&engine)?;
        let mut linker = Linker::new(&engine);
        Resolver::add_to_linker::<State, HasSelf<State>>(&mut linker, |state| state)?;
        let pre = ResolverPre::new(linker.instantiate_pre(&component)?)?;
        Ok(Loaded { engine, pre })
    }
}

impl Sandbox {
    /// The built-in component under these limits.
    ///
    /// # Errors
    ///
    /// [`SandboxError::Load`] where this machine cannot run the component.
    pub fn new(limits: Limits) -> Result<Self, SandboxError> {
        Ok(Sandbox { loaded: Loaded::get()?, limits, idle: Mutex::new(Vec::new()) })
    }

    /// The limits every call runs under.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    pub(crate) fn call<R>(
        &self,
        content: Option<Arc<dyn Content>>,
        call: impl FnOnce(&Resolver, &mut Store<State>) -> wasmtime::Result<R>,
    ) -> Result<R, SandboxError> {
        let mut instance = self.take()?;
        // On an error the instance is dropped: after a trap its memory means nothing.
        let answer = self.call_in(&mut instance, content, call)?;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(instance);
        Ok(answer)
    }

    /// An instance nobody else uses.
    fn take(&self) -> Result<Instance, SandboxError> {
        let pooled = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        match pooled {
            Some(instance) => Ok(instance),
            None => self.instantiate(),
        }
    }

    fn call_in<R>(
        &self,
        instance: &mut Instance,
        content: Option<Arc<dyn Content>>,
        call: impl FnOnce(&Resolver, &mut Store<State>) -> wasmtime::Result<R>,
    ) -> Result<R, SandboxError> {
        instance.store.set_fuel(self.limits.fuel).map_err(load_error)?;
        instance.store.data_mut().content = content;
        let answer = call(&instance.bindings, &mut instance.store);
        instance.store.data_mut().content = None;
        answer.map_err(|error| self.fault(&error))
    }

    fn instantiate(&self) -> Result<Instance, SandboxError> {
        let limits =
            StoreLimitsBuilder::new().memory_size(self.limits.memory).trap_on_grow_failure(true).build();
        let mut store = Store::new(&self.loaded.engine, State { limits, content: None });
        store.limiter(|state| &mut state.limits);
        store.set_fuel(self.limits.fuel).map_err(load_error)?;
        let bindings = self.loaded.pre.instantiate(&mut store).map_err(|error| {
            // Starting is work, too.
            if error.is::<Trap>() { self.fault(&error) } else { load_error(error) }
        })?;
        Ok(Instance { store, bindings })
    }

    fn fault(&self, error: &wasmtime::Error) -> SandboxError {
        match error.downcast_ref::<Trap>() {
            Some(Trap::OutOfFuel) => SandboxError::OutOfFuel { limit: self.limits.fuel },
            Some(trap) => SandboxError::Trap { reason: trap.to_string() },
            // With `trap_on_grow_failure` the limiter's refusal is the only error that is no `Trap`
            // and speaks of growing.
            None if format!("{error:#}").contains("grow") => {
                SandboxError::OutOfMemory { limit: self.limits.memory }
            }
            None => SandboxError::Trap { reason: format!("{error:#}") },
        }
    }
}

fn load_error(error: wasmtime::Error) -> SandboxError {
    SandboxError::Load { reason: format!("{error:#}") }
}

impl From<ContentError> for types::ContentError {
    fn from(error: ContentError) -> Self {
        match error {
            ContentError::TooLarge { size, limit } => types::ContentError::TooLarge((size, limit)),
            ContentError::Corrupt { digest } => types::ContentError::Corrupt(digest),
            ContentError::Unavailable { reason } => types::ContentError::Unavailable(reason),
        }
    }
}

impl crate::bindings::consign::image::types::Host for State {}

impl State {
    fn ask<R: Default>(
        &self,
        question: impl FnOnce(&dyn Content) -> Result<R, ContentError>,
    ) -> Result<R, types::ContentError> {
        self.content.as_deref().map_or_else(|| Ok(R::default()), |content| Ok(question(content)?))
    }
}

/// Whoever wrote the content's side, the guest sees no bytes that are others or too many.
fn checked(bytes: Vec<u8>, target: &Descriptor) -> Result<Vec<u8>, ContentError> {
    let size = bytes.len() as u64;
    if size > DOCUMENT_LIMIT {
        return Err(ContentError::TooLarge { size, limit: DOCUMENT_LIMIT });
    }
    match target.digest.parse::<Digest>() {
        Ok(digest) if digest.verifies(&bytes) => Ok(bytes),
        _ => Err(ContentError::Corrupt { digest: target.digest.clone() }),
    }
}

/// What `wit/content.wit` allows.
fn at_most(mut found: Vec<Descriptor>, limit: usize) -> Vec<Descriptor> {
    found.truncate(limit);
    found
}

impl wit::Host for State {
    fn find(&mut self, name: ImageName) -> Result<Option<Descriptor>, types::ContentError> {
        self.ask(|content| content.find(&name))
    }

    fn search(&mut self, prefix: String) -> Result<Vec<Descriptor>, types::ContentError> {
        self.ask(|content| content.search(&prefix).map(|found| at_most(found, MAX_FOUND)))
    }

    fn read(&mut self, target: Descriptor) -> Result<Option<Vec<u8>>, types::ContentError> {
        self.ask(|content| {
            if target.size > DOCUMENT_LIMIT {
                return Err(ContentError::TooLarge { size: target.size, limit: DOCUMENT_LIMIT });
            }
            let bytes = content.read(&target)?;
            bytes.map(|bytes| checked(bytes, &target)).transpose()
        })
    }

    fn indexes(&mut self, config: String) -> Result<Vec<Descriptor>, types::ContentError> {
        self.ask(|content| content.indexes(&config).map(|found| at_most(found, MAX_DOCUMENTS)))
    }

    fn manifests(&mut self, config: String) -> Result<Vec<Descriptor>, types::ContentError> {
        self.ask(|content| content.manifests(&config).map(|found| at_most(found, MAX_DOCUMENTS)))
    }
}
