//! Generated from the WIT package: the records and variants consign's interfaces speak in.

wasmtime::component::bindgen!({
    path: "../wit",
    world: "resolver",
    additional_derives: [PartialEq, Eq, Clone, Hash, PartialOrd, Ord],
});

/// The world of where images come from, which shares `types` with the other.
pub mod sources {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "sources",
        with: { "consign:image/types": crate::bindings::consign::image::types },
        additional_derives: [PartialEq, Eq, Clone, Hash, PartialOrd, Ord],
    });
}

/// The world of Podman's interfaces, which shares them, too.
pub mod podman {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "podman",
        with: { "consign:image/types": crate::bindings::consign::image::types },
        additional_derives: [PartialEq, Eq, Clone, Hash, PartialOrd, Ord],
    });
}
