//! Legacy (v1) images: one `json` for each layer, chained by `parent`; and the image config Docker's
//! v1 migration makes of them (moby, `image/v1`), byte for byte, because the image's ID is its digest.

mod go;
mod image;
mod layers;

use crate::json::write::{ObjectWriter, array, compact, string};
use crate::json::{self, Reader, Result, invalid, too_large};
use crate::manifest::MAX_LAYERS;
use crate::prelude::*;
use crate::sort::stable_sort;
use crate::wit::exports::consign::image::archives::LegacyImage;
use crate::wit::exports::consign::image::manifests::ManifestError;
use image::V1Image;

pub use layers::layers;

/// Bytes of a legacy image's `json`.
pub const MAX_JSON: usize = 4 << 20;

/// Members of the v1 image that the config does not take over.
const DROPPED: [&str; 6] = ["id", "parent", "Size", "parent_id", "layer_id", "throwaway"];

/// Reads a legacy image's `json`.
pub fn parse(bytes: &[u8]) -> core::result::Result<LegacyImage, ManifestError> {
    let read = || {
        let image = V1Image::read(json::strict(bytes, "bytes", MAX_JSON)?)?;
        if image.id.is_empty() {
            return Err(json::missing(0, "id"));
        }
        let parent = (!image.parent.is_empty()).then_some(image.parent);
        Ok(LegacyImage { id: image.id, parent })
    };
    read().map_err(|error: Box<ManifestError>| *error)
}

/// The image config for these `json` documents, base layer first, and the digests of their
/// uncompressed layers, one for each.
pub fn config(jsons: &[Vec<u8>], diff_ids: &[String]) -> core::result::Result<Vec<u8>, ManifestError> {
    make_config(jsons, diff_ids).map_err(|error| *error)
}

fn make_config(jsons: &[Vec<u8>], diff_ids: &[String]) -> Result<Vec<u8>> {
    if jsons.len() > MAX_LAYERS {
        return Err(too_large(0, "layers", MAX_LAYERS, jsons.len()));
    }
    let (Some(top), true) = (jsons.last(), jsons.len() == diff_ids.len()) else {
        let found = format!("{} and {}", jsons.len(), diff_ids.len());
        return Err(invalid(0, "diff-ids", "a `json` for each layer, and one at least", found));
    };
    let mut images = Vec::with_capacity(jsons.len());
    for (position, bytes) in jsons.iter().enumerate() {
        let image = json::strict(bytes, "bytes", MAX_JSON).and_then(V1Image::read);
        images.push(image.map_err(|error| error.within_element(position).within("jsons"))?);
    }
    let top_image = &images[images.len() - 1];
    let rewritten;
    let mut text = json::strict(top, "bytes", MAX_JSON)?;
    if go::version_less(&top_image.docker_version, "1.8.3") {
        // Versions before that one wrote blank members.
        rewritten = top_image.written();
        text = &rewritten;
    }

    let mut members = raw_members(text)?;
    members.retain(|(name, _)| !DROPPED.contains(&name.as_str()) && name != "rootfs" && name != "history");
    let mut rootfs = String::new();
    let mut object = ObjectWriter::new(&mut rootfs);
    object.text("type", "layers");
    object.member("diff_ids", |out| array(out, diff_ids, |out, diff_id| string(out, diff_id)));
    object.end();
    members.push(("rootfs".into(), rootfs));
    let mut history = String::new();
    array(&mut history, &images, |out, image| image.write_step(out));
    members.push(("history".into(), history));
    stable_sort(&mut members, |(a, _), (b, _)| a < b);

    let mut out = String::new();
    let mut object = ObjectWriter::new(&mut out);
    for (name, value) in &members {
        object.member(name, |out| compact(out, value));
    }
    object.end();
    Ok(out.into_bytes())
}

/// The members of an object with their values as written; of one there twice the last counts.
fn raw_members(text: &str) -> Result<Vec<(String, String)>> {
    let mut members: Vec<(String, String)> = Vec::new();
    let mut reader = Reader::new(text);
    reader.object(|reader, key, _| {
        let start = reader.offset();
        reader.skip()?;
        members.push((key.to_owned(), reader.since(start).to_owned()));
        Ok(())
    })?;
    reader.end()?;
    // The last first, so that it is the one of several that stays.
    members.reverse();
    stable_sort(&mut members, |(a, _), (b, _)| a < b);
    members.dedup_by(|(a, _), (b, _)| a == b);
    Ok(members)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
