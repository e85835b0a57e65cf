//! The small documents: tokens, lists of tags, errors.

use super::is_visible;
use crate::json::{self, Case, Reader, Result, invalid, missing, shown};
use crate::name::is_tag;
use crate::prelude::*;
use crate::wit::exports::consign::image::manifests::ManifestProblem;
use crate::wit::exports::consign::image::registries::{AnswerError, RegistryProblem, TagPage, Token};

const MAX_TOKEN: usize = 1 << 20;
const MAX_LIST: usize = 4 << 20;
const MAX_TAGS: usize = 100_000;
const MAX_REFUSAL: usize = 64 << 10;
const MAX_PROBLEMS: usize = 8;
/// Seconds that a token is good for where nothing is said, which is the least, and the most that is believed.
const EXPIRES: (u64, u64) = (60, 86_400);

/// Reads a token server's answer.
pub fn read_token(bytes: &[u8]) -> core::result::Result<Token, AnswerError> {
    let mut found = Token { token: String::new(), expires_in: EXPIRES.0, refresh_token: None };
    read(bytes, MAX_TOKEN, |reader| {
        const MEMBERS: [&str; 4] = ["token", "access_token", "expires_in", "refresh_token"];
        let start = reader.offset();
        let (mut token, mut access) = (None, None);
        reader.record(&MEMBERS, Case::Folded, |reader, member| {
            match MEMBERS[member] {
                "token" => token = credential(reader)?,
                "access_token" => access = credential(reader)?,
                "refresh_token" => found.refresh_token = credential(reader)?,
                _ => {
                    let seconds = u64::try_from(reader.integer()?).unwrap_or_default();
                    found.expires_in = seconds.clamp(EXPIRES.0, EXPIRES.1);
                }
            }
            Ok(())
        })?;
        found.token = token.or(access).ok_or_else(|| missing(start, "token"))?;
        Ok(())
    })?;
    Ok(found)
}

/// A text that will stand in a header. It is not repeated in errors.
fn credential(reader: &mut Reader<'_>) -> Result<Option<String>> {
    let at = reader.offset();
    let text = reader.string()?;
    match text.as_ref() {
        "" => Ok(None),
        text if is_visible(text) => Ok(Some(text.to_owned())),
        _ => Err(invalid(at, "", "visible ASCII", "something else")),
    }
}

/// Reads a page of tags.
pub fn read_tags(bytes: &[u8]) -> core::result::Result<TagPage, AnswerError> {
    let mut page = TagPage { tags: Vec::new(), malformed: 0 };
    read(bytes, MAX_LIST, |reader| {
        reader.record(&["tags"], Case::Folded, |reader, _| {
            reader.array("tags", MAX_TAGS, |reader| {
                if reader.null()? {
                    page.malformed += 1;
                    return Ok(());
                }
                let tag = reader.string()?;
                if is_tag(&tag) {
                    page.tags.push(tag.into_owned());
                } else {
                    page.malformed += 1;
                }
                Ok(())
            })
        })?;
        Ok(())
    })?;
    Ok(page)
}

/// The errors in the body of a refusal.
pub fn read_problems(bytes: &[u8]) -> Vec<RegistryProblem> {
    let mut problems = Vec::new();
    let bytes = &bytes[..bytes.len().min(MAX_REFUSAL)];
    // Whatever was read before something was wrong is as good as it gets.
    let _ = read(bytes, MAX_REFUSAL, |reader| {
        reader.record(&["errors"], Case::Folded, |reader, _| {
            reader.array("errors", MAX_PROBLEMS, |reader| {
                const MEMBERS: [&str; 2] = ["code", "message"];
                let mut problem = RegistryProblem { code: String::new(), message: String::new() };
                reader.record(&MEMBERS, Case::Folded, |reader, member| {
                    let text = reader.string()?;
                    match MEMBERS[member] {
                        "code" => problem.code = json::shown_up_to(&text, 90),
                        _ => problem.message = json::shown_up_to(&text, 290),
                    }
                    Ok(())
                })?;
                problems.push(problem);
                Ok(())
            })
        })?;
        Ok(())
    });
    problems
}

/// Reads a document of at most so many bytes.
pub(crate) fn read(
    bytes: &[u8],
    limit: usize,
    mut read: impl FnMut(&mut Reader<'_>) -> Result<()>,
) -> core::result::Result<(), AnswerError> {
    whole(bytes, limit, &mut read)
}

// There once, not once for every kind of document.
#[inline(never)]
fn whole(
    bytes: &[u8],
    limit: usize,
    read: &mut dyn FnMut(&mut Reader<'_>) -> Result<()>,
) -> core::result::Result<(), AnswerError> {
    let mut whole = || {
        let mut reader = Reader::new(json::strict(bytes, "bytes", limit)?);
        read(&mut reader)?;
        reader.end()
    };
    whole().map_err(|error| AnswerError { offset: error.offset, reason: reason(error.problem) })
}

fn reason(problem: ManifestProblem) -> String {
    match problem {
        ManifestProblem::Syntax(wanted) => format!("wanted {wanted}"),
        ManifestProblem::Missing(name) => format!("wanted the member `{name}`, found none"),
        ManifestProblem::Invalid((name, wanted, found)) => {
            format!("`{name}`: wanted {wanted}, found {found}")
        }
        ManifestProblem::Duplicate(name) => format!("`{name}` is there twice"),
        ManifestProblem::TooLarge((what, limit, found)) => {
            format!("wanted at most {limit} {what}, found {found}")
        }
        ManifestProblem::Ambiguous(what) | ManifestProblem::Unsupported(what) => {
            format!("`{}` is not supported", shown(&what))
        }
        ManifestProblem::MediaTypeMismatch((wanted, found)) => format!("wanted {wanted}, found {found}"),
    }
}
