//! A resource of the component, with the instance it lives in.

use wasmtime::Store;
use wasmtime::component::ResourceAny;

use super::{Instance, Sandbox, SandboxError, State, put_back};
use crate::bindings::sources::Sources;

/// A resource that outlives one call. It has an instance to itself; the instance goes back to the sandbox
/// when the resource is dropped, unless a call trapped in it.
pub(crate) struct Held<'a> {
    sandbox: &'a Sandbox,
    /// `None` after a trap, when the resource is gone with its instance.
    live: Option<(Instance<Sources>, ResourceAny)>,
}

impl<'a> Held<'a> {
    /// Makes a resource in an instance of its own.
    pub(crate) fn new(
        sandbox: &'a Sandbox,
        make: impl FnOnce(&Sources, &mut Store<State>) -> wasmtime::Result<ResourceAny>,
    ) -> Result<Self, SandboxError> {
        let mut instance = sandbox.take_sources()?;
        let resource = sandbox.call_in(&mut instance, None, make)?;
        Ok(Held { sandbox, live: Some((instance, resource)) })
    }

    /// One call on the resource. After a trap every further call is refused.
    pub(crate) fn call<R>(
        &mut self,
        call: impl FnOnce(&Sources, &mut Store<State>, ResourceAny) -> wasmtime::Result<R>,
    ) -> Result<R, SandboxError> {
        let Some((mut instance, resource)) = self.live.take() else {
            return Err(SandboxError::Trap { reason: "an earlier call on this resource trapped".to_owned() });
        };
        let answer =
            self.sandbox.call_in(&mut instance, None, |bindings, store| call(bindings, store, resource))?;
        self.live = Some((instance, resource));
        Ok(answer)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if let Some((mut instance, resource)) = self.live.take()
            && self.sandbox.call_in(&mut instance, None, |_, store| resource.resource_drop(store)).is_ok()
        {
            put_back(&self.sandbox.idle_sources, instance);
        }
    }
}
