//! The JSON documents that several commands share, with the field names of the OCI specification.

use serde_json::{Map, Value, json};

use consign::types::{Descriptor, Platform};

/// A platform as image-spec's image-index.md writes it; absent members are left out.
pub fn platform(platform: &Platform) -> Value {
    let mut document = Map::new();
    document.insert("architecture".into(), json!(platform.architecture));
    document.insert("os".into(), json!(platform.os));
    if let Some(version) = &platform.os_version {
        document.insert("os.version".into(), json!(version));
    }
    if !platform.os_features.is_empty() {
        document.insert("os.features".into(), json!(platform.os_features));
    }
    if let Some(variant) = &platform.variant {
        document.insert("variant".into(), json!(variant));
    }
    Value::Object(document)
}

/// A descriptor as image-spec's descriptor.md writes it; absent members are left out.
pub fn descriptor(descriptor: &Descriptor) -> Value {
    let mut document = Map::new();
    document.insert("mediaType".into(), json!(descriptor.media_type));
    document.insert("digest".into(), json!(descriptor.digest));
    document.insert("size".into(), json!(descriptor.size));
    if let Some(stated) = &descriptor.platform {
        document.insert("platform".into(), platform(stated));
    }
    if !descriptor.annotations.is_empty() {
        let annotations = descriptor.annotations.iter().map(|(key, value)| (key.clone(), json!(value)));
        document.insert("annotations".into(), Value::Object(annotations.collect()));
    }
    if let Some(artifact_type) = &descriptor.artifact_type {
        document.insert("artifactType".into(), json!(artifact_type));
    }
    Value::Object(document)
}
