#![no_main]

use consign_guest::types::Rules;
use consign_guest::wit::exports::consign::image::references::{Reading, Reference};
use consign_guest::{digest, name, transport_name};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for rules in [Rules::Docker, Rules::Podman] {
        for reading in [Reading::AsWritten, Reading::Normalized, Reading::Any, Reading::Docker, Reading::Canonical] {
            match name::parse(text, reading, rules) {
                Ok(reference) => {
                    // What was read is read again, the same, from its own text.
                    let written = name::format(&reference);
                    let again = if reading == Reading::AsWritten { Reading::AsWritten } else { Reading::Any };
                    if let Reference::Named(_) = reference {
                        assert_eq!(name::parse(&written, again, rules), Ok(reference));
                    }
                }
                Err(error) => assert!(error.offset as usize <= text.len()),
            }
        }
    }
    let _ = digest::parse(text);
    match transport_name::parse(text, None) {
        Ok(image) => {
            let written = transport_name::format(&image);
            assert_eq!(transport_name::parse(&written, None), Ok(image), "{written:?}");
        }
        Err(error) => assert!(error.offset as usize <= text.len()),
    }
});
