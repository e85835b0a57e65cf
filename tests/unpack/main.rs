//! Layers unpacked to a directory: as they are meant, as nobody means them, and as other programs unpack them.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod content;
mod hostile;
mod layer;
mod metadata;
mod peers;
mod place;
mod rootless;
mod whiteouts;
