//! The exported interfaces, one file each; nothing here but the calls into the modules that do the work.

#[cfg(target_arch = "wasm32")]
#[allow(dead_code, unused_imports, unused_macros, reason = "each world uses a part of it")]
mod abi;
mod archives;
mod digests;
#[cfg(target_arch = "wasm32")]
#[allow(unused_imports, reason = "each world uses a part of them")]
#[rustfmt::skip]
mod exports;
mod local_images;
mod lookup;
mod manifests;
mod openpgp;
mod platforms;
mod podman_names;
mod pull_goals;
mod references;
mod registries;
mod resolution;
mod selection;
mod short_names;
mod signatures;
mod transports;

/// The component's one export object.
pub struct Component;

/// A component reports no panic: it stops, and the host sees a trap.
#[cfg(all(target_arch = "wasm32", not(feature = "std")))]
mod alone {
    use crate::heap::Heap;

    #[global_allocator]
    static HEAP: Heap = Heap::new();

    #[panic_handler]
    fn stop(_: &core::panic::PanicInfo<'_>) -> ! {
        core::arch::wasm32::unreachable()
    }
}
