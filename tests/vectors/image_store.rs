//! Traces on moby's image store, held against images over the store. Configs go through the component.

use std::collections::BTreeSet;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use consign::digest::Digest;
use consign::image::{self, ImageError};
use consign::store::{Options, Store, StoreError, StoredLayer};
use consign::types::Platform;
use serde_json::{Value, json};

use crate::component::api::sandbox;
use crate::harness;

/// The traces were made on linux/amd64.
fn host() -> Platform {
    Platform {
        os: "linux".into(),
        architecture: "amd64".into(),
        variant: None,
        os_version: None,
        os_features: Vec::new(),
    }
}

#[test]
fn image_store() {
    harness::run("image_store.jsonl", |case| case["name"].as_str().unwrap().to_owned(), trace);
}

struct Run {
    directory: tempfile::TempDir,
    store: Store,
    missing: BTreeSet<String>,
    /// Configs seen, whose layers the layer store of the trace has.
    configs: Vec<String>,
}

fn open(directory: &tempfile::TempDir) -> Store {
    let root = Dir::open_ambient_dir(directory.path(), ambient_authority()).unwrap();
    Store::open(root, Options::default()).unwrap()
}

fn trace(case: &Value) -> Result<(), String> {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory);
    let missing = case["layers_missing_from_layer_store"].as_array().unwrap();
    let missing = missing.iter().map(|chain| chain.as_str().unwrap().to_owned()).collect();
    let mut run = Run { directory, store, missing, configs: Vec::new() };
    for (number, step) in case["trace"].as_array().unwrap().iter().enumerate() {
        let found = run.step(step);
        let mut wanted = step["result"].clone();
        // Messages differ; the class is what counts.
        if let Some(error) = wanted.as_object_mut() {
            error.remove("error");
        }
        // Where the peer panicked, an error is what is wanted.
        if wanted.get("panic").is_some() && found.get("class").is_some() {
            continue;
        }
        harness::same(&format!("step {number} ({})", step["op"]), &wanted, &found)?;
    }
    Ok(())
}

fn class(class: &str) -> Value {
    json!({ "class": class })
}

fn done(result: Result<(), Value>) -> Value {
    result.map_or_else(|error| error, |()| json!("ok"))
}

fn ids(digests: impl IntoIterator<Item = Digest>) -> Value {
    digests.into_iter().map(|digest| digest.to_string()).collect()
}

impl Run {
    fn step(&mut self, step: &Value) -> Value {
        let text = |key: &str| step[key].as_str().unwrap_or_default();
        let (arg, id) = (text("arg"), text("id").parse::<Digest>());
        let images = self.store.images();
        match step["op"].as_str().unwrap() {
            "create" => {
                self.configs.push(arg.into());
                self.provide_layers();
                match image::create(&self.store, sandbox(), arg.as_bytes(), &host()) {
                    Ok(id) => json!({ "id": id.to_string() }),
                    Err(ImageError::Config { .. }) => class("other"),
                    Err(_) => class("invalid_argument"),
                }
            }
            "raw_set" if arg.is_empty() => class("other"),
            "raw_set" => {
                self.configs.push(arg.into());
                json!({ "digest": self.store.put(arg.as_bytes()).unwrap().to_string() })
            }
            "corrupt" => {
                let digest = id.unwrap();
                std::fs::write(self.directory.path().join("blobs/sha256").join(digest.hex()), arg).unwrap();
                json!("ok")
            }
            "reopen" => {
                self.provide_layers();
                self.store = open(&self.directory);
                image::restore(&self.store, sandbox(), &host()).unwrap();
                json!("ok")
            }
            "search" => match images.search(arg) {
                Ok(Some(id)) => json!({ "id": id.to_string() }),
                Ok(None) => class("not_found"),
                Err(StoreError::Ambiguous { .. }) => class("ambiguous"),
                Err(error) => panic!("{error}"),
            },
            "get" => match id.map(|id| image::get(&self.store, sandbox(), &id)) {
                Ok(Ok(Some(image))) => shown(&image),
                Ok(Err(ImageError::Config { .. })) => class("invalid_argument"),
                _ => class("not_found"),
            },
            "delete" => match id.map(|id| images.delete(&id)) {
                Ok(Ok(true)) => json!("ok"),
                _ => class("not_found"),
            },
            "set_parent" => {
                let Ok(parent) = arg.parse::<Digest>() else { return class("not_found") };
                done(match id.map(|id| images.set_parent(&id, &parent)) {
                    Ok(Ok(())) => Ok(()),
                    Ok(Err(StoreError::UnknownImage { .. })) => Err(class("not_found")),
                    _ => Err(class("other")),
                })
            }
            "get_parent" => match id.ok().and_then(|id| images.parent(&id).unwrap()) {
                Some(parent) => json!({ "id": parent.to_string() }),
                None => class("not_found"),
            },
            "children" => ids(id.map_or_else(|_| Vec::new(), |id| images.children(&id).unwrap())),
            "map" => ids(image::map(&self.store, sandbox()).unwrap().into_iter().map(|image| image.id)),
            "heads" => ids(image::heads(&self.store, sandbox()).unwrap().into_iter().map(|image| image.id)),
            "len" => json!(images.len().unwrap()),
            "set_built_locally" => done(
                id.map_err(|_| class("other"))
                    .and_then(|id| images.set_built_locally(&id).map_err(|_| class("other"))),
            ),
            "set_last_updated" => done(
                id.map_err(|_| class("other"))
                    .and_then(|id| images.set_last_updated(&id).map_err(|_| class("other"))),
            ),
            "is_built_locally" => match id.map(|id| images.is_built_locally(&id)) {
                Ok(Ok(built)) => json!(built),
                Ok(Err(_)) => class("other"),
                Err(_) => json!(false),
            },
            "last_updated_is_zero" => {
                json!(id.map_or(true, |id| images.metadata(&id).unwrap().last_updated.is_none()))
            }
            other => panic!("an operation of its own: {other}"),
        }
    }

    /// The layer store of the traces has every layer but some, always.
    fn provide_layers(&self) {
        for config in &self.configs {
            let Ok(Ok(config)) = sandbox().parse_image_config(config.as_bytes()) else { continue };
            let chain = sandbox().chain_ids(&config.diff_ids).unwrap().unwrap();
            let mut parent = None;
            for (chain_id, diff_id) in chain.iter().zip(&config.diff_ids) {
                let chain_id: Digest = chain_id.parse().unwrap();
                if !self.missing.contains(&chain_id.to_string()) {
                    let (chain_id, diff_id) = (chain_id.clone(), diff_id.parse().unwrap());
                    self.store.layers().add(&StoredLayer { chain_id, parent, diff_id }).unwrap();
                }
                parent = Some(chain_id);
            }
        }
    }
}

fn shown(image: &image::Image) -> Value {
    let platform = &image.config.platform;
    let text = |digest: &Option<Digest>| digest.as_ref().map(Digest::to_string).unwrap_or_default();
    json!({
        "architecture": platform.architecture,
        "base_img_arch": image.architecture(&host()),
        "chain_id": text(&image.chain_id),
        "comment": image.config.comment.clone().unwrap_or_default(),
        "id": image.id.to_string(),
        "operating_system": image.operating_system(&host()),
        "os": platform.os,
        "parent": text(&image.parent),
        "variant": platform.variant.clone().unwrap_or_default(),
    })
}
