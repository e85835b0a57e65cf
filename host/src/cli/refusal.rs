//! A resolution that came to no image: what is shown of it, and what there is to do about it.

use anyhow::Result;
use serde_json::{Value, json};

use consign::lookup::{LookupError, Tried};
use consign::resolve::{ResolveError, platform};
use consign::types::local_images::FindError;
use consign::types::resolution::ResolveError as Refusal;

use super::args::{Format, Resolve};
use super::failure::Failure;
use super::image::Opened;
use super::{document, output, resolve};

/// The refusal as an error of the command, with a hint where there is something to do.
pub fn with_hint(error: ResolveError, opened: &Opened) -> anyhow::Error {
    let hint = match &error {
        ResolveError::Refused(refusal, _) => match &**refusal {
            Refusal::Platform(mismatch) => Some(match &mismatch.image {
                Some((_, found)) => format!("ask for it with --platform {}", platform(found)),
                None => "choose one of these with --platform".to_owned(),
            }),
            Refusal::Ambiguous(_) => Some("write more of the ID".to_owned()),
            Refusal::NotFound(_) if opened.is_store() => Some(
                "`consign images` lists what is in the store; `consign load` takes an archive in".to_owned(),
            ),
            _ => None,
        },
        _ => None,
    };
    let message = match (&error, opened.text()) {
        (ResolveError::Refused(refusal, _), Some(text)) if matches!(**refusal, Refusal::Name(_)) => {
            format!("`{text}`: {error}")
        }
        _ => error.to_string(),
    };
    Failure { code: super::failure::code_of(&error), message, hint }.into()
}

/// Shows, before the error itself, what was considered: as a document where JSON was asked for, as a table where
/// an explanation was.
pub fn show(arguments: &Resolve, opened: &Opened, error: &ResolveError) -> Result<()> {
    if arguments.quiet {
        return Ok(());
    }
    match (arguments.format, error) {
        (Format::Json, _) => output::json(&answer(&arguments.image, opened, error)),
        (Format::Table, ResolveError::Refused(_, explanation)) if arguments.explain => {
            resolve::explain(opened.tried(), explanation)
        }
        _ => Ok(()),
    }
}

/// A look-up that came to no image, as an error of the command, with a hint where there is something to do.
/// Other errors stay as they are.
pub fn looked_up(error: anyhow::Error) -> anyhow::Error {
    let Some(lookup) = error.downcast_ref::<LookupError>() else { return error };
    let LookupError::Refused(refusal, _) = lookup else { return error };
    let hint = match refusal {
        FindError::NotFound(_) => {
            Some("`consign images` lists what is in the store; `consign load` takes an archive in")
        }
        FindError::Ambiguous(_) => Some("write more of the ID, or a name in full"),
        _ => None,
    };
    let failure =
        if lookup.is_no() { Failure::no(lookup.to_string()) } else { Failure::usage(lookup.to_string()) };
    match hint {
        Some(hint) => failure.hint(hint).into(),
        None => failure.into(),
    }
}

/// Shows, before the error itself, what a look-up tried.
pub fn show_lookup(arguments: &Resolve, error: &anyhow::Error) -> Result<()> {
    let Some(LookupError::Refused(refusal, tried)) = error.downcast_ref() else { return Ok(()) };
    let tried: Vec<String> = tried.iter().map(|tried| Tried(tried).to_string()).collect();
    match arguments.format {
        _ if arguments.quiet => Ok(()),
        Format::Json => {
            let kind = match refusal {
                FindError::NotFound(_) => "not-found",
                FindError::Ambiguous(_) => "ambiguous",
                _ => "name",
            };
            let mut problem = json!({"kind": kind, "message": error.to_string()});
            if let FindError::Ambiguous(candidates) = refusal {
                problem["candidates"] = json!(candidates);
            }
            let input = &arguments.image;
            output::json(&json!({"input": input, "error": problem, "steps": tried, "considered": []}))
        }
        Format::Table if arguments.explain => {
            output::lines(tried.iter().map(|tried| output::printable(tried)))
        }
        Format::Table => Ok(()),
    }
}

/// The refusal as a JSON document. Field names are stable.
fn answer(input: &str, opened: &Opened, error: &ResolveError) -> Value {
    let (mut steps, mut considered) = (json!([]), json!([]));
    let mut problem = json!({"kind": kind(error), "message": error.to_string()});
    if let ResolveError::Refused(refusal, explanation) = error {
        steps = resolve::steps(opened.tried(), &explanation.steps);
        considered = resolve::considered(&explanation.considered);
        match &**refusal {
            Refusal::Platform(mismatch) => {
                problem["wanted"] = document::platform(&mismatch.wanted);
                if let Some((id, found)) = &mismatch.image {
                    problem["image"] = json!({"id": id, "platform": document::platform(found)});
                }
            }
            Refusal::Ambiguous(candidates) => problem["candidates"] = json!(candidates),
            Refusal::Incomplete(target) => problem["descriptor"] = document::descriptor(target),
            _ => {}
        }
    }
    json!({"input": input, "error": problem, "steps": steps, "considered": considered})
}

fn kind(error: &ResolveError) -> &'static str {
    let ResolveError::Refused(refusal, _) = error else { return "component" };
    match &**refusal {
        Refusal::Name(_) => "name",
        Refusal::NotFound(_) => "not-found",
        Refusal::Ambiguous(_) => "ambiguous",
        Refusal::Platform(_) => "platform",
        Refusal::Incomplete(_) => "incomplete",
        Refusal::Document(_) => "document",
        Refusal::NotAnImage(_) => "not-an-image",
        Refusal::LayerCount(_) => "layer-count",
        Refusal::Limit(_) => "limit",
        Refusal::Content(_) => "content",
    }
}
