//! What signatures of images say, and the files they are kept in.

mod claim;
mod list;
#[cfg(test)]
mod tests;

pub use claim::read_claim;
pub use list::read_list;

use crate::base64;
use crate::json::{self, Case, Reader, missing, shown};
use crate::prelude::*;
use crate::registry::read;
use crate::wit::exports::consign::image::registries::AnswerError;
use crate::wit::exports::consign::image::signatures::{Attachment, KeptSignature};

/// Bytes of a signature, or of a payload.
const LIMIT: usize = 4 << 20;
/// Annotations of a signature.
const MAX_ANNOTATIONS: usize = 1_000;

/// Reads a file with a signature: an OpenPGP message as it is, or a zero byte, the name of a format, a line feed,
/// and what is of that format.
pub fn read_kept(bytes: &[u8]) -> Result<KeptSignature, AnswerError> {
    let wrong =
        |offset: usize, reason: &str| AnswerError { offset: offset as u64, reason: reason.to_owned() };
    if bytes.len() > LIMIT {
        return Err(wrong(LIMIT, "wanted at most 4 MiB"));
    }
    match bytes.first() {
        None => return Err(wrong(0, "wanted a signature, found nothing")),
        Some(0) => {}
        Some(first) if is_openpgp(*first) => return Ok(KeptSignature::SimpleSigning(0)),
        Some(_) => return Err(wrong(0, "wanted a zero byte or an OpenPGP message, found something else")),
    }
    let rest = &bytes[1..];
    let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
        return Err(wrong(bytes.len(), "wanted a line feed after the name of a format, found the end"));
    };
    let (name, content) = (&rest[..end], end + 2);
    match core::str::from_utf8(name) {
        Ok("simple-signing") => Ok(KeptSignature::SimpleSigning(content as u64)),
        Ok("sigstore-json") => match attachment(&bytes[content..]) {
            Ok(attachment) => Ok(KeptSignature::Sigstore(attachment)),
            Err(error) => Err(AnswerError { offset: error.offset + content as u64, ..error }),
        },
        Ok(name) if name.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') => {
            Ok(KeptSignature::Other(shown(name)))
        }
        _ => Err(wrong(1, "wanted the name of a format in visible ASCII, found something else")),
    }
}

/// Whether a packet that starts so can start a signed message (RFC 4880, 4.2): compressed data, a one-pass
/// signature, a signature; with either form of length. What is armored is not looked for, as with the peers.
fn is_openpgp(first: u8) -> bool {
    matches!(first, 0xa0..=0xa3 | 0xc8 | 0x90..=0x93 | 0xc4 | 0x88..=0x8b | 0xc2)
}

fn attachment(bytes: &[u8]) -> Result<Attachment, AnswerError> {
    let mut attachment =
        Attachment { media_type: String::new(), payload: Vec::new(), annotations: Vec::new() };
    read(bytes, LIMIT, |reader: &mut Reader<'_>| {
        const MEMBERS: [&str; 3] = ["mimeType", "payload", "annotations"];
        let start = reader.offset();
        let seen = reader.record(&MEMBERS, Case::Folded, |reader, member| {
            match MEMBERS[member] {
                "mimeType" => attachment.media_type = reader.string()?.into_owned(),
                "payload" => {
                    let at = reader.offset();
                    let text = reader.string()?;
                    attachment.payload = base64::decoded(text.as_bytes())
                        .ok_or_else(|| json::invalid(at, "", "base64", "something else"))?;
                }
                _ => attachment.annotations = reader.string_map("annotations", MAX_ANNOTATIONS)?,
            }
            Ok(())
        })?;
        match MEMBERS.iter().enumerate().find(|(member, _)| *member < 2 && !seen.has_value(*member)) {
            Some((_, name)) => Err(missing(start, name)),
            None => Ok(()),
        }
    })?;
    Ok(attachment)
}
