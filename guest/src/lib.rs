//! The `consign:image` component: everything consign reads from strangers is read here.
//!
//! Pure logic without I/O. The records and variants are those of the WIT package in `wit/`, generated
//! by wit-bindgen, so the same code is the component's body and a native library for tests and fuzzing.

/// Bindings to the WIT package.
#[allow(warnings, clippy::all, missing_docs)]
pub mod wit {
    #[cfg(feature = "resolver")]
    wit_bindgen::generate!({
        path: "../wit",
        world: "resolver",
        additional_derives: [PartialEq, Eq, Clone, Hash, PartialOrd, Ord],
        pub_export_macro: false,
    });
    #[cfg(not(feature = "resolver"))]
    wit_bindgen::generate!({
        path: "../wit",
        world: "names",
        additional_derives: [PartialEq, Eq, Clone, Hash, PartialOrd, Ord],
        pub_export_macro: false,
    });
}

/// What the interfaces share. A component that imports nothing has to export even its types.
pub mod types {
    #[cfg(feature = "resolver")]
    pub use crate::wit::consign::image::types::*;
    #[cfg(not(feature = "resolver"))]
    pub use crate::wit::exports::consign::image::types::*;
}

pub mod archive;
pub mod chain;
pub mod component;
pub mod config;
pub mod digest;
pub mod digest_set;
mod json;
pub mod legacy;
#[cfg(feature = "resolver")]
pub mod local_image;
pub mod manifest;
pub mod name;
pub mod platform;
#[cfg(feature = "resolver")]
pub mod podman_name;
#[cfg(feature = "resolver")]
pub mod pull_goal;
#[cfg(feature = "resolver")]
pub mod registry;
pub mod resolve;
pub mod select;
#[cfg(feature = "resolver")]
pub mod short_name;
mod sort;
pub mod transport_name;
