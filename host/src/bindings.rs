//! Generated from the WIT package: the records and variants consign's interfaces speak in.

wasmtime::component::bindgen!({
    path: "../wit",
    world: "resolver",
    additional_derives: [PartialEq, Eq, Clone, Hash, PartialOrd, Ord],
});
