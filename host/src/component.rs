//! The component as it is handed out, for other hosts: the bytes of each world, and the WIT package they speak.
//!
//! [`sandbox`](crate::sandbox) runs the same source here.
//!
//! ```
//! use consign::component::{NAMES, PODMAN, RESOLVER, SOURCES, WIT, core_module};
//!
//! for component in [NAMES, RESOLVER, SOURCES, PODMAN] {
//!     let module = core_module(component).expect("a core module inside");
//!     assert!(module.len() < component.len());
//! }
//! assert!(WIT.iter().any(|(name, text)| *name == "world.wit" && text.contains("world names")));
//! ```

pub mod artifact;
mod interfaces;

pub use interfaces::{Interfaces, interfaces};

/// The component of the `resolver` world, as it is handed out. What runs here was compiled from the same
/// source, for speed instead of size.
pub const RESOLVER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/resolver.wasm"));
/// The component of the `names` world, as it is handed out.
pub const NAMES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/names.wasm"));

/// The component of the `sources` world, as it is handed out; it, too, runs here.
pub const SOURCES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/sources.wasm"));
/// The component of the `podman` world, as it is handed out; it, too, runs here.
pub const PODMAN: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/podman.wasm"));

/// The WIT package `consign:image`, as file names and texts.
pub const WIT: [(&str, &str); 19] = {
    macro_rules! files {
        ($($name:literal)*) => { [$(($name, include_str!(concat!("../../wit/", $name)))),*] };
    }
    files!(
        "archives.wit" "content.wit" "digests.wit" "local-images.wit" "lookup.wit" "manifests.wit" "openpgp.wit"
        "platforms.wit" "podman-names.wit" "pull-goals.wit" "references.wit" "registries.wit" "resolution.wit" "selection.wit"
        "short-names.wit" "signatures.wit" "transports.wit" "types.wit" "world.wit"
    )
};

/// The first core module inside a component (component-model, Binary.md: a section with the ID 1). `None`
/// where there is none, or the bytes are no component.
pub fn core_module(component: &[u8]) -> Option<&[u8]> {
    const CORE_MODULE: u8 = 1;
    let mut rest = component.strip_prefix(PREAMBLE)?;
    while let Some(section) = section(rest)? {
        if section.id == CORE_MODULE {
            return Some(section.content);
        }
        rest = section.rest;
    }
    None
}

/// How a component begins: the magic number, version 13, layer 1.
const PREAMBLE: &[u8] = b"\0asm\x0d\0\x01\0";

/// The first section of what is left of a component.
struct Section<'a> {
    id: u8,
    content: &'a [u8],
    rest: &'a [u8],
}

/// `Some(None)` at the end, `None` where there is no section.
#[allow(clippy::option_option)]
fn section(bytes: &[u8]) -> Option<Option<Section<'_>>> {
    let Some((&id, after)) = bytes.split_first() else { return Some(None) };
    let (length, after) = leb128(after)?;
    let (content, rest) = after.split_at_checked(length)?;
    Some(Some(Section { id, content, rest }))
}

/// An unsigned LEB128 number of at most 32 bits, and what follows it.
fn leb128(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut number = 0_u64;
    for (at, byte) in bytes.iter().enumerate().take(5) {
        number |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((usize::try_from(number).ok()?, bytes.get(at + 1..)?));
        }
    }
    None
}
