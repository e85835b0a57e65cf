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
mod asked;
mod digests;
#[cfg(feature = "jit")]
mod given;
mod held;
mod limits;
mod local_images;
mod manifests;
mod openpgp;
mod platforms;
mod podman_names;
mod precompiled;
mod pull_goals;
mod references;
mod registries;
mod resolution;
mod selection;
mod short_names;
mod signatures;
mod transports;

pub use digests::DigestSet;
pub use limits::Limits;

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use wasmtime::component::{Component, HasSelf, InstancePre, Linker};
use wasmtime::{Engine, Store, Trap};

use crate::bindings::podman::{Podman, PodmanPre};
use crate::bindings::sources::{Sources, SourcesPre};
use crate::bindings::{Resolver, ResolverPre};
use crate::content::Content;
use limits::{Account, Overdrawn};

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
    account: Account,
    content: Option<Arc<dyn Content>>,
}

pub(crate) struct Instance<B> {
    store: Store<State>,
    bindings: B,
}

/// Instances of one component that nobody uses.
type Idle<B> = Mutex<Vec<Instance<B>>>;

/// The component, ready to answer. Calls from several threads run side by side.
///
/// What a look-up does not need is in components of their own, each loaded when it is first asked for: where images
/// come from, and Podman's way with names.
pub struct Sandbox {
    loaded: &'static Loaded,
    given: Given,
    limits: Limits,
    idle: Idle<Resolver>,
    idle_sources: Idle<Sources>,
    idle_podman: Idle<Podman>,
}

/// What answers in place of the built-in component of its world.
#[derive(Default)]
struct Given {
    resolver: Option<ResolverPre<State>>,
    sources: Option<SourcesPre<State>>,
    podman: Option<PodmanPre<State>>,
}

/// The built-in components, loaded. They are for the process: their code is used where it lies, and can be
/// registered with one engine only.
struct Loaded {
    engine: Engine,
    resolver: ResolverPre<State>,
    sources: OnceLock<Result<SourcesPre<State>, String>>,
    podman: OnceLock<Result<PodmanPre<State>, String>>,
}

impl Loaded {
    fn get() -> Result<&'static Loaded, SandboxError> {
        static LOADED: OnceLock<Result<Loaded, String>> = OnceLock::new();
        known(LOADED.get_or_init(|| Loaded::load().map_err(|error| format!("{error:#}"))))
    }

    fn load() -> wasmtime::Result<Loaded> {
        let mut config = crate::engine::config();
        precompiled::configure(&mut config);
        let engine = Engine::new(&config)?;
        let resolver = resolver(&engine, &precompiled::component(&engine, &precompiled::RESOLVER)?)?;
        Ok(Loaded { engine, resolver, sources: OnceLock::new(), podman: OnceLock::new() })
    }

    fn sources(&self) -> Result<&SourcesPre<State>, SandboxError> {
        known(self.sources.get_or_init(|| self.load_also(&precompiled::SOURCES, SourcesPre::new)))
    }

    fn podman(&self) -> Result<&PodmanPre<State>, SandboxError> {
        known(self.podman.get_or_init(|| self.load_also(&precompiled::PODMAN, PodmanPre::new)))
    }

    fn load_also<P>(&self, code: &'static precompiled::Artifact, start: Start<P>) -> Result<P, String> {
        let component = precompiled::component(&self.engine, code);
        let loaded = component.and_then(|component| pure(&self.engine, &component, start));
        loaded.map_err(|error| format!("{error:#}"))
    }
}

/// Takes the exports of a world.
type Start<P> = fn(InstancePre<State>) -> wasmtime::Result<P>;

/// A component that imports nothing but types.
fn pure<P>(engine: &Engine, component: &Component, start: Start<P>) -> wasmtime::Result<P> {
    start(Linker::new(engine).instantiate_pre(component)?)
}

/// A component as one of the world `resolver`.
fn resolver(engine: &Engine, component: &Component) -> wasmtime::Result<ResolverPre<State>> {
    let mut linker = Linker::new(engine);
    Resolver::add_to_linker::<State, HasSelf<State>>(&mut linker, |state| state)?;
    ResolverPre::new(linker.instantiate_pre(component)?)
}

/// What came of loading, once.
fn known<T>(loaded: &Result<T, String>) -> Result<&T, SandboxError> {
    loaded.as_ref().map_err(|reason| SandboxError::Load { reason: reason.clone() })
}

impl Sandbox {
    /// The built-in component under these limits.
    ///
    /// # Errors
    ///
    /// [`SandboxError::Load`] where this machine cannot run the component.
    pub fn new(limits: Limits) -> Result<Self, SandboxError> {
        Ok(Sandbox {
            loaded: Loaded::get()?,
            given: Given::default(),
            limits,
            idle: Idle::default(),
            idle_sources: Idle::default(),
            idle_podman: Idle::default(),
        })
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
        let resolver = self.given.resolver.as_ref().unwrap_or(&self.loaded.resolver);
        let instance = self.take(&self.idle, |store| resolver.instantiate(store))?;
        self.call_once(&self.idle, instance, content, call)
    }

    pub(crate) fn call_sources<R>(
        &self,
        call: impl FnOnce(&Sources, &mut Store<State>) -> wasmtime::Result<R>,
    ) -> Result<R, SandboxError> {
        self.call_once(&self.idle_sources, self.take_sources()?, None, call)
    }

    pub(crate) fn call_podman<R>(
        &self,
        call: impl FnOnce(&Podman, &mut Store<State>) -> wasmtime::Result<R>,
    ) -> Result<R, SandboxError> {
        let podman = self.given.podman.as_ref().map_or_else(|| self.loaded.podman(), Ok)?;
        let instance = self.take(&self.idle_podman, |store| podman.instantiate(store))?;
        self.call_once(&self.idle_podman, instance, None, call)
    }

    /// An instance nobody else uses.
    fn take_sources(&self) -> Result<Instance<Sources>, SandboxError> {
        let sources = self.given.sources.as_ref().map_or_else(|| self.loaded.sources(), Ok)?;
        self.take(&self.idle_sources, |store| sources.instantiate(store))
    }

    /// The same, of any world.
    fn take<B>(
        &self,
        idle: &Idle<B>,
        start: impl FnOnce(&mut Store<State>) -> wasmtime::Result<B>,
    ) -> Result<Instance<B>, SandboxError> {
        let pooled = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        pooled.map_or_else(|| self.instantiate(start), Ok)
    }

    /// A call, after which the instance is the next one's.
    fn call_once<B, R>(
        &self,
        idle: &Idle<B>,
        mut instance: Instance<B>,
        content: Option<Arc<dyn Content>>,
        call: impl FnOnce(&B, &mut Store<State>) -> wasmtime::Result<R>,
    ) -> Result<R, SandboxError> {
        let answer = self.call_in(&mut instance, content, call)?;
        put_back(idle, instance);
        Ok(answer)
    }

    /// On an error the instance is to be dropped: after a trap its memory means nothing.
    fn call_in<B, R>(
        &self,
        instance: &mut Instance<B>,
        content: Option<Arc<dyn Content>>,
        call: impl FnOnce(&B, &mut Store<State>) -> wasmtime::Result<R>,
    ) -> Result<R, SandboxError> {
        instance.store.set_fuel(self.limits.fuel).map_err(load_error)?;
        instance.store.data_mut().content = content;
        let answer = call(&instance.bindings, &mut instance.store);
        instance.store.data_mut().content = None;
        answer.map_err(|error| self.fault(&error))
    }

    fn instantiate<B>(
        &self,
        start: impl FnOnce(&mut Store<State>) -> wasmtime::Result<B>,
    ) -> Result<Instance<B>, SandboxError> {
        let account = Account::new(self.limits);
        let mut store = Store::new(&self.loaded.engine, State { account, content: None });
        store.limiter(|state| &mut state.account);
        store.set_fuel(self.limits.fuel).map_err(load_error)?;
        let bindings = start(&mut store).map_err(|error| {
            // Starting is work, too.
            if error.is::<Trap>() || error.is::<Overdrawn>() { self.fault(&error) } else { load_error(error) }
        })?;
        Ok(Instance { store, bindings })
    }

    fn fault(&self, error: &wasmtime::Error) -> SandboxError {
        match error.downcast_ref::<Trap>() {
            Some(Trap::OutOfFuel) => SandboxError::OutOfFuel { limit: self.limits.fuel },
            Some(trap) => SandboxError::Trap { reason: trap.to_string() },
            None if error.is::<Overdrawn>() => SandboxError::OutOfMemory { limit: self.limits.memory },
            None => SandboxError::Trap { reason: format!("{error:#}") },
        }
    }
}

fn put_back<B>(idle: &Idle<B>, instance: Instance<B>) {
    idle.lock().unwrap_or_else(PoisonError::into_inner).push(instance);
}

fn load_error(error: wasmtime::Error) -> SandboxError {
    SandboxError::Load { reason: format!("{error:#}") }
}
