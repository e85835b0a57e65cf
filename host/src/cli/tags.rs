//! `consign tags list`: the tags of a repository in a registry.

use anyhow::{Context, Result};
use serde_json::json;

use consign::registry::Tags;
use consign::resolve::name;
use consign::types::ImageName;
use consign::types::transports::Transport;

use super::args::{Format, Reached, TagsList};
use super::failure::Failure;
use super::session::Session;
use super::{image, output};

pub fn list(session: &Session, arguments: &TagsList) -> Result<()> {
    let text = &arguments.repository;
    let named = match session.sandbox().transport_of(text)? {
        Some(Transport::Docker) => {
            let reference = image::reference(session, text)?;
            reference.name.ok_or_else(|| Failure::usage(format!("wanted a repository, found `{text}`")))?
        }
        Some(_) => {
            return Err(Failure::usage(format!("wanted a repository in a registry, found `{text}`")).into());
        }
        None => session.name(text)?,
    };
    let repository = ImageName { tag: None, digest: None, ..named };
    let tags = of(session, &repository, arguments.limit.unwrap_or(usize::MAX), &arguments.reached)?;
    let shown = name(&repository);
    if tags.malformed > 0 {
        output::note(&format!("{} entries of the list are no tags and were left out", tags.malformed));
    }
    if tags.more {
        output::note("there are more tags");
    }
    match arguments.format {
        _ if arguments.quiet => output::lines(&tags.tags),
        Format::Json => output::json(&json!({"Repository": shown, "Tags": tags.tags, "more": tags.more})),
        Format::Table => {
            let rows: Vec<Vec<String>> =
                tags.tags.iter().map(|tag| vec![shown.clone(), tag.clone()]).collect();
            output::table(&["REPOSITORY", "TAG"], &rows)
        }
    }
}

/// The tags of a repository, at most `limit`.
pub fn of(session: &Session, repository: &ImageName, limit: usize, reached: &Reached) -> Result<Tags> {
    let (remote, _) = session.remote().own(session, repository, reached)?;
    remote.tags(limit).with_context(|| format!("listing the tags of `{}`", name(repository)))
}
