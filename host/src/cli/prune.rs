//! `consign prune`: images nobody needs, out of the store.

use anyhow::Result;
use jiff::Timestamp;
use serde_json::json;

use consign::image::Label;
use consign::prune::{self, Options};

use super::args::{Format, Prune};
use super::failure::Failure;
use super::session::Session;
use super::time::{Direction, moment};
use super::{gc, output, remove};

pub fn run(session: &Session, arguments: &Prune) -> Result<()> {
    let options = options(arguments)?;
    let what = if options.all {
        "all images without a pin"
    } else {
        "all images without a tag that no other was built on"
    };
    // Somebody who types is asked; a script has said what it wants.
    if !arguments.force && output::typed() && !output::confirmed(&format!("This removes {what}."))? {
        return Ok(());
    }
    let store = session.store()?;
    let created = |text: &str| text.parse::<Timestamp>().ok().map(Into::into);
    let pruned = prune::prune(&store, session.sandbox(), &options, created)?;
    let removed = &pruned.removed;
    match arguments.format {
        Format::Json => {
            let mut document = remove::document(removed);
            document["ingests"] = json!(pruned.ingests);
            output::json(&document)?;
        }
        Format::Table => {
            let freed = format!("Total reclaimed space: {}", output::size(removed.bytes));
            output::lines(remove::lines(removed).chain([freed]))?;
        }
    }
    remove::note_deferred(removed.deferred);
    Ok(())
}

fn options(arguments: &Prune) -> Result<Options> {
    let mut options = Options { all: arguments.all, patience: gc::PATIENCE, ..Options::default() };
    for filter in &arguments.filter {
        // `label!=x` has its `!` before the first `=`.
        let (key, value) = filter.split_once('=').unwrap_or((filter, ""));
        match (key, value) {
            ("until", time) => {
                options.until = Some(moment(time, super::time::now(), Direction::Past)?.into());
            }
            ("label", text) if !text.is_empty() => options.labels.push(Label::parse(text)),
            ("label!", text) if !text.is_empty() => options.without.push(Label::parse(text)),
            ("dangling", "true" | "1") => options.all = false,
            ("dangling", "false" | "0") => options.all = true,
            _ => {
                let message = format!(
                    "wanted until=TIME, label=KEY[=VALUE], label!=KEY[=VALUE] or dangling=BOOL, found `{filter}`"
                );
                return Err(Failure::usage(message).into());
            }
        }
    }
    Ok(options)
}
