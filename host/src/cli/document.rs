//! The JSON documents that several commands share, with the field names of the OCI specification.

pub use consign::document::{descriptor, platform};

/// A JSON document with a line for each value, and everything else as it was: it is from strangers, and nobody here reads
/// it. It has to be valid.
pub fn indented(document: &[u8]) -> Vec<u8> {
    let (mut text, mut depth, mut quoted, mut escaped, mut opened) =
        (Vec::new(), 0_usize, false, false, false);
    let line = |text: &mut Vec<u8>, depth: usize| {
        text.push(b'\n');
        text.extend(std::iter::repeat_n(b' ', depth * 2));
    };
    for byte in document {
        if quoted {
            quoted = escaped || *byte != b'"';
            escaped = !escaped && *byte == b'\\';
            text.push(*byte);
            continue;
        }
        if byte.is_ascii_whitespace() {
            continue;
        }
        let closes = matches!(byte, b'}' | b']');
        if closes {
            depth = depth.saturating_sub(1);
        }
        // What is empty stays on its line.
        if opened != closes {
            line(&mut text, depth);
        }
        opened = matches!(byte, b'{' | b'[');
        text.push(*byte);
        match byte {
            b'{' | b'[' => depth += 1,
            b',' => line(&mut text, depth),
            b':' => text.push(b' '),
            b'"' => quoted = true,
            _ => {}
        }
    }
    text.push(b'\n');
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_indented_document_is_the_one_that_serde_prints() {
        let document = json!({
            "a": [1, {"b": "x,y:{}[]\"\\", "c": []}, {}, [[]], "\\"],
            "d": {"e": null, "f": -1.5e3, "": true},
        });
        let wanted = serde_json::to_string_pretty(&document).unwrap_or_default() + "\n";
        for text in [document.to_string(), wanted.clone()] {
            assert_eq!(String::from_utf8_lossy(&indented(text.as_bytes())), wanted);
        }
        assert_eq!(indented(b"{}"), b"{}\n");
    }
}
