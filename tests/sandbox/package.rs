//! The WIT package is documented as a published one is.

use std::path::Path;

use wit_parser::{Docs, Handle, Resolve, Stability, TypeDefKind, WorldItem};

/// Items without a word of documentation, or without the version that brought them.
#[derive(Default)]
struct Wanting(Vec<String>);

impl Wanting {
    fn documented(&mut self, item: &str, docs: &Docs) {
        if docs.contents.as_deref().is_none_or(|text| text.trim().is_empty()) {
            self.0.push(format!("{item}: no documentation"));
        }
    }

    fn item(&mut self, item: &str, docs: &Docs, stability: &Stability) {
        self.documented(item, docs);
        if !matches!(stability, Stability::Stable { .. }) {
            self.0.push(format!("{item}: does not say since when"));
        }
    }
}

#[test]
fn every_item_of_the_package_is_documented_and_says_since_when() {
    let mut resolve = Resolve::default();
    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
    let (package, _) = resolve.push_dir(&package).unwrap();
    let mut wanting = Wanting::default();
    let mut items = 0;
    for (name, id) in &resolve.packages[package].interfaces {
        let interface = &resolve.interfaces[*id];
        wanting.item(name, &interface.docs, &interface.stability);
        for (function, definition) in &interface.functions {
            wanting.item(&format!("{name}#{function}"), &definition.docs, &definition.stability);
            items += 1;
        }
        for (kind, id) in &interface.types {
            let definition = &resolve.types[*id];
            let path = format!("{name}/{kind}");
            let parts: Vec<(&str, &Docs)> = match &definition.kind {
                // Taken from another interface, where it is documented.
                TypeDefKind::Type(wit_parser::Type::Id(_)) | TypeDefKind::Handle(Handle::Own(_)) => continue,
                TypeDefKind::Record(record) => {
                    record.fields.iter().map(|field| (field.name.as_str(), &field.docs)).collect()
                }
                TypeDefKind::Variant(variant) => {
                    variant.cases.iter().map(|case| (case.name.as_str(), &case.docs)).collect()
                }
                TypeDefKind::Enum(cases) => {
                    cases.cases.iter().map(|case| (case.name.as_str(), &case.docs)).collect()
                }
                _ => Vec::new(),
            };
            wanting.item(&path, &definition.docs, &definition.stability);
            items += 1 + parts.len();
            for (part, docs) in parts {
                wanting.documented(&format!("{path}.{part}"), docs);
            }
        }
    }
    for (name, id) in &resolve.packages[package].worlds {
        let world = &resolve.worlds[*id];
        wanting.item(name, &world.docs, &world.stability);
        for item in world.imports.values().chain(world.exports.values()) {
            if let WorldItem::Interface { stability, .. } = item
                && !matches!(stability, Stability::Stable { .. })
            {
                wanting.0.push(format!("world {name}: an interface does not say since when"));
            }
        }
    }
    assert!(wanting.0.is_empty(), "{:#?}", wanting.0);
    assert!(items > 250, "only {items} items were looked at");
}
