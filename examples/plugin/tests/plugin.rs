//! A plug-in that is exchanged, refused and fed hostile input while others call it.
#![allow(clippy::unwrap_used)]

#[path = "../../rust/tests/support/components.rs"]
mod components;
#[path = "plugin/place.rs"]
mod place;
#[path = "plugin/refusing.rs"]
mod refusing;
#[path = "plugin/swapping.rs"]
mod swapping;
#[path = "plugin/trapping.rs"]
mod trapping;
