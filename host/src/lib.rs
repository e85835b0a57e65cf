//! consign: a container-image store and resolver without a daemon.

pub mod content;
mod bindings;
pub mod digest;
mod engine;
pub mod sandbox;
pub mod types;
