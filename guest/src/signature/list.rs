//! The signatures a registry keeps itself.

use super::LIMIT;
use crate::base64;
use crate::json::{Case, Reader, Result, invalid, missing, shown};
use crate::prelude::*;
use crate::registry::read;
use crate::wit::exports::consign::image::registries::AnswerError;
use crate::wit::exports::consign::image::signatures::ListedSignature;

/// Signatures of one image.
const MAX_SIGNATURES: usize = 128;

/// Reads a list of signatures.
pub fn read_list(bytes: &[u8]) -> core::result::Result<Vec<ListedSignature>, AnswerError> {
    let mut list = Vec::new();
    read(bytes, LIMIT, |reader| {
        reader.record(&["signatures"], Case::Folded, |reader, _| {
            reader.array("signatures", MAX_SIGNATURES, |reader| {
                list.push(listed(reader)?);
                Ok(())
            })
        })?;
        Ok(())
    })?;
    Ok(list)
}

fn listed(reader: &mut Reader<'_>) -> Result<ListedSignature> {
    const MEMBERS: [&str; 3] = ["schemaVersion", "type", "content"];
    let start = reader.offset();
    let (mut version, mut kind, mut content) = (0, String::new(), Vec::new());
    let seen = reader.record(&MEMBERS, Case::Folded, |reader, member| {
        match MEMBERS[member] {
            "schemaVersion" => version = reader.whole()?,
            "type" => kind = shown(&reader.string()?),
            _ => {
                let at = reader.offset();
                let text = reader.string()?;
                content = base64::decoded(text.as_bytes())
                    .ok_or_else(|| invalid(at, "", "base64", "something else"))?;
            }
        }
        Ok(())
    })?;
    match (version, kind.as_str()) {
        (2, "atomic") if !seen.has_value(2) => Err(missing(start, "content")),
        (2, "atomic") => Ok(ListedSignature::SimpleSigning(content)),
        _ => Ok(ListedSignature::Other(kind)),
    }
}
