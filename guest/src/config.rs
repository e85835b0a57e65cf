//! Image configs: OCI's (image-spec, config.md) with the members Docker adds.
//!
//! Read as moby reads them (`image.NewFromJSON`): there must be a `rootfs`, times must be times, and
//! the rest may be absent or `null`. Keys match in any letter case, because Docker's own documents
//! were written for such readers. A member there twice is refused, which Docker does not do.

mod container;
mod time;

use crate::json::{self, Case, Reader, Result, invalid, missing, shown};
use crate::manifest::MAX_LAYERS;
use crate::manifest::descriptor::{filled, is_digest, read_digest};
use crate::prelude::*;
use crate::types::Platform;
use crate::wit::exports::consign::image::manifests::{HistoryEntry, ImageConfig, ManifestError};
pub(crate) use container::{empty as empty_container_config, read_container_config};
pub(crate) use time::is_rfc3339;

/// Bytes of an image config (containers/image has the same bound).
pub const MAX_CONFIG: usize = 4 << 20;
/// Steps in a history.
pub const MAX_HISTORY: usize = 20_000;
/// Strings in a list, or keys in a map.
pub(crate) const MAX_STRINGS: usize = 50_000;

/// Reads an image config.
pub fn parse(bytes: &[u8]) -> core::result::Result<ImageConfig, ManifestError> {
    let text = json::lossy(bytes, "bytes", MAX_CONFIG).map_err(|error| *error)?;
    read(&text).map_err(|mut error| {
        error.offset = json::offset_before_lossy(bytes, error.offset);
        *error
    })
}

fn read(text: &str) -> Result<ImageConfig> {
    const MEMBERS: [&str; 17] = [
        "rootfs",
        "os",
        "architecture",
        "variant",
        "os.version",
        "os.features",
        "created",
        "author",
        "history",
        "config",
        "parent",
        "comment",
        "docker_version",
        "container",
        "container_config",
        "id",
        "Size",
    ];
    let mut config = ImageConfig {
        platform: Platform {
            os: String::new(),
            architecture: String::new(),
            variant: None,
            os_version: None,
            os_features: Vec::new(),
        },
        created: None,
        author: None,
        rootfs_type: String::new(),
        diff_ids: Vec::new(),
        history: Vec::new(),
        config: None,
        parent: None,
        comment: None,
        docker_version: None,
        container: None,
        container_config: None,
    };
    let mut reader = Reader::new(text);
    let seen = reader.record(&MEMBERS, Case::Folded, |reader, member| {
        match MEMBERS[member] {
            "rootfs" => read_rootfs(reader, &mut config)?,
            "os" => config.platform.os = reader.string()?.into_owned(),
            "architecture" => config.platform.architecture = reader.string()?.into_owned(),
            "variant" => config.platform.variant = filled(reader.string()?),
            "os.version" => config.platform.os_version = filled(reader.string()?),
            "os.features" => config.platform.os_features = reader.strings("os.features", MAX_STRINGS)?,
            "created" => config.created = Some(read_time(reader)?),
            "author" => config.author = filled(reader.string()?),
            "history" => reader.array("history", MAX_HISTORY, |reader| {
                config.history.push(read_step(reader)?);
                Ok(())
            })?,
            "config" => config.config = Some(read_container_config(reader)?),
            "parent" => config.parent = filled(reader.string()?).filter(|parent| is_digest(parent)),
            "comment" => config.comment = filled(reader.string()?),
            "docker_version" => config.docker_version = filled(reader.string()?),
            "container" => config.container = filled(reader.string()?),
            "container_config" => config.container_config = Some(read_container_config(reader)?),
            "id" => drop(reader.string()?),
            _ => drop(reader.integer()?),
        }
        Ok(())
    })?;
    reader.end()?;
    if !seen.has_value(0) {
        return Err(missing(0, "rootfs"));
    }
    Ok(config)
}

fn read_rootfs(reader: &mut Reader<'_>, config: &mut ImageConfig) -> Result<()> {
    const MEMBERS: [&str; 2] = ["type", "diff_ids"];
    reader.record(&MEMBERS, Case::Folded, |reader, member| {
        match MEMBERS[member] {
            "type" => config.rootfs_type = reader.string()?.into_owned(),
            _ => reader.array("layers", MAX_LAYERS, |reader| {
                config.diff_ids.push(read_digest(reader)?);
                Ok(())
            })?,
        }
        Ok(())
    })?;
    Ok(())
}

fn read_step(reader: &mut Reader<'_>) -> Result<HistoryEntry> {
    const MEMBERS: [&str; 5] = ["created", "created_by", "author", "comment", "empty_layer"];
    let mut step =
        HistoryEntry { created: None, created_by: None, author: None, comment: None, empty_layer: false };
    if reader.null()? {
        return Ok(step);
    }
    reader.record(&MEMBERS, Case::Folded, |reader, member| {
        match MEMBERS[member] {
            "created" => step.created = Some(read_time(reader)?),
            "created_by" => step.created_by = filled(reader.string()?),
            "author" => step.author = filled(reader.string()?),
            "comment" => step.comment = filled(reader.string()?),
            _ => step.empty_layer = reader.boolean()?,
        }
        Ok(())
    })?;
    Ok(step)
}

/// Reads a time, as written.
pub(crate) fn read_time(reader: &mut Reader<'_>) -> Result<String> {
    let at = reader.offset();
    let text = reader.string()?;
    if !is_rfc3339(&text) {
        return Err(invalid(at, "", "a time as in RFC 3339", format!("`{}`", shown(&text))));
    }
    Ok(text.into_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
