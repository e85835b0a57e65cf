use embed::Images;
pub use embed::digests::*;
use wasmtime::component::ResourceAny;

use super::call;

pub fn parse(text: &str) -> Result<DigestParts, DigestError> {
    call(|component, store| component.consign_image_digests().call_parse(store, text))
}

pub fn is_well_formed(text: &str) -> bool {
    call(|component, store| component.consign_image_digests().call_is_well_formed(store, text))
}

pub fn compute(algorithm: Algorithm, bytes: &[u8]) -> String {
    call(|component, store| component.consign_image_digests().call_compute(store, algorithm, bytes))
}

/// A set, and the instance it lives in.
pub struct Set(embed::Instance, ResourceAny);

impl Set {
    pub fn new() -> Self {
        let mut instance = super::instance();
        let set = instance.call(Images::default(), |component, store| {
            component.consign_image_digests().digest_set().call_constructor(store)
        });
        Set(instance, set.unwrap())
    }

    fn call<R>(
        &mut self,
        call: impl FnOnce(
            &GuestDigestSet<'_>,
            &mut wasmtime::Store<embed::State>,
            ResourceAny,
        ) -> wasmtime::Result<R>,
    ) -> R {
        let set = self.1;
        let answer = self.0.call(Images::default(), |component, store| {
            call(&component.consign_image_digests().digest_set(), store, set)
        });
        answer.unwrap()
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
