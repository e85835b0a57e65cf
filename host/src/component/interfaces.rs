//! What a component imports and exports, by the names in its binary (component-model, Binary.md).

use super::{PREAMBLE, leb128, section};

const IMPORTS: u8 = 10;
const EXPORTS: u8 = 11;
/// The sort of an export that is a type.
const TYPE: u8 = 3;

/// The names of what a component imports and exports, in its order: `consign:image/types@0.1.0`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Interfaces {
    /// What it needs.
    pub imports: Vec<String>,
    /// What it offers.
    pub exports: Vec<String>,
}

/// What a component imports and exports. `None`: the bytes are no component, or a WIT package in the form of one, which
/// exports types and nothing that runs.
pub fn interfaces(component: &[u8]) -> Option<Interfaces> {
    let mut found = Interfaces::default();
    let mut types = 0;
    let mut rest = component.strip_prefix(PREAMBLE)?;
    while let Some(section) = section(rest)? {
        match section.id {
            IMPORTS => names(section.content, &mut found.imports, description)?,
            EXPORTS => names(section.content, &mut found.exports, |export| {
                types += usize::from(export.first() == Some(&TYPE));
                exported(export)
            })?,
            _ => {}
        }
        rest = section.rest;
    }
    let is_package = types > 0 && types == found.exports.len() && found.imports.is_empty();
    (!is_package).then_some(found)
}

/// The names of a section's entries, each followed by what `skip` passes over.
fn names(section: &[u8], into: &mut Vec<String>, mut skip: impl FnMut(&[u8]) -> Option<&[u8]>) -> Option<()> {
    let (count, mut rest) = leb128(section)?;
    for _ in 0..count {
        // How the name was written; both forms mean the same.
        let (0..=1, after) = (*rest.first()?, &rest[1..]) else { return None };
        let (length, after) = leb128(after)?;
        let (name, after) = after.split_at_checked(length)?;
        into.push(std::str::from_utf8(name).ok()?.to_owned());
        rest = skip(after)?;
    }
    rest.is_empty().then_some(())
}

/// `externdesc`.
fn description(bytes: &[u8]) -> Option<&[u8]> {
    let (&kind, after) = bytes.split_first()?;
    let after = match kind {
        // A core type: always a module.
        0 => after.strip_prefix(&[0x11])?,
        1 | 4 | 5 => after,
        // A value: the same as another, or of a type.
        2 => after.get(1..)?,
        // A type's bound may be a type that is known, or none.
        3 if after.first() == Some(&1) => return after.get(1..),
        3 => after.strip_prefix(&[0])?,
        _ => return None,
    };
    leb128(after).map(|(_, rest)| rest)
}

/// `sortidx`, and a description where there is one.
fn exported(bytes: &[u8]) -> Option<&[u8]> {
    let (&sort, after) = bytes.split_first()?;
    let after = if sort == 0 { after.get(1..)? } else { after };
    let (_, after) = leb128(after)?;
    match after.split_first()? {
        (0, rest) => Some(rest),
        (1, rest) => description(rest),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::{NAMES, RESOLVER};

    #[test]
    fn the_components_import_and_export_what_their_worlds_say() {
        let names = interfaces(NAMES).unwrap();
        assert!(names.imports.is_empty());
        let bare = |names: &[String]| -> Vec<String> {
            names.iter().map(|name| name.split('@').next().unwrap().to_owned()).collect()
        };
        assert!(bare(&names.exports).contains(&"consign:image/references".to_owned()), "{names:?}");
        let resolver = interfaces(RESOLVER).unwrap();
        assert!(bare(&resolver.imports).contains(&"consign:image/content".to_owned()), "{resolver:?}");
        assert!(bare(&resolver.exports).contains(&"consign:image/resolution".to_owned()), "{resolver:?}");
    }

    #[test]
    fn what_is_no_component_has_none() {
        assert_eq!(interfaces(b""), None);
        assert_eq!(interfaces(b"\0asm\x01\0\0\0"), None);
        for cut in [9, 10, 100, RESOLVER.len() - 1] {
            assert_eq!(interfaces(&RESOLVER[..cut]), None, "{cut}");
        }
    }
}
