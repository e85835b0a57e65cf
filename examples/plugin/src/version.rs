//! One version of the component: its code, and the instances that wait for a call.

use std::sync::{Mutex, PoisonError};

use embed::content::Host;
use embed::references::Reading;
use embed::types::Rules;
use embed::{Component, Fault, Images, Instance, Limits, Resolver, State};
use sha2::{Digest, Sha256};
use wasmtime::Store;

use crate::Refused;

/// A component file, compiled.
pub(crate) struct Version {
    digest: String,
    component: Component,
    /// As many as calls were ever under way at once.
    idle: Mutex<Vec<Instance>>,
}

impl Version {
    /// Compiles a file and makes a first call, so that no caller meets a version that cannot answer.
    pub(crate) fn load(digest: String, bytes: &[u8], limits: Limits) -> Result<Self, Refused> {
        let component = match Component::new(bytes, limits) {
            Ok(component) => component,
            Err(error) => return Err(Refused::Component(digest, error)),
        };
        let version = Version { digest, component, idle: Mutex::new(Vec::new()) };
        let first = version.call(Images::default(), |resolver, store| {
            let references = resolver.consign_image_references();
            references.call_parse(store, "example.com/name:tag", Reading::Normalized, Rules::Docker)
        });
        match first {
            Ok(_) => Ok(version),
            Err(fault) => Err(Refused::Silent(version.digest, fault)),
        }
    }

    pub(crate) fn digest(&self) -> &str {
        &self.digest
    }

    /// One call, in an instance nobody else uses meanwhile.
    pub(crate) fn call<R>(
        &self,
        content: impl Host + Send + 'static,
        call: impl FnOnce(&Resolver, &mut Store<State>) -> wasmtime::Result<R>,
    ) -> Result<R, Fault> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = idle().pop();
        let mut instance = waiting.unwrap_or_else(|| self.component.instance());
        let answer = instance.call(content, call);
        if answer.is_ok() {
            idle().push(instance);
        }
        answer
    }
}

/// The digest of a component file, as `consign component --digest` prints it.
pub(crate) fn digest(bytes: &[u8]) -> String {
    let digits: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{digits}")
}
