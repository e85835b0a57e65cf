//! Digests are in a component of their own, with where images come from.

use std::cell::RefCell;
use std::sync::OnceLock;

use wasmtime::component::{Component, Linker, ResourceAny};
use wasmtime::{Engine, Store};

pub use embed::types::DigestProblem;
use wit::Sources;
pub use wit::exports::consign::image::digests::*;

mod wit {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "sources",
        with: { "consign:image/types": embed::types },
        additional_derives: [PartialEq, Eq, Clone, Hash, PartialOrd, Ord],
    });
}

struct Instance {
    store: Store<()>,
    sources: Sources,
}

impl Instance {
    fn new() -> Self {
        static COMPILED: OnceLock<Component> = OnceLock::new();
        let compile = || Component::new(&Engine::default(), crate::components::component("sources")).unwrap();
        let component = COMPILED.get_or_init(compile);
        let mut store = Store::new(component.engine(), ());
        let sources = Sources::instantiate(&mut store, component, &Linker::new(component.engine())).unwrap();
        Instance { store, sources }
    }

    fn call<R>(&mut self, call: impl FnOnce(&Guest, &mut Store<()>) -> wasmtime::Result<R>) -> R {
        call(self.sources.consign_image_digests(), &mut self.store).unwrap()
    }
}

thread_local! {
    static INSTANCE: RefCell<Instance> = RefCell::new(Instance::new());
}

fn call<R>(call: impl FnOnce(&Guest, &mut Store<()>) -> wasmtime::Result<R>) -> R {
    INSTANCE.with_borrow_mut(|instance| instance.call(call))
}

pub fn parse(text: &str) -> Result<DigestParts, DigestError> {
    call(|digests, store| digests.call_parse(store, text))
}

pub fn is_well_formed(text: &str) -> bool {
    call(|digests, store| digests.call_is_well_formed(store, text))
}

pub fn compute(algorithm: Algorithm, bytes: &[u8]) -> String {
    call(|digests, store| digests.call_compute(store, algorithm, bytes))
}

/// A set, and the instance it lives in.
pub struct Set(Instance, ResourceAny);

impl Set {
    pub fn new() -> Self {
        let mut instance = Instance::new();
        let set = instance.call(|digests, store| digests.digest_set().call_constructor(store));
        Set(instance, set)
    }

    fn call<R>(
        &mut self,
        call: impl FnOnce(&GuestDigestSet<'_>, &mut Store<()>, ResourceAny) -> wasmtime::Result<R>,
    ) -> R {
        let set = self.1;
        self.0.call(|digests, store| call(&digests.digest_set(), store, set))
    }

    pub fn add(&mut self, digest: &str) -> Result<(), DigestError> {
        self.call(|set, store, this| set.call_add(store, this, digest))
    }

    pub fn remove(&mut self, digest: &str) -> Result<(), DigestError> {
        self.call(|set, store, this| set.call_remove(store, this, digest))
    }

    pub fn lookup(&mut self, text: &str) -> Result<String, LookupError> {
        self.call(|set, store, this| set.call_lookup(store, this, text))
    }

    pub fn all(&mut self) -> Vec<String> {
        self.call(|set, store, this| set.call_all(store, this))
    }

    pub fn short_code_table(&mut self, length: u32) -> Vec<(String, String)> {
        self.call(|set, store, this| set.call_short_code_table(store, this, length))
    }
}
