//! Layers: how they are compressed, whether they are what an image says they are, and what is in them.

pub mod changes;
pub mod compression;
pub mod entry;
pub mod index;
pub mod opened;
pub mod tar;
pub mod transfer;
pub mod tree;
