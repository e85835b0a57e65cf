//! The exported interfaces, one file each; nothing here but the calls into the modules that do the work.

mod archives;
mod digests;
#[cfg(feature = "resolver")]
mod local_images;
#[cfg(feature = "resolver")]
mod lookup;
mod manifests;
mod platforms;
#[cfg(feature = "resolver")]
mod podman_names;
#[cfg(feature = "resolver")]
mod pull_goals;
mod references;
#[cfg(feature = "resolver")]
mod registries;
mod resolution;
mod selection;
#[cfg(feature = "resolver")]
mod short_names;
mod transports;

/// The component's one export object.
pub struct Component;

#[cfg(target_arch = "wasm32")]
crate::wit::export!(Component with_types_in crate::wit);
