//! Components that are compiled at run time, in place of the built-in ones of their worlds.

use wasmtime::component::Component;

use super::{Limits, Sandbox, SandboxError, load_error, pure, resolver};
use crate::bindings::podman::PodmanPre;
use crate::bindings::sources::SourcesPre;
use crate::component::interfaces;

/// Of each world that runs here an interface that only its components export.
const RESOLVER: &str = "consign:image/lookup";
const SOURCES: &str = "consign:image/transports";
const PODMAN: &str = "consign:image/short-names";

impl Sandbox {
    /// Components that are compiled now, under these limits, each in place of the built-in one of its world: `resolver`,
    /// `sources` or `podman`. One that exports several of these worlds answers for all of them.
    ///
    /// What compiling takes is not limited but by the component's size.
    ///
    /// # Errors
    ///
    /// [`SandboxError::Load`] where one is no component, exports none of these worlds in full, imports something that the
    /// world does not, or is of a world that another one is of.
    pub fn with_components(limits: Limits, components: &[Vec<u8>]) -> Result<Self, SandboxError> {
        let mut sandbox = Sandbox::new(limits)?;
        for component in components {
            sandbox.add(component)?;
        }
        Ok(sandbox)
    }

    fn add(&mut self, bytes: &[u8]) -> Result<(), SandboxError> {
        let found = interfaces(bytes).ok_or_else(|| other("wanted a component, found something else"))?;
        let exports = |wanted| found.exports.iter().any(|export| export.split('@').next() == Some(wanted));
        if ![RESOLVER, SOURCES, PODMAN].into_iter().any(exports) {
            // A stranger's, who may have called them anything.
            let exports: String = found.exports.join("`, `").chars().take(400).collect();
            return Err(other(format!(
                "wanted a component of the world `resolver`, `sources` or `podman`, found exports `{exports}`"
            )));
        }
        let engine = &self.loaded.engine;
        let component = Component::new(engine, bytes).map_err(load_error)?;
        let given = &mut self.given;
        if exports(RESOLVER) {
            put(&mut given.resolver, "resolver", resolver(engine, &component))?;
        }
        if exports(SOURCES) {
            put(&mut given.sources, "sources", pure(engine, &component, SourcesPre::new))?;
        }
        if exports(PODMAN) {
            put(&mut given.podman, "podman", pure(engine, &component, PodmanPre::new))?;
        }
        Ok(())
    }
}

/// Takes the only component of a world.
fn put<P>(place: &mut Option<P>, world: &str, made: wasmtime::Result<P>) -> Result<(), SandboxError> {
    match place.replace(made.map_err(load_error)?) {
        None => Ok(()),
        Some(_) => Err(other(format!("wanted one component of the world `{world}`, found two"))),
    }
}

fn other(reason: impl Into<String>) -> SandboxError {
    SandboxError::Load { reason: reason.into() }
}
