//! consign's component composed with others, so that the result imports nothing:
//!
//! * its resolver with [`IMAGES`], a component that implements the resolver's one import, `content`;
//! * [`NORMALISE`], a component that imports consign's `references`, with the names component.

use std::error::Error;

use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions};
use wasmtime::component::{Component, Linker, TypedFunc};
use wasmtime::{Config, Engine, Store, StoreLimits, StoreLimitsBuilder};
use wit_component::DecodedWasm;
use wit_parser::{InterfaceId, Resolve, WorldId, WorldItem};

/// Implements `consign:image/content` over images it was built with; imports nothing.
pub const IMAGES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/images.wasm"));

/// Imports `consign:image/references`; exports `normalise: func(text: string) -> result<string, string>`.
pub const NORMALISE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/normalise.wasm"));

/// `socket` with its imports served by the exports of `provider`. The result exports what `socket` does, and before
/// that the interfaces it was served whose types it speaks in: a component has to name the types it exports. An
/// import that `provider` does not serve is an error.
pub fn compose(provider: &[u8], socket: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let spoken = spoken(socket)?;
    let mut graph = CompositionGraph::new();
    let mut register = |name: &str, bytes: &[u8]| -> Result<_, Box<dyn Error>> {
        let package = Package::from_bytes(name, None, bytes, graph.types_mut())
            .map_err(|error| format!("the {name}: {error:#}"))?;
        Ok(graph.register_package(package)?)
    };
    let (from, to) = (register("provider", provider)?, register("socket", socket)?);
    let provider = graph.instantiate(from);
    let socket = graph.instantiate(to);
    let imports: Vec<String> = graph.types()[graph[to].ty()].imports.keys().cloned().collect();
    for name in &imports {
        let served = graph.alias_instance_export(provider, name)?;
        graph.set_instantiation_argument(socket, name, served)?;
        if spoken.contains(name) {
            graph.export(served, name)?;
        }
    }
    let exports: Vec<String> = graph.types()[graph[to].ty()].exports.keys().cloned().collect();
    for name in &exports {
        let export = graph.alias_instance_export(socket, name)?;
        graph.export(export, name)?;
    }
    let composed = graph.encode(EncodeOptions::default())?;
    match interface(&composed)?.imports.as_slice() {
        [] => Ok(composed),
        left => Err(format!("wanted no imports, found `{}`", left.join("`, `")).into()),
    }
}

/// The imported interfaces whose types the exported ones use.
fn spoken(component: &[u8]) -> Result<Vec<String>, Box<dyn Error>> {
    let (resolve, world) = decode(component)?;
    let interface = |item: &WorldItem| match item {
        WorldItem::Interface { id, .. } => Some(*id),
        _ => None,
    };
    let exports = resolve.worlds[world].exports.values().filter_map(interface);
    let used: Vec<InterfaceId> = exports.flat_map(|id| resolve.interface_direct_deps(id)).collect();
    let imports = resolve.worlds[world].imports.iter();
    let spoken = imports.filter(|(_, item)| interface(item).is_some_and(|id| used.contains(&id)));
    Ok(spoken.map(|(key, _)| resolve.name_world_key(key)).collect())
}

/// The names of what a component imports and exports, each in its order.
#[derive(Debug)]
pub struct Interface {
    /// What it asks of its host.
    pub imports: Vec<String>,
    /// What it offers.
    pub exports: Vec<String>,
}

/// What a component imports and exports, read from its bytes.
pub fn interface(component: &[u8]) -> Result<Interface, Box<dyn Error>> {
    let (resolve, world) = decode(component)?;
    let world = &resolve.worlds[world];
    let imports = world.imports.keys().map(|key| resolve.name_world_key(key)).collect();
    let exports = world.exports.keys().map(|key| resolve.name_world_key(key)).collect();
    Ok(Interface { imports, exports })
}

fn decode(component: &[u8]) -> Result<(Resolve, WorldId), Box<dyn Error>> {
    match wit_component::decode(component)? {
        DecodedWasm::Component(resolve, world) => Ok((resolve, world)),
        DecodedWasm::WitPackage(..) => Err("wanted a component, found a WIT package".into()),
    }
}

/// A component that exports `normalise` and imports nothing, running under limits.
pub struct Normaliser {
    store: Store<StoreLimits>,
    normalise: TypedFunc<(String,), (Result<String, String>,)>,
}

/// WebAssembly instructions a call may take.
const FUEL: u64 = 100_000_000;
/// Bytes that each of its memories may have.
const MEMORY: usize = 16 << 20;

impl Normaliser {
    /// Compiles and starts a composed component; there is nothing it could import.
    pub fn new(composed: &[u8]) -> wasmtime::Result<Self> {
        let engine = Engine::new(Config::new().consume_fuel(true).max_wasm_stack(1 << 20))?;
        let component = Component::from_binary(&engine, composed)?;
        let limits = StoreLimitsBuilder::new().memory_size(MEMORY).memories(4).trap_on_grow_failure(true);
        let mut store = Store::new(&engine, limits.build());
        store.limiter(|limits| limits);
        store.set_fuel(FUEL)?;
        let instance = Linker::new(&engine).instantiate(&mut store, &component)?;
        let normalise = instance.get_typed_func(&mut store, "normalise")?;
        Ok(Normaliser { store, normalise })
    }

    /// The whole name, or what is wrong with the text. An error of the call itself ends the component: after one,
    /// start another.
    pub fn normalise(&mut self, text: &str) -> wasmtime::Result<Result<String, String>> {
        self.store.set_fuel(FUEL)?;
        let (answer,) = self.normalise.call(&mut self.store, (text.to_owned(),))?;
        Ok(answer)
    }
}
