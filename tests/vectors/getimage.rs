//! Docker's GetImage over a state of images, references, leases and blobs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};

use super::api::resolution::{
    Answers, Descriptor, ImageName, Matched, Options, Platform, ResolveError, Rules, Subject, resolve,
};
use crate::harness;

const CONFIG: &str = "application/vnd.docker.container.image.v1+json";

/// What Docker's daemon had in the state file.
#[derive(Default)]
struct Moby {
    /// By `domain/path:tag` or `domain/path@digest`.
    references: BTreeMap<String, String>,
    images: BTreeSet<String>,
    blobs: BTreeMap<String, Vec<u8>>,
    /// By image ID, in the lease's order.
    leased: BTreeMap<String, Vec<String>>,
}

fn descriptor(media_type: &str, digest: &str) -> Descriptor {
    Descriptor {
        media_type: media_type.into(),
        digest: digest.into(),
        size: 0,
        platform: None,
        annotations: Vec::new(),
        artifact_type: None,
    }
}

impl Moby {
    fn load() -> Option<Moby> {
        let text = std::fs::read_to_string(harness::folder().join("moby_getimage_state.json")).ok()?;
        let state: Value = serde_json::from_str(&text).unwrap();
        let mut moby = Moby::default();
        for image in state["images"].as_array().unwrap() {
            let id = image["id"].as_str().unwrap().to_owned();
            moby.blobs.insert(id.clone(), image["config"].as_str().unwrap().into());
            moby.images.insert(id);
        }
        for reference in state["references"].as_array().unwrap() {
            let familiar = reference["ref"].as_str().unwrap();
            let (first, rest) = familiar.split_once('/').unwrap_or(("", familiar));
            let named = if first.contains(['.', ':']) || first == "localhost" {
                familiar.to_owned()
            } else if first.is_empty() {
                format!("docker.io/library/{rest}")
            } else {
                format!("docker.io/{familiar}")
            };
            moby.references.insert(named, reference["id"].as_str().unwrap().into());
        }
        for (digest, blob) in state["blobs"].as_object().unwrap() {
            moby.blobs.insert(digest.clone(), blob.as_str().unwrap().into());
        }
        for lease in state["leases"].as_array().unwrap() {
            let held = moby.leased.entry(lease["image_id"].as_str().unwrap().into()).or_default();
            for resource in lease["resources"].as_array().unwrap() {
                if resource["type"] == "content" {
                    held.push(resource["id"].as_str().unwrap().into());
                }
            }
        }
        Some(moby)
    }
}

struct Shared(Arc<Moby>);

impl Answers for Shared {
    fn find(&self, name: &ImageName) -> Option<Descriptor> {
        let mut key = format!("{}/{}", name.domain, name.path);
        match (&name.digest, &name.tag) {
            (Some(digest), _) => key.extend(["@", digest]),
            (None, Some(tag)) => key.extend([":", tag]),
            (None, None) => {}
        }
        self.0.references.get(&key).map(|id| descriptor(CONFIG, id))
    }

    fn search(&self, prefix: &str) -> Vec<Descriptor> {
        let matches = |id: &&String| id.starts_with(prefix) || id["sha256:".len()..].starts_with(prefix);
        self.0.images.iter().filter(matches).map(|id| descriptor(CONFIG, id)).collect()
    }

    fn read(&self, target: &Descriptor) -> Option<Vec<u8>> {
        if target.media_type == CONFIG && !self.0.images.contains(&target.digest) {
            return None;
        }
        self.0.blobs.get(&target.digest).cloned()
    }

    fn indexes(&self, config: &str) -> Vec<Descriptor> {
        let held = self.0.leased.get(config).map(Vec::as_slice).unwrap_or_default();
        held.iter().map(|digest| descriptor("", digest)).collect()
    }

    fn manifests(&self, _: &str) -> Vec<Descriptor> {
        Vec::new()
    }
}

fn platform(value: &Value) -> Platform {
    let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let optional = |key: &str| Some(text(key)).filter(|text| !text.is_empty());
    Platform {
        os: text("os"),
        architecture: text("architecture"),
        variant: optional("variant"),
        os_version: optional("os.version"),
        os_features: value["os.features"]
            .as_array()
            .map(|features| features.iter().map(|feature| feature.as_str().unwrap().to_owned()).collect())
            .unwrap_or_default(),
    }
}

#[test]
fn moby_getimage() {
    let Some(moby) = Moby::load() else { return };
    let moby = Arc::new(moby);
    harness::run(
        "moby_getimage.jsonl",
        |case| format!("{} for {}", case["input"], case["platform"]),
        |case| {
            let options = Options {
                platform: case.get("platform").map(platform),
                host: platform(&json!({"os": "linux", "architecture": "amd64"})),
                rules: Rules::Docker,
            };
            let subject = Subject::Text(case["input"].as_str().unwrap().into());
            match resolve(Shared(Arc::clone(&moby)), subject, options) {
                Ok(resolved) => {
                    harness::same("ok", &case["ok"], &json!(true))?;
                    harness::same("id", &case["id"], &json!(resolved.config.digest))?;
                    if let Matched::Prefix(id) | Matched::Digest(id) = resolved.matched {
                        harness::same("matched id", &case["id"], &json!(id))?;
                    }
                    Ok(())
                }
                Err(error) => {
                    harness::same("ok", &case["ok"], &json!(false))?;
                    let class = match error {
                        ResolveError::Name(_) => "invalid_argument",
                        _ => "not_found",
                    };
                    harness::same("class", &case["class"], &json!(class))?;
                    let missing = matches!(error, ResolveError::NotFound(_) | ResolveError::Ambiguous(_));
                    harness::same(
                        "is_ErrImageDoesNotExist",
                        &case["is_ErrImageDoesNotExist"],
                        &json!(missing),
                    )?;
                    if let ResolveError::Platform(mismatch) = error {
                        let image = mismatch.image.map(|(id, _)| id);
                        harness::same("image", &case["image_returned_with_error"], &json!(image))?;
                    }
                    Ok(())
                }
            }
        },
    );
}
