//! consign: a container-image store and resolver without a daemon.

mod bindings;
pub mod content;
pub mod digest;
mod engine;
pub mod explicit_path;
pub mod image;
pub mod layer;
pub mod load;
pub mod platform;
pub mod resolve;
pub mod sandbox;
pub mod source;
pub mod store;
pub mod transport;
pub mod types;
