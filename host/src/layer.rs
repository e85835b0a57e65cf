//! Layers: how they are compressed, and whether they are what an image says they are.

pub mod compression;
pub mod entry;
pub mod index;
pub mod transfer;
pub(crate) mod walk;
