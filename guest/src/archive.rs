//! The small documents in image archives and layouts.

use crate::json::write::{ObjectWriter, array};
use crate::json::{self, Case, Reader, Result, invalid, missing, problem, shown, too_large};
use crate::manifest::MAX_LAYERS;
use crate::manifest::descriptor::{filled, is_digest};
use crate::prelude::*;
use crate::sort::{first_twice, stable_sort};
use crate::types::Descriptor;
use crate::wit::exports::consign::image::archives::{ArchiveImage, LegacyTag};
use crate::wit::exports::consign::image::manifests::{ManifestError, ManifestProblem};

/// Bytes of a `manifest.json` or `repositories`.
pub const MAX_LIST: usize = 16 << 20;
/// Images, or names, in an archive.
pub const MAX_IMAGES: usize = 65_536;
/// Names of one image, or in one repository.
pub const MAX_TAGS: usize = 65_536;
/// Bytes of an `oci-layout`.
pub const MAX_LAYOUT: usize = 64 << 10;

/// The layout version consign reads and writes (image-spec, image-layout.md, "oci-layout file").
const LAYOUT_VERSION: &str = "1.0.0";

/// Reads `docker save`'s `manifest.json`: images in document order. Keys match in any letter case, as
/// in Docker; one there twice is refused. `Config` must be there.
pub fn parse_manifest_json(bytes: &[u8]) -> core::result::Result<Vec<ArchiveImage>, ManifestError> {
    let read = || {
        let mut reader = Reader::new(json::strict(bytes, "bytes", MAX_LIST)?);
        let mut images = Vec::new();
        reader.array("images", MAX_IMAGES, |reader| {
            images.push(read_image(reader)?);
            Ok(())
        })?;
        reader.end()?;
        Ok(images)
    };
    read().map_err(|error: Box<ManifestError>| *error)
}

fn read_image(reader: &mut Reader<'_>) -> Result<ArchiveImage> {
    const MEMBERS: [&str; 5] = ["Config", "RepoTags", "Layers", "Parent", "LayerSources"];
    let start = reader.offset();
    let mut image =
        ArchiveImage { config: String::new(), repo_tags: Vec::new(), layers: Vec::new(), parent: None };
    reader.record(&MEMBERS, Case::Folded, |reader, member| {
        match MEMBERS[member] {
            "Config" => image.config = reader.string()?.into_owned(),
            "RepoTags" => image.repo_tags = reader.strings("tags", MAX_TAGS)?,
            "Layers" => image.layers = reader.strings("layers", MAX_LAYERS)?,
            "Parent" => image.parent = filled(reader.string()?).filter(|parent| is_digest(parent)),
            // Descriptors by diff ID, of foreign layers.
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    if image.config.is_empty() {
        return Err(missing(start, MEMBERS[0]));
    }
    Ok(image)
}

/// Reads a legacy `repositories` file: `{"repository": {"tag": "v1 ID"}}`. A repository or tag there
/// twice is refused.
pub fn parse_repositories(bytes: &[u8]) -> core::result::Result<Vec<LegacyTag>, ManifestError> {
    let read = || {
        let mut reader = Reader::new(json::strict(bytes, "bytes", MAX_LIST)?);
        let mut tags: Vec<LegacyTag> = Vec::new();
        let mut repositories: Vec<(String, usize)> = Vec::new();
        reader.object(|reader, repository, at| {
            if repositories.len() == MAX_IMAGES {
                return Err(too_large(at, "repositories", MAX_IMAGES, MAX_IMAGES + 1));
            }
            repositories.push((repository.to_owned(), at));
            if reader.null()? {
                return Ok(());
            }
            let pairs = reader.string_map("tags", MAX_TAGS).map_err(|error| error.within(repository))?;
            if tags.len() + pairs.len() > MAX_IMAGES {
                return Err(too_large(at, "names", MAX_IMAGES, tags.len() + pairs.len()));
            }
            let repository = || repository.to_owned();
            tags.extend(pairs.into_iter().map(|(tag, id)| LegacyTag { repository: repository(), tag, id }));
            Ok(())
        })?;
        reader.end()?;
        if let Some((repository, at)) =
            first_twice(&repositories, |(repository, _)| repository).and_then(|twice| repositories.get(twice))
        {
            return Err(problem(*at, ManifestProblem::Duplicate(shown(repository))));
        }
        stable_sort(&mut tags, |a, b| a < b);
        Ok(tags)
    };
    read().map_err(|error: Box<ManifestError>| *error)
}

/// Reads an `oci-layout` marker: its version, which is 1.0.0.
pub fn parse_layout(bytes: &[u8]) -> core::result::Result<String, ManifestError> {
    const MEMBERS: [&str; 1] = ["imageLayoutVersion"];
    let read = || {
        let mut reader = Reader::new(json::strict(bytes, "bytes", MAX_LAYOUT)?);
        let mut version = None;
        reader.record(&MEMBERS, Case::Exact, |reader, _| {
            let at = reader.offset();
            let found = reader.string()?;
            if found != LAYOUT_VERSION {
                return Err(invalid(at, "", format!("`{LAYOUT_VERSION}`"), format!("`{}`", shown(&found))));
            }
            version = Some(found.into_owned());
            Ok(())
        })?;
        reader.end()?;
        version.ok_or_else(|| missing(0, MEMBERS[0]))
    };
    read().map_err(|error: Box<ManifestError>| *error)
}

/// The schema 2 manifest containers/image gives an image of a docker archive. Whatever media types the
/// descriptors have, it says Docker's own, and gzip for every layer; it always has.
pub fn docker_manifest(config: &Descriptor, layers: &[Descriptor]) -> Vec<u8> {
    const CONFIG: &str = "application/vnd.docker.container.image.v1+json";
    const LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
    let descriptor = |out: &mut String, media_type: &str, descriptor: &Descriptor| {
        let mut object = ObjectWriter::new(out);
        object
            .text("mediaType", media_type)
            .plain("size", descriptor.size)
            .text("digest", &descriptor.digest);
        object.end();
    };
    let mut out = String::new();
    let mut object = ObjectWriter::new(&mut out);
    object
        .plain("schemaVersion", 2)
        .text("mediaType", "application/vnd.docker.distribution.manifest.v2+json")
        .member("config", |out| descriptor(out, CONFIG, config))
        .member("layers", |out| array(out, layers, |out, layer| descriptor(out, LAYER, layer)));
    object.end();
    out.into_bytes()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
