//! Layers: how they are compressed, whether they are what an image says they are, and what is in them.

pub mod cache;
pub mod changes;
pub mod checkpoints;
pub mod compress;
pub mod compression;
pub mod copying;
pub mod entry;
pub mod glob;
pub mod hold;
pub mod index;
pub(crate) mod kept;
pub mod make;
pub mod opened;
mod path;
pub mod read_at;
pub mod seek;
pub mod stack;
pub mod tar;
pub mod transfer;
pub mod tree;
pub mod usage;
pub(crate) mod whiteout;
