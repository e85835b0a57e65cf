//! consign's bare component in a program of one's own: [`Component`] compiles it, [`Instance`] runs it under
//! [`Limits`], and [`Images`] is the content it may ask for, held in memory.

mod component;
mod images;

pub use component::{Component, Fault, Instance, Limits, Refusal, Resolution, State};
pub use images::Images;

use std::io::Read;

/// A component file's bytes; those on standard input where it is `-`.
///
/// # Errors
///
/// What reading fails with.
pub fn component_bytes(file: &str) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match file {
        "-" => std::io::stdin().read_to_end(&mut bytes)?,
        file => std::fs::File::open(file)?.read_to_end(&mut bytes)?,
    };
    Ok(bytes)
}

/// Generated from the WIT package: the records of the component's interfaces, and their functions. They are
/// documented in `wit/`.
#[allow(missing_docs)]
mod wit {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "resolver",
        additional_derives: [PartialEq, Eq, Clone, Hash, PartialOrd, Ord],
    });
}

pub use wit::Resolver;
pub use wit::consign::image::{content, types};
pub use wit::exports::consign::image::{lookup, manifests, platforms, references, resolution, selection};
