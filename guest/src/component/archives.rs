use super::Component;
use crate::prelude::*;
use crate::wit::exports::consign::image::archives::{
    ArchiveImage, Descriptor, Digest, Guest, LegacyImage, LegacyLayer, LegacyTag, ManifestError,
};
use crate::{archive, legacy};

impl Guest for Component {
    fn parse_manifest_json(bytes: Vec<u8>) -> Result<Vec<ArchiveImage>, ManifestError> {
        archive::parse_manifest_json(&bytes)
    }

    fn parse_repositories(bytes: Vec<u8>) -> Result<Vec<LegacyTag>, ManifestError> {
        archive::parse_repositories(&bytes)
    }

    fn parse_legacy_image(bytes: Vec<u8>) -> Result<LegacyImage, ManifestError> {
        legacy::parse(&bytes)
    }

    fn legacy_config(jsons: Vec<Vec<u8>>, diff_ids: Vec<Digest>) -> Result<Vec<u8>, ManifestError> {
        legacy::config(&jsons, &diff_ids)
    }

    fn legacy_layers(config: Vec<u8>, diff_ids: Vec<Digest>) -> Result<Vec<LegacyLayer>, ManifestError> {
        legacy::layers(&config, &diff_ids)
    }

    fn docker_manifest(config: Descriptor, layers: Vec<Descriptor>) -> Vec<u8> {
        archive::docker_manifest(&config, &layers)
    }
}
