//! The payload: which image is meant.

use super::LIMIT;
use crate::json::{Reader, Result, invalid, missing, problem, shown, too_large};
use crate::prelude::*;
use crate::registry::read;
use crate::sort::first_twice;
use crate::wit::exports::consign::image::manifests::ManifestProblem;
use crate::wit::exports::consign::image::registries::AnswerError;
use crate::wit::exports::consign::image::signatures::{Claim, SignatureForm};

/// Members of `optional`.
const MAX_OPTIONAL: usize = 1_000;

/// Reads what is signed.
pub fn read_claim(bytes: &[u8], form: SignatureForm) -> core::result::Result<Claim, AnswerError> {
    let mut claim =
        Claim { manifest_digest: String::new(), reference: String::new(), creator: None, timestamp: None };
    read(bytes, LIMIT, |reader| {
        const MEMBERS: [&str; 2] = ["critical", "optional"];
        exactly(reader, &MEMBERS, |reader, member| match MEMBERS[member] {
            "critical" => critical(reader, form, &mut claim),
            // cosign writes it where there is nothing to say; simple signing knows no such thing.
            _ if form == SignatureForm::Sigstore && reader.null()? => Ok(()),
            _ => optional(reader, &mut claim),
        })
    })?;
    Ok(claim)
}

fn critical(reader: &mut Reader<'_>, form: SignatureForm, claim: &mut Claim) -> Result<()> {
    const MEMBERS: [&str; 3] = ["type", "image", "identity"];
    let wanted = match form {
        SignatureForm::SimpleSigning => "atomic container signature",
        SignatureForm::Sigstore => "cosign container image signature",
    };
    exactly(reader, &MEMBERS, |reader, member| match MEMBERS[member] {
        "type" => {
            let at = reader.offset();
            match reader.string()?.as_ref() {
                found if found == wanted => Ok(()),
                found => Err(invalid(at, "", format!("`{wanted}`"), format!("`{}`", shown(found)))),
            }
        }
        "image" => exactly(reader, &["docker-manifest-digest"], |reader, _| {
            claim.manifest_digest = reader.string()?.into_owned();
            Ok(())
        }),
        _ => exactly(reader, &["docker-reference"], |reader, _| {
            claim.reference = reader.string()?.into_owned();
            Ok(())
        }),
    })
}

/// What need not be there, and what nobody knows.
fn optional(reader: &mut Reader<'_>, claim: &mut Claim) -> Result<()> {
    let mut keys: Vec<(String, usize)> = Vec::new();
    reader.object(|reader, key, at| {
        if keys.len() == MAX_OPTIONAL {
            return Err(too_large(at, "members", MAX_OPTIONAL, MAX_OPTIONAL + 1));
        }
        keys.push((key.to_owned(), at));
        match key {
            "creator" if !reader.null()? => {
                claim.creator = Some(reader.string().map_err(|error| error.within(key))?.into_owned());
            }
            "timestamp" if !reader.null()? => {
                claim.timestamp = Some(reader.whole().map_err(|error| error.within(key))?);
            }
            "creator" | "timestamp" => {}
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    match first_twice(&keys, |(key, _)| key).and_then(|twice| keys.get(twice)) {
        Some((key, at)) => Err(problem(*at, ManifestProblem::Duplicate(shown(key)))),
        None => Ok(()),
    }
}

/// Reads an object that has these members, each once, and no others.
fn exactly(
    reader: &mut Reader<'_>,
    names: &'static [&'static str],
    mut read: impl FnMut(&mut Reader<'_>, usize) -> Result<()>,
) -> Result<()> {
    let start = reader.offset();
    let mut seen = 0u32;
    reader.object(|reader, key, at| {
        let Some(member) = names.iter().position(|name| *name == key) else {
            return Err(invalid(at, &shown(key), "no member of this name", "one"));
        };
        if seen & 1 << member != 0 {
            return Err(problem(at, ManifestProblem::Duplicate(names[member].into())));
        }
        seen |= 1 << member;
        read(reader, member).map_err(|error| error.within(names[member]))
    })?;
    match names.iter().enumerate().find(|(member, _)| seen & 1 << member == 0) {
        Some((_, name)) => Err(missing(start, name)),
        None => Ok(()),
    }
}
