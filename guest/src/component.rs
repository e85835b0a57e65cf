//! The exported interfaces, one file each; nothing here but the calls into the modules that do the work.

mod archives;
mod digests;
#[cfg(feature = "resolver")]
mod lookup;
mod manifests;
mod platforms;
mod references;
mod resolution;
mod selection;
mod transports;

/// The component's one export object.
pub struct Component;

#[cfg(target_arch = "wasm32")]
crate::wit::export!(Component with_types_in crate::wit);
