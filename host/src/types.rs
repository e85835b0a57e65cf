//! The records and variants of the WIT package, under names without the generator's nesting.
//!
//! They are plain data: whatever comes out of the guest in them is checked again where it matters.

pub use crate::bindings::consign::image::types::*;
