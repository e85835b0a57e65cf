use super::Component;
use crate::prelude::*;
use crate::wit::exports::consign::image::manifests::{Digest, Document, Guest, ImageConfig, ManifestError};
use crate::{archive, chain, config, manifest};

impl Guest for Component {
    fn parse(bytes: Vec<u8>, media_type: Option<String>) -> Result<Document, ManifestError> {
        manifest::parse(&bytes, media_type.as_deref())
    }

    fn parse_text(text: String, media_type: Option<String>) -> Result<Document, ManifestError> {
        manifest::parse(text.as_bytes(), media_type.as_deref())
    }

    fn parse_config_text(text: String) -> Result<ImageConfig, ManifestError> {
        config::parse(text.as_bytes())
    }

    fn parse_config(bytes: Vec<u8>) -> Result<ImageConfig, ManifestError> {
        config::parse(&bytes)
    }

    fn chain_ids(diff_ids: Vec<Digest>) -> Result<Vec<Digest>, ManifestError> {
        chain::ids(&diff_ids)
    }

    fn parse_layout(bytes: Vec<u8>) -> Result<String, ManifestError> {
        archive::parse_layout(&bytes)
    }
}
