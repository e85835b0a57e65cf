//! `consign tree`: the layers of an image, and the images that end on them.

use anyhow::Result;
use serde_json::{Value, json};

use consign::digest::Digest;
use consign::tree::{Branch, above, below};
use consign::types::ImageName;

use super::args::{Format, Reached, Tree};
use super::failure::Failure;
use super::refusal::{self, with_hint};
use super::session::Session;
use super::{image, output};

pub fn run(session: &Session, arguments: &Tree) -> Result<()> {
    let options = session.options(&arguments.wanted)?;
    let lookup = arguments.looked_up.lookup;
    let opened = image::open_by(session, &arguments.image, lookup, &options, &Reached::default())
        .map_err(refusal::looked_up)?;
    let resolved = opened.resolve(session, &options).map_err(|error| with_hint(error, &opened))?;
    let Some(store) = opened.store(&resolved)? else {
        let message = format!("wanted an image of the store, found `{}`", arguments.image);
        return Err(Failure::usage(message).hint("load it first").into());
    };
    let id: Digest = resolved.config.digest.parse()?;
    let branches = if arguments.whatrequires { above(store, &id)? } else { below(store, &id)? };
    let names = opened.names(session, &resolved)?;
    let size = opened.layer_sizes(&resolved)?.into_iter().flatten().sum::<u64>();
    let familiar = |names: &[ImageName]| {
        let tags = names.iter().filter(|name| name.digest.is_none());
        tags.map(|name| session.familiar(name)).collect::<Result<Vec<String>>>()
    };
    if arguments.format == Format::Json {
        let layers = branches.iter().map(|branch| Ok(entry(branch, familiar(&branch.names)?)));
        return output::json(&json!({
            "id": id.to_string(),
            "names": names.tags,
            "size": size,
            "layers": layers.collect::<Result<Vec<_>>>()?,
        }));
    }
    let mut lines = vec![
        format!("Image ID: {}", output::id(&id, false)),
        format!("Tags:     [{}]", names.tags.join(" ")),
        format!("Size:     {}", output::size(size)),
        if branches.is_empty() { "No Image Layers".to_owned() } else { "Image Layers".to_owned() },
    ];
    for (at, branch) in branches.iter().enumerate() {
        let size = branch.layer.size.map_or_else(|| "N/A".to_owned(), output::size);
        let layer = output::id(&branch.layer.diff_id, false);
        let top = match (familiar(&branch.names)?, branch.images.first()) {
            (_, None) => String::new(),
            (names, Some(image)) if names.is_empty() => {
                format!(" Top Layer of: [{}]", output::id(image, false))
            }
            (names, Some(_)) => format!(" Top Layer of: [{}]", names.join(" ")),
        };
        let bars = bars(&branches, at, !arguments.whatrequires);
        let line = format!("{bars} ID: {layer} Size: {size}{top}");
        lines.push(output::printable(&line).into_owned());
    }
    output::lines(lines)
}

/// The lines in front of a layer. The layers an image stands on are beside each other, as podman draws them;
/// what stands on a layer is indented.
fn bars(branches: &[Branch], at: usize, beside: bool) -> String {
    if beside {
        return if at + 1 == branches.len() { "└──".to_owned() } else { "├──".to_owned() };
    }
    let depth = branches.get(at).map_or(0, |branch| branch.depth);
    // Whether more follows at this depth before something less deep does.
    let goes_on = |level: usize| {
        let after = branches.iter().skip(at + 1).map(|branch| branch.depth);
        after.take_while(|depth| *depth >= level).any(|depth| depth == level)
    };
    // Layers are as deep as images have layers; nobody reads lines of ten thousand.
    const DEEPEST: usize = 32;
    let mut text: String =
        (0..depth.min(DEEPEST)).map(|level| if goes_on(level) { "│   " } else { "    " }).collect();
    text.push_str(if goes_on(depth) { "├──" } else { "└──" });
    text
}

fn entry(branch: &Branch, names: Vec<String>) -> Value {
    json!({
        "depth": branch.depth,
        "diffID": branch.layer.diff_id.to_string(),
        "chainID": branch.layer.chain_id.to_string(),
        "size": branch.layer.size,
        "images": branch.images.iter().map(Digest::to_string).collect::<Vec<_>>(),
        "names": names,
    })
}
