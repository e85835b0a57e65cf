//! The legacy (v1) images that containers/image writes beside an image's layers (docker/internal/tarfile,
//! `writeLegacyMetadataLocked`), byte for byte, so that an archive is the one podman and skopeo write.

use super::{MAX_JSON, raw_members};
use crate::chain;
use crate::digest::compute;
use crate::json::write::{ObjectWriter, compact};
use crate::json::{self, Result};
use crate::prelude::*;
use crate::wit::exports::consign::image::archives::LegacyLayer;
use crate::wit::exports::consign::image::digests::Algorithm;
use crate::wit::exports::consign::image::manifests::ManifestError;

/// What the top layer's `json` has of the image config; what the config does not have is `null`.
const TAKEN: [&str; 7] =
    ["architecture", "config", "container", "container_config", "created", "docker_version", "os"];

/// One legacy image for each diff ID, base layer first.
pub fn layers(config: &[u8], diff_ids: &[String]) -> core::result::Result<Vec<LegacyLayer>, ManifestError> {
    let chain_ids = chain::ids(diff_ids)?;
    let make = || -> Result<Vec<LegacyLayer>> {
        let text = json::lossy(config, "bytes", MAX_JSON)?;
        let members = raw_members(&text)?;
        let mut layers: Vec<LegacyLayer> = Vec::with_capacity(chain_ids.len());
        for (position, chain_id) in chain_ids.iter().enumerate() {
            let members = (position + 1 == chain_ids.len()).then_some(members.as_slice());
            let parent = layers.last().map(|layer| layer.id.as_str());
            // The ID is the digest of the document with the chain ID in it and without the ID.
            let unnamed = document(members, None, Some(chain_id), parent);
            let digest = compute(Algorithm::Sha256, unnamed.as_bytes());
            let id = digest.split_once(':').map_or("", |(_, hex)| hex).to_owned();
            let json = document(members, Some(&id), None, parent);
            layers.push(LegacyLayer { id, json });
        }
        Ok(layers)
    };
    make().map_err(|error: Box<ManifestError>| *error)
}

/// The document, its members in the order in which Go writes a map.
fn document(
    config: Option<&[(String, String)]>,
    id: Option<&str>,
    layer_id: Option<&str>,
    parent: Option<&str>,
) -> String {
    let mut out = String::new();
    let mut object = ObjectWriter::new(&mut out);
    let mut own = [("id", id), ("layer_id", layer_id), ("parent", parent)].into_iter().peekable();
    for name in config.map_or(&[][..], |_| &TAKEN) {
        while let Some((before, value)) = own.next_if(|(own, _)| own < name) {
            if let Some(value) = value {
                object.text(before, value);
            }
        }
        let found = config.unwrap_or_default().iter().find(|(member, _)| member == name);
        object.member(name, |out| compact(out, found.map_or("null", |(_, value)| value)));
    }
    for (name, value) in own {
        if let Some(value) = value {
            object.text(name, value);
        }
    }
    object.end();
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_documents_are_those_podman_writes() {
        let config = br#"{"created":"2023-11-14T22:13:20Z","architecture":"amd64","os":"linux","config":{"Env":["A=<b>"]}}"#;
        let diff_ids = [format!("sha256:{}", "1".repeat(64)), format!("sha256:{}", "2".repeat(64))];
        let layers = layers(config, &diff_ids).unwrap();
        let base = format!(r#"{{"layer_id":"{}"}}"#, diff_ids[0]);
        let hex = |text: &str| compute(Algorithm::Sha256, text.as_bytes()).split_off("sha256:".len());
        assert_eq!(layers[0].id, hex(&base));
        assert_eq!(layers[0].json, format!(r#"{{"id":"{}"}}"#, layers[0].id));
        let top = concat!(
            r#"{"architecture":"amd64","config":{"Env":["A=\u003cb\u003e"]},"container":null,"#,
            r#""container_config":null,"created":"2023-11-14T22:13:20Z","docker_version":null,"#
        );
        let wanted = format!(r#"{top}"id":"{}","os":"linux","parent":"{}"}}"#, layers[1].id, layers[0].id);
        assert_eq!(layers[1].json, wanted);
    }

    #[test]
    fn what_is_no_config_is_an_error_and_no_layers_are_none() {
        assert!(layers(b"[]", &["sha256:0".into()]).is_err());
        assert!(layers(b"{", &[]).is_err());
        assert!(layers(b"{}", &[]).unwrap().is_empty());
    }
}
