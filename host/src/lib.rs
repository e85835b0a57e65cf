//! consign: a container-image store and resolver without a daemon.

mod bindings;
pub mod content;
pub mod digest;
mod engine;
pub mod sandbox;
pub mod types;
