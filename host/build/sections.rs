//! The sections of an encoded component (component-model, Binary.md).

use anyhow::{Context, Result};

/// The header of a component, and what a nested component's section is numbered.
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
const NESTED: u8 = 4;
const CUSTOM: u8 = 0;

/// The component without the names that the encoder gives its inner items, which nothing but a debugger reads: 8 KB.
/// Core modules stay as they are.
pub fn without_names(component: &[u8]) -> Result<Vec<u8>> {
    let mut rest = component.strip_prefix(COMPONENT).context("not a component")?;
    let mut kept = COMPONENT.to_vec();
    while let Some((&id, after)) = rest.split_first() {
        let (length, after) = number(after)?;
        let (section, next) = after.split_at_checked(length).context("a section that is cut off")?;
        rest = next;
        let nested;
        let section = match id {
            CUSTOM if custom_name(section)? == b"component-name" => continue,
            NESTED => {
                nested = without_names(section)?;
                &nested
            }
            _ => section,
        };
        kept.push(id);
        write_number(&mut kept, section.len());
        kept.extend_from_slice(section);
    }
    Ok(kept)
}

fn custom_name(section: &[u8]) -> Result<&[u8]> {
    let (length, rest) = number(section)?;
    rest.get(..length).context("a custom section without a name")
}

/// An unsigned LEB128 number, and what follows it.
fn number(bytes: &[u8]) -> Result<(usize, &[u8])> {
    let mut number = 0;
    for (at, byte) in bytes.iter().enumerate().take(5) {
        number |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Ok((number, &bytes[at + 1..]));
        }
    }
    anyhow::bail!("a number that does not end")
}

fn write_number(bytes: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}
