//! A component that imports consign's `references` and exports one function over it.

/// Generated from the world `normaliser`.
#[allow(missing_docs)]
mod wit {
    wit_bindgen::generate!({
        path: ["../../../wit", "wit"],
        world: "example:normalise/normaliser",
        generate_all,
    });
}

use wit::consign::image::references::{Reading, Reference, format, parse, tag_name_only};
use wit::consign::image::types::Rules;

struct Component;

impl wit::Guest for Component {
    fn normalise(text: String) -> Result<String, String> {
        match parse(&text, Reading::Normalized, Rules::Docker) {
            Ok(Reference::Named(name)) => Ok(format(&Reference::Named(tag_name_only(&name)))),
            Ok(digest) => Ok(format(&digest)),
            Err(error) => Err(std::format!("wanted {}, at byte {}", error.expected, error.offset)),
        }
    }
}

wit::export!(Component with_types_in wit);
