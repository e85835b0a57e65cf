//! consign: a container-image store and resolver without a daemon.
//!
//! Documents from strangers are read by a WebAssembly component, run by [`sandbox`]. [`resolve`] says what
//! a reference means on a platform, over any [`content::Content`]: a [`store::Store`], or an archive, a
//! layout, a directory, podman's storage opened by [`transport`]. [`load`] takes a [`source::Source`] into a store.
//! [`layer::stack`] opens the layers of an image, wherever they are, and [`layer::tree`] looks at them as one file system.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use cap_std::ambient_authority;
//! use cap_std::fs::Dir;
//! use consign::platform::maximum_platform;
//! use consign::resolve::resolve;
//! use consign::sandbox::{Limits, Sandbox};
//! use consign::store::Store;
//! use consign::types::Rules;
//! use consign::types::resolution::{Options, Subject};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let sandbox = Sandbox::new(Limits::default())?;
//! let root = Dir::open_ambient_dir("/var/lib/consign", ambient_authority())?;
//! let store = Arc::new(Store::open(root, Default::default())?);
//! let options = Options { platform: None, host: maximum_platform().clone(), rules: Rules::Docker };
//! let resolution = resolve(&sandbox, store, &Subject::Text("debian:12".into()), &options)?;
//! println!("{}", resolution.image.config.digest);
//! # Ok(())
//! # }
//! ```

#![warn(missing_docs, clippy::missing_errors_doc)]

/// The library example of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

pub mod attachments;
#[allow(missing_docs)]
mod bindings;
pub mod check;
pub mod clock;
pub mod component;
pub mod containers_storage;
pub mod content;
pub mod digest;
pub mod docker_daemon;
pub mod document;
mod engine;
pub mod explicit_path;
pub mod history;
pub mod image;
pub mod image_index;
pub mod import;
pub mod layer;
pub mod list;
pub mod load;
pub mod lookup;
pub mod platform;
pub mod policy;
pub mod prune;
pub mod pull;
pub mod push;
pub mod registries_conf;
pub mod registry;
pub mod repair;
pub mod resolve;
pub mod sandbox;
pub mod save;
pub mod serve;
mod side_by_side;
pub mod source;
pub mod store;
pub mod sync;
mod text_file;
pub mod transport;
pub mod tree;
pub mod types;
pub mod unpack;
