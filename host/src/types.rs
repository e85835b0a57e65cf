//! The records and variants of the WIT package, under names without the generator's nesting: one module
//! per interface, and the shared `types` at the top.
//!
//! They are plain data: whatever comes out of the guest in them is checked again where it matters.

pub use crate::bindings::consign::image::types::*;
pub use crate::bindings::exports::consign::image::{
    lookup, manifests, platforms, references, resolution, selection,
};
pub use crate::bindings::podman::exports::consign::image::{
    local_images, openpgp, podman_names, pull_goals, short_names, signatures,
};
pub use crate::bindings::sources::exports::consign::image::{archives, digests, registries, transports};
