//! Cases observed on the peers' own code, held against the guest natively and against the component.
//!
//! `CONSIGN_VECTORS=DIR cargo test --test vectors` runs any folder with the same file names and fields.
//! The checks are written once, in `vectors/*.rs`, over a module `api` that exists twice: one calls the
//! guest crate, one the component through the sandbox.
#![allow(clippy::duplicate_mod, clippy::unwrap_used, clippy::print_stdout)]

mod harness;
mod image_store;
mod reference_store;

/// The guest crate, called directly.
mod native {
    /// One module per interface, each with the functions of that interface.
    pub mod api {
        pub mod digests;
        pub mod local_images;
        pub mod manifests;
        pub mod platforms;
        pub mod podman_names;
        pub mod pull_goals;
        pub mod references;
        pub mod resolution;
        pub mod selection;
        pub mod short_names;
        pub mod transports;
    }
    #[path = "../chain_ids.rs"]
    mod chain_ids;
    #[path = "../digests.rs"]
    mod digests;
    #[path = "../getimage.rs"]
    mod getimage;
    #[path = "../local_images.rs"]
    mod local_images;
    #[path = "../platforms.rs"]
    mod platforms;
    #[path = "../podman_names.rs"]
    mod podman_names;
    #[path = "../pull_goals.rs"]
    mod pull_goals;
    #[path = "../references.rs"]
    mod references;
    #[path = "../selection.rs"]
    mod selection;
    #[path = "../short_names.rs"]
    mod short_names;
    #[path = "../transports.rs"]
    mod transports;
}

/// The component, called through the sandbox.
mod component {
    /// One module per interface, each with the functions of that interface.
    pub mod api {
        pub mod digests;
        pub mod local_images;
        pub mod manifests;
        pub mod platforms;
        pub mod podman_names;
        pub mod pull_goals;
        pub mod references;
        pub mod resolution;
        pub mod selection;
        pub mod short_names;
        pub mod transports;

        /// One sandbox for all cases.
        pub fn sandbox() -> &'static consign::sandbox::Sandbox {
            static SANDBOX: std::sync::OnceLock<consign::sandbox::Sandbox> = std::sync::OnceLock::new();
            SANDBOX.get_or_init(|| consign::sandbox::Sandbox::new(Default::default()).unwrap())
        }
    }
    #[path = "../chain_ids.rs"]
    mod chain_ids;
    #[path = "../digests.rs"]
    mod digests;
    #[path = "../getimage.rs"]
    mod getimage;
    #[path = "../local_images.rs"]
    mod local_images;
    #[path = "../platforms.rs"]
    mod platforms;
    #[path = "../podman_names.rs"]
    mod podman_names;
    #[path = "../pull_goals.rs"]
    mod pull_goals;
    #[path = "../references.rs"]
    mod references;
    #[path = "../selection.rs"]
    mod selection;
    #[path = "../short_names.rs"]
    mod short_names;
    #[path = "../transports.rs"]
    mod transports;
}
