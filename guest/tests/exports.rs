//! The exported functions and the layout of their types are those of the WIT package.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use wit_parser::abi::{AbiVariant, FlatTypes, WasmType};
use wit_parser::{
    Function, FunctionKind, InterfaceId, Resolve, SizeAlign, Type, TypeDefKind, TypeId, TypeOwner, WorldKey,
};

/// The worlds, each also a feature of the crate that adds its interfaces to a component.
const WORLDS: [&str; 4] = ["names", "resolver", "sources", "podman"];

/// Which ways a type goes: to the host, from it.
#[derive(Default, Clone, Copy)]
struct Ways {
    lower: bool,
    lift: bool,
}

struct Generator {
    resolve: Resolve,
    sizes: SizeAlign,
    ways: BTreeMap<TypeId, Ways>,
    text: String,
}

fn words(name: &str) -> impl Iterator<Item = &str> {
    name.split(['-', '.', ' '])
}

fn snake(name: &str) -> String {
    words(name).collect::<Vec<_>>().join("_")
}

fn camel(name: &str) -> String {
    words(name).map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}

impl Generator {
    fn new() -> Self {
        let mut resolve = Resolve::default();
        resolve.push_dir(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../wit"))).unwrap();
        let mut sizes = SizeAlign::default();
        sizes.fill(&resolve);
        Generator { resolve, sizes, ways: BTreeMap::new(), text: String::new() }
    }

    fn interfaces(&self, world: &str) -> Vec<InterfaceId> {
        let (_, world) = self.resolve.worlds.iter().find(|(_, found)| found.name == world).unwrap();
        let exported = world.exports.keys().map(|key| match key {
            WorldKey::Interface(id) => *id,
            WorldKey::Name(name) => panic!("`{name}` is exported by the world itself"),
        });
        exported.collect()
    }

    fn name(&self, interface: InterfaceId) -> &str {
        self.resolve.interfaces[interface].name.as_ref().unwrap()
    }

    /// Notes the way of a type and of all it is made of.
    fn goes(&mut self, ty: Type, lower: bool) {
        let Type::Id(id) = ty else { return };
        let ways = self.ways.entry(id).or_default();
        let way = if lower { &mut ways.lower } else { &mut ways.lift };
        if std::mem::replace(way, true) {
            return;
        }
        let within: Vec<Type> = match &self.resolve.types[id].kind {
            TypeDefKind::Record(record) => record.fields.iter().map(|field| field.ty).collect(),
            TypeDefKind::Variant(variant) => variant.cases.iter().filter_map(|case| case.ty).collect(),
            TypeDefKind::Tuple(tuple) => tuple.types.clone(),
            TypeDefKind::Option(ty) | TypeDefKind::List(ty) | TypeDefKind::Type(ty) => vec![*ty],
            TypeDefKind::Result(result) => [result.ok, result.err].into_iter().flatten().collect(),
            TypeDefKind::Enum(_) | TypeDefKind::Handle(_) | TypeDefKind::Resource => Vec::new(),
            other => panic!("no way to pass a {}", other.as_str()),
        };
        for ty in within {
            self.goes(ty, lower);
        }
    }

    fn slots(&self, id: TypeId) -> usize {
        let mut room = [WasmType::I32; 256];
        let mut flat = FlatTypes::new(&mut room);
        assert!(self.resolve.push_flat(&Type::Id(id), &mut flat), "a type of more than 256 values");
        flat.to_vec().len()
    }

    fn types(&mut self) {
        for (id, ways) in self.ways.clone() {
            let definition = &self.resolve.types[id];
            let (Some(name), TypeOwner::Interface(owner)) = (&definition.name, definition.owner) else {
                continue;
            };
            let path = format!("{}::{}", snake(self.name(owner)), camel(name));
            let ty = Type::Id(id);
            let (size, align) = (self.sizes.size(&ty).size_wasm32(), self.sizes.align(&ty).align_wasm32());
            let place = || {
                let ways = [ways.lower.then_some("lower"), ways.lift.then_some("lift")];
                let ways = ways.into_iter().flatten().collect::<Vec<_>>().join(" ");
                (format!("size {size}, align {align}, slots {}", self.slots(id)), ways)
            };
            let line = match &definition.kind {
                TypeDefKind::Record(record) => {
                    let offsets = self.sizes.field_offsets(record.fields.iter().map(|field| &field.ty));
                    let fields = record.fields.iter().zip(offsets);
                    let fields = fields.map(|(field, (offset, _))| {
                        format!("{} @ {}", snake(&field.name), offset.size_wasm32())
                    });
                    let (place, ways) = place();
                    let fields = fields.collect::<Vec<_>>().join(", ");
                    format!("record!({path}: {place}, {ways} => {{ {fields} }});")
                }
                TypeDefKind::Variant(variant) => {
                    let cases = variant.cases.iter().map(|case| case.ty.as_ref());
                    let offset = self.sizes.payload_offset(variant.tag(), cases).size_wasm32();
                    let cases = variant.cases.iter().enumerate().map(|(tag, case)| {
                        let value = if case.ty.is_some() { "(value)" } else { "" };
                        format!("{tag} {}{value}", camel(&case.name))
                    });
                    let (place, ways) = place();
                    let cases = cases.collect::<Vec<_>>().join(", ");
                    format!("variant!({path}: {place}, value @ {offset}, {ways} => {{ {cases} }});")
                }
                TypeDefKind::Enum(cases) => {
                    let cases = cases.cases.iter().enumerate();
                    let cases = cases.map(|(tag, case)| format!("{tag} {}", camel(&case.name)));
                    format!("enumeration!({path} {{ {} }});", cases.collect::<Vec<_>>().join(", "))
                }
                TypeDefKind::Type(_) | TypeDefKind::Resource => continue,
                other => panic!("no way to pass a {}", other.as_str()),
            };
            writeln!(self.text, "{line}").unwrap();
        }
    }

    fn interface(&mut self, id: InterfaceId, worlds: &[&str]) {
        let interface = self.resolve.interfaces[id].clone();
        let module = snake(self.name(id));
        let full = self.resolve.id_of(id).unwrap();
        if interface.functions.is_empty() {
            return;
        }
        let resources: Vec<&String> = interface
            .types
            .iter()
            .filter(|(_, ty)| matches!(self.resolve.types[**ty].kind, TypeDefKind::Resource))
            .map(|(name, _)| name)
            .collect();
        let mut traits = vec!["Guest".to_owned()];
        traits.extend(resources.iter().flat_map(|name| {
            let name = camel(name);
            [name.clone(), format!("{name}Borrow"), format!("Guest{name}")]
        }));
        let text = &mut self.text;
        let features: Vec<String> = worlds.iter().map(|world| format!("feature = \"{world}\"")).collect();
        let features = features.join(", ");
        writeln!(text, "\n#[cfg(any({features}))]\nmod {module}_exports {{").unwrap();
        writeln!(text, "    use super::*;\n    use super::{module}::{{{}}};\n", traits.join(", ")).unwrap();
        for name in resources {
            let (ty, symbol) = (camel(name), snake(name));
            writeln!(text, "    type Behind{ty} = <Component as Guest>::{ty};").unwrap();
            writeln!(text, "    resource!({ty}: Behind{ty}, drop \"{full}#[dtor]{name}\" drop_{symbol});")
                .unwrap();
        }
        for function in interface.functions.values() {
            self.function(function, &full);
        }
        self.text.push_str("}\n");
    }

    fn function(&mut self, function: &Function, full: &str) {
        for parameter in &function.params {
            self.goes(parameter.ty, false);
        }
        if let Some(result) = function.result {
            self.goes(result, true);
        }
        let signature = self.resolve.wasm_signature(AbiVariant::GuestExport, function);
        let own = function.item_name();
        let kind = match (signature.retptr, signature.results.len()) {
            (true, 1) => "pointer",
            (false, 1) => "direct",
            (false, 0) => "nothing",
            _ => panic!("{own}: a signature that is not known"),
        };
        let parameters = if signature.indirect_params {
            let all = self.sizes.params(function.params.iter().map(|parameter| &parameter.ty));
            format!("spilled {}, {}", all.size.size_wasm32(), all.align.align_wasm32())
        } else {
            let core = signature.params.iter().enumerate().map(|(position, ty)| match ty {
                WasmType::I64 | WasmType::PointerOrI64 => format!("p{position}: u64"),
                WasmType::I32 | WasmType::Pointer | WasmType::Length => format!("p{position}: u32"),
                WasmType::F32 | WasmType::F64 => panic!("{own}: a floating-point number"),
            });
            core.collect::<Vec<_>>().join(", ")
        };
        let resource = |id: TypeId| camel(self.resolve.types[id].name.as_ref().unwrap());
        let behind = |id| format!("<Behind{0} as Guest{0}>", resource(id));
        let mut arguments: Vec<String> = function.params.iter().map(|_| "from.next()".to_owned()).collect();
        let called = match function.kind {
            FunctionKind::Freestanding => format!("Component::{}", snake(own)),
            FunctionKind::Static(id) => format!("{}::{}", behind(id), snake(own)),
            FunctionKind::Constructor(id) => format!("{}::new", behind(id)),
            FunctionKind::Method(id) => {
                arguments[0] = format!("{0}Borrow::lift(from.pointer()).get::<Behind{0}>()", resource(id));
                format!("{}::{}", behind(id), snake(own))
            }
            _ => panic!("{own}: asynchronous"),
        };
        let mut call = format!("{called}({})", arguments.join(", "));
        if let FunctionKind::Constructor(id) = function.kind {
            call = format!("{}::new({call})", resource(id));
        }
        // What a method is called, without the brackets.
        let symbol = snake(function.name.split(']').next_back().unwrap());
        writeln!(
            self.text,
            "    export!(\"{full}#{}\" {symbol}({parameters}) -> {kind} |from| {call});",
            function.name
        )
        .unwrap();
    }

    fn generate(mut self) -> String {
        let mut seen: Vec<InterfaceId> = Vec::new();
        for id in WORLDS.iter().flat_map(|world| self.interfaces(world)) {
            if !seen.contains(&id) {
                seen.push(id);
            }
        }
        for id in &seen {
            let worlds = WORLDS.into_iter().filter(|world| self.interfaces(world).contains(id));
            self.interface(*id, &worlds.collect::<Vec<_>>());
        }
        let functions = std::mem::take(&mut self.text);
        self.types();
        let mut modules: Vec<String> = seen.iter().map(|id| snake(self.name(*id))).collect();
        modules.retain(|module| module != "types");
        modules.sort();
        let modules = modules.join(", ");
        let types = self.text;
        format!(
            "//! Generated from the WIT package by tests/exports.rs; `UPDATE_EXPORTS=1 cargo test --test exports` does it anew.\n\n\
             use super::Component;\nuse super::abi::*;\nuse crate::types;\n\
             use crate::wit::exports::consign::image::{{{modules}}};\n\n{types}{functions}"
        )
    }
}

#[test]
fn the_exports_are_those_of_the_package() {
    let generated = Generator::new().generate();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/component/exports.rs");
    if std::env::var_os("UPDATE_EXPORTS").is_some() {
        std::fs::write(&file, &generated).unwrap();
    }
    let there = std::fs::read_to_string(&file).unwrap();
    assert!(there == generated, "`{}` is not what the WIT package says", file.display());
}
