//! The `consign:image` component: everything consign reads from strangers is read here.
//!
//! Pure logic without I/O. The records and variants are those of the WIT package in `wit/`, generated
//! by wit-bindgen, so the same code is the component's body and a native library for tests and fuzzing.

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

/// The types of the WIT package and the import `content`; `component` has the exports.
#[allow(warnings, clippy::all, missing_docs)]
pub mod wit {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "
            package consign:guest;
            world guest {
                include consign:image/resolver@0.1.0;
                include consign:image/sources@0.1.0;
                include consign:image/podman@0.1.0;
            }
        ",
        world: "consign:guest/guest",
        generate_all,
        std_feature,
        additional_derives: [PartialEq, Eq, Clone, Hash, PartialOrd, Ord],
        // Describes the imports alone; the build adds what a world exports.
        pub_export_macro: true,
    });
}

/// What the interfaces share.
pub mod types {
    pub use crate::wit::consign::image::types::*;
}

/// What `std` brings into every module and `core` does not.
mod prelude {
    pub use alloc::borrow::ToOwned;
    pub use alloc::boxed::Box;
    pub use alloc::string::{String, ToString};
    pub use alloc::vec::Vec;
    pub use alloc::{format, vec};
}

pub mod archive;
mod base64;
pub mod chain;
pub mod component;
pub mod config;
pub mod digest;
pub mod digest_set;
#[cfg(any(test, all(target_arch = "wasm32", not(feature = "std"))))]
mod heap;
mod json;
pub mod legacy;
pub mod local_image;
mod lower_case;
pub mod manifest;
pub mod name;
pub mod openpgp;
pub mod platform;
pub mod podman_name;
pub mod pull_goal;
pub mod registry;
pub mod resolve;
pub mod select;
pub mod short_name;
pub mod signature;
mod sort;
pub mod transport_name;
