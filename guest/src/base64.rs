//! Base64 with padding (RFC 4648, section 4). Line ends are passed over, as Go does.

use crate::prelude::*;

/// The bytes a text stands for. `None`: it stands for none.
pub(crate) fn decoded(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut group, mut digits, mut padding) = (0u32, 0, 0);
    for byte in text.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')) {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' if digits >= 2 => {
                padding += 1;
                0
            }
            _ => return None,
        };
        // Nothing follows padding but padding, up to the end of the group.
        if padding > 0 && byte != b'=' {
            return None;
        }
        group = group << 6 | u32::from(value);
        digits += 1;
        if digits == 4 {
            let whole = group.to_be_bytes();
            bytes.extend_from_slice(&whole[1..4usize.checked_sub(padding)?]);
            (group, digits) = (0, 0);
            if padding > 0 {
                // A second group after it would be something else.
                padding = 4;
            }
        }
    }
    (digits == 0).then_some(bytes)
}
