//! The precompiled components, used where they lie in the binary.
//!
//! Copying it into memory of its own costs more than everything else a short command does: it is larger
//! than what one call runs through. On Linux its pages are made executable in place instead; they are the
//! binary's own, mapped read-only, so nothing is ever writable and executable, and pages that are not run
//! are not read.

use wasmtime::component::Component;
use wasmtime::{Config, Engine};

/// The alignment of the text within the artifact; the artifact itself has to have it too.
#[repr(C, align(65536))]
struct Aligned<T: ?Sized>(T);

/// A component of this binary.
pub(super) struct Artifact(&'static Aligned<[u8]>);

/// The world `resolver`.
pub(super) static RESOLVER: Artifact =
    Artifact(&Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/resolver.cwasm"))));
/// The world `sources`.
pub(super) static SOURCES: Artifact =
    Artifact(&Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/sources.cwasm"))));
/// The world `podman`.
pub(super) static PODMAN: Artifact =
    Artifact(&Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/podman.cwasm"))));

/// What the engine's configuration needs so that [`component`] works.
pub(super) fn configure(config: &mut Config) {
    #[cfg(target_os = "linux")]
    config.with_custom_code_memory(Some(std::sync::Arc::new(linux::InPlace)));
    #[cfg(not(target_os = "linux"))]
    let _ = config;
}

/// The component, which one engine of the process may ask for, once.
pub(super) fn component(engine: &Engine, artifact: &'static Artifact) -> wasmtime::Result<Component> {
    let bytes = &artifact.0.0;
    // SAFETY: the bytes were produced by `Engine::precompile_component` in this crate's build.rs and are
    // embedded in this binary; nobody else could have written them. They live as long as the process and,
    // being in read-only memory, never change.
    #[cfg(target_os = "linux")]
    return unsafe { Component::deserialize_raw(engine, std::ptr::NonNull::from(bytes)) };
    #[cfg(not(target_os = "linux"))]
    return unsafe { Component::deserialize(engine, bytes) };
}

#[cfg(target_os = "linux")]
mod linux {
    use rustix::mm::{MprotectFlags, mprotect};
    use wasmtime::CustomCodeMemory;

    /// Makes code executable where it is.
    pub(super) struct InPlace;

    impl CustomCodeMemory for InPlace {
        fn required_alignment(&self) -> usize {
            rustix::param::page_size()
        }

        fn publish_executable(&self, ptr: *const u8, len: usize) -> wasmtime::Result<()> {
            // SAFETY: the engine names the text of an artifact it has loaded; making that readable and
            // executable takes nothing from anyone who reads it.
            unsafe { mprotect(ptr.cast_mut().cast(), len, MprotectFlags::READ | MprotectFlags::EXEC) }?;
            Ok(())
        }

        fn unpublish_executable(&self, _: *const u8, _: usize) -> wasmtime::Result<()> {
            // Another sandbox may be running the same pages, which are read-only in any case.
            Ok(())
        }
    }
}
