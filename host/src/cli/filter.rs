//! Filters as users write them: `key=value`.

use std::time::SystemTime;

use anyhow::Result;
use jiff::Timestamp;

use consign::digest::Digest;
use consign::image::Label;
use consign::list::Filter;

use super::args::{Lookup, Reached};
use super::failure::Failure;
use super::image;
use super::refusal::with_hint;
use super::session::Session;
use super::time::{Direction, moment};

const KNOWN: &str = "before dangling digest id intermediate label label! reference since until";

/// Reads one filter of a list of images.
pub fn of_images(session: &Session, text: &str) -> Result<Filter> {
    let Some((key, value)) = text.split_once('=') else {
        return Err(Failure::usage(format!("wanted a filter KEY=VALUE, found `{text}`")).into());
    };
    let wrong =
        |wanted: &str| Failure::usage(format!("wanted {wanted} for the filter `{key}`, found `{value}`"));
    Ok(match key {
        "dangling" => Filter::Dangling(truth(value).ok_or_else(|| wrong("true or false"))?),
        "intermediate" => Filter::Intermediate(truth(value).ok_or_else(|| wrong("true or false"))?),
        "label" => Filter::Label(Label::parse(value)),
        "label!" => Filter::NoLabel(Label::parse(value)),
        "before" => Filter::Before(created(session, value)?),
        "since" | "after" => Filter::Since(created(session, value)?),
        "until" => Filter::Before(moment(value, super::time::now(), Direction::Past)?.into()),
        "reference" => Filter::Reference(value.to_owned()),
        "id" => {
            let digits = value.strip_prefix("sha256:").unwrap_or(value);
            if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Err(wrong("the beginning of an image ID").into());
            }
            Filter::Id(digits.to_ascii_lowercase())
        }
        "digest" | "manifest" => Filter::Digest(value.parse::<Digest>().map_err(|_| wrong("a digest"))?),
        _ => {
            let message = format!("wanted one of the filters {KNOWN}, found `{key}`");
            return Err(Failure::usage(message).into());
        }
    })
}

/// As Go's `strconv.ParseBool` reads it.
fn truth(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// When the image that a name or an ID means on this machine was created; the beginning of time where it does
/// not say.
fn created(session: &Session, text: &str) -> Result<SystemTime> {
    let opened = image::open(session, text, &Reached::default())?;
    let resolved = opened.resolve(session, &session.options_for(Lookup::Docker)?);
    let resolved = resolved.map_err(|error| with_hint(error, &opened))?;
    let created = image::config(session, &opened, &resolved)?.created;
    let created = created.and_then(|text| text.parse().ok()).unwrap_or(Timestamp::MIN);
    Ok(created.into())
}
