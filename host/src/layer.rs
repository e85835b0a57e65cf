//! Layers: how they are compressed, what is in them, and whether they are what an image says they are.

pub mod compression;
pub mod entry;
pub mod index;
pub mod opened;
pub mod transfer;
pub mod tree;
pub(crate) mod walk;
