//! What the embedded components import, read from their bytes (component-model, Binary.md).

use consign::component::{NAMES, PODMAN, RESOLVER, SOURCES};

/// Bytes of a component, read from the front.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap();
        self.0 = rest;
        *first
    }

    /// An unsigned LEB128 number.
    fn number(&mut self) -> usize {
        let (mut number, mut shift) = (0, 0);
        loop {
            let byte = self.byte();
            number |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                return number;
            }
        }
    }

    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken
    }
}

/// The names of the component's own imports, in order.
fn imports(component: &[u8]) -> Vec<String> {
    let mut bytes = Bytes(component);
    assert_eq!(bytes.take(8), b"\0asm\x0d\0\x01\0", "not a component");
    let mut names = Vec::new();
    while !bytes.0.is_empty() {
        let (kind, length) = (bytes.byte(), bytes.number());
        let mut section = Bytes(bytes.take(length));
        // Section 10 has the imports: a name, then what it is.
        if kind != 10 {
            continue;
        }
        for _ in 0..section.number() {
            assert!(section.byte() <= 1, "a name of a kind this test does not know");
            let length = section.number();
            names.push(String::from_utf8(section.take(length).to_vec()).unwrap());
            // An instance of a type that was declared before is all that is expected.
            assert_eq!(section.byte(), 0x05, "{names:?} is no instance");
            section.number();
        }
        assert!(section.0.is_empty());
    }
    names
}

#[test]
fn the_components_import_content_and_types_and_nothing_else() {
    assert!(imports(NAMES).is_empty());
    assert_eq!(imports(RESOLVER), ["consign:image/types@0.1.0", "consign:image/content@0.1.0"]);
    assert_eq!(imports(SOURCES), ["consign:image/types@0.1.0"]);
    assert_eq!(imports(PODMAN), ["consign:image/types@0.1.0"]);
}

#[test]
fn nothing_in_the_components_speaks_of_wasi() {
    for component in [NAMES, RESOLVER, SOURCES, PODMAN] {
        assert!(!component.windows(5).any(|window| window == b"wasi:" || window == b"wasi_"));
    }
}

#[test]
fn every_component_is_under_200_kilobytes() {
    for component in [NAMES, RESOLVER, SOURCES, PODMAN] {
        assert!(component.len() < 200_000, "{} bytes", component.len());
    }
}
