use cap_std::ambient_authority;
use cap_std::fs::Dir;

use super::*;
use crate::digest::{Algorithm, Digest};
use crate::platform::default_platform;
use crate::sandbox::Limits;
use crate::store::{Batch, ImageRecord, IndexRecord, ManifestRecord, NameRecord, Records, Target};
use crate::types::local_images::LocalImage;
use crate::types::short_names::Mode;

struct Place {
    _directory: tempfile::TempDir,
    store: Arc<Store>,
    sandbox: Sandbox,
}

/// An index around one manifest for each name. The bytes are none of an image: nothing is read of them.
fn place(names: &[&str]) -> Place {
    let directory = tempfile::tempdir().unwrap();
    let root = Dir::open_ambient_dir(directory.path(), ambient_authority()).unwrap();
    let store = Arc::new(Store::open(root, Default::default()).unwrap());
    let sandbox = Sandbox::new(Limits::default()).unwrap();
    for name in names {
        let batch = store.batch().unwrap();
        let put = |kind: &str| put(&batch, kind, name);
        let (config, manifest, index) = (put("config"), put("manifest"), put("index"));
        let mut records = Records::default();
        records.indexes.push(IndexRecord { target: index.clone(), entries: vec![manifest.clone()] });
        records.manifests.push(ManifestRecord {
            target: manifest,
            config: config.clone(),
            layers: Vec::new(),
            complete: true,
        });
        records.images.push(ImageRecord {
            config,
            platform: default_platform().clone(),
            created: None,
            diff_ids: Vec::new(),
            chain_ids: Vec::new(),
        });
        let name = sandbox.normalized_tag(name).unwrap().unwrap();
        records.names.push(NameRecord { name, target: index, replace: true });
        batch.finish(&records).unwrap();
    }
    Place { _directory: directory, store, sandbox }
}

fn put(batch: &Batch, kind: &str, name: &str) -> Target {
    let bytes = format!("{kind} of {name}");
    let digest = batch.put(bytes.as_bytes(), Algorithm::Sha256).unwrap();
    Target { media_type: kind.into(), digest, size: bytes.len() as u64 }
}

fn digest(kind: &str, name: &str) -> String {
    Digest::of(format!("{kind} of {name}").as_bytes()).to_string()
}

impl Place {
    fn find(&self, lookup: Lookup, text: &str) -> Result<Found, LookupError> {
        let configuration = Configuration {
            aliases: vec![("other".into(), "a.io/ns/app".into())],
            search_registries: vec!["b.io".into()],
            mode: Mode::Enforcing,
        };
        let host = default_platform().clone();
        find(&self.sandbox, &self.store, text, &Options { lookup, configuration, platform: None, host })
    }

    fn name(&self, lookup: Lookup, text: &str) -> Option<String> {
        self.find(lookup, text).ok()?.name.as_ref().map(resolve::name)
    }
}

#[test]
fn every_order_says_which_name_was_meant() {
    let place = place(&["a.io/ns/app:latest", "localhost/base:1", "docker.io/library/base:1"]);
    for (lookup, text, wanted) in [
        (Lookup::Docker, "base:1", Some("docker.io/library/base:1")),
        (Lookup::Podman, "base:1", Some("localhost/base:1")),
        (Lookup::PodmanOne, "base:1", Some("docker.io/library/base:1")),
        (Lookup::Docker, "app", None),
        (Lookup::Podman, "app", Some("a.io/ns/app:latest")),
        (Lookup::PodmanOne, "pp", Some("a.io/ns/app:latest")),
        (Lookup::Podman, "pp", None),
        (Lookup::Podman, "other", Some("a.io/ns/app:latest")),
        (Lookup::PodmanOne, "other", None),
    ] {
        assert_eq!(place.name(lookup, text).as_deref(), wanted, "{lookup:?} {text}");
    }
}

#[test]
fn a_digest_is_one_of_the_repository_whether_index_or_manifest() {
    let name = "a.io/ns/app:latest";
    let place = place(&[name, "b.io/ns/app:latest"]);
    let index = format!("a.io/ns/app@{}", digest("index", name));
    assert_eq!(place.name(Lookup::Podman, &index).as_ref(), Some(&index));
    // The index has the name; of what is in it only the digest can be resolved.
    let manifest = digest("manifest", name);
    for lookup in [Lookup::Podman, Lookup::PodmanOne] {
        let found = place.find(lookup, &format!("a.io/ns/app:other@{manifest}")).unwrap();
        assert_eq!((found.subject, found.name), (Subject::Text(manifest.clone()), None), "{lookup:?}");
        let other = place.find(lookup, &format!("b.io/ns/app@{manifest}"));
        assert!(other.unwrap_err().is_no(), "{lookup:?}");
    }
    let short = place.find(Lookup::Podman, &format!("app@{manifest}")).unwrap();
    assert_eq!(short.subject, Subject::Text(manifest));
}

#[test]
fn an_id_or_its_beginning_is_one_image() {
    let name = "a.io/ns/app:latest";
    let place = place(&[name]);
    let id = digest("config", name);
    let hex = id.strip_prefix("sha256:").unwrap();
    for lookup in [Lookup::Podman, Lookup::PodmanOne] {
        for text in [hex, &hex[..12], &hex[..1], &id] {
            let found = place.find(lookup, text).unwrap();
            assert_eq!((found.subject, found.name), (Subject::Text(id.clone()), None), "{lookup:?} {text}");
        }
    }
}

#[test]
fn what_could_be_several_is_neither_yes_nor_no() {
    let place = place(&["a.io/ns/app:latest", "b.io/other/app:latest"]);
    let error = place.find(Lookup::PodmanOne, "app").unwrap_err();
    assert!(!error.is_no());
    let LookupError::Refused(FindError::Ambiguous(names), tried) = error else { panic!("{error:?}") };
    assert_eq!(names, ["a.io/ns/app:latest", "b.io/other/app:latest"]);
    assert!(matches!(tried.last(), Some((Attempt::Suffix(_), Attempted::Several))));
}

#[test]
fn the_images_that_can_matter_are_as_good_as_all() {
    let names = [
        "a.io/ns/app:latest",
        "b.io/app:latest",
        "b.io/app:1",
        "localhost/app:2",
        "docker.io/library/app:3",
        "docker.io/ns/app:4",
        "a.io/xapp:latest",
        "localhost:5000/reg:latest",
        "a.io/none:none",
    ];
    let place = place(&names);
    let image = |name: &&str| LocalImage {
        id: digest("config", name)["sha256:".len()..].to_owned(),
        names: vec![(*name).to_owned()],
        digests: vec![digest("manifest", name), digest("index", name)],
        platform: String::new(),
        fits: true,
    };
    let all: Vec<LocalImage> = names.iter().map(image).collect();
    let mut inputs: Vec<String> = [
        "app",
        "ns/app",
        "b.io/app",
        "a.io/ns/app",
        "docker.io/app",
        "library/app",
        "p",
        "reg",
        "none",
        "",
        "x y",
    ]
    .iter()
    .flat_map(|name| ["", ":1", ":2", ":3", ":4", ":latest", ":none"].map(|tag| format!("{name}{tag}")))
    .collect();
    for name in names {
        let repository = name.rsplit_once(':').unwrap().0;
        for digest in [digest("manifest", name), digest("index", name), digest("config", name)] {
            let hex = digest.strip_prefix("sha256:").unwrap();
            for text in [&digest, hex, &hex[..12], &hex[..2], &hex[..1]] {
                inputs.extend([text.to_owned(), format!("@{text}"), format!("{repository}@{text}")]);
                inputs.extend([format!("{name}@{text}"), format!("app@{text}"), format!("sha256:{text}")]);
            }
        }
    }
    let configuration = Configuration {
        aliases: vec![("other".into(), "a.io/ns/app".into())],
        search_registries: vec!["b.io".into()],
        mode: Mode::Enforcing,
    };
    for (lookup, order) in [(Lookup::Podman, Order::Podman), (Lookup::PodmanOne, Order::PodmanOne)] {
        let criteria = Criteria { order, configuration: configuration.clone(), platform_asked: false };
        for text in &inputs {
            let wanted = place.sandbox.find_image(text, &all, &criteria).unwrap().found;
            match (wanted, place.find(lookup, text)) {
                (Ok(wanted), Ok(found)) => {
                    let id = format!("sha256:{}", all[wanted.position as usize].id);
                    let subject = match (&wanted.name, &found.name) {
                        (Some(name), Some(_)) => resolve::name(name),
                        // A manifest of the image.
                        (Some(name), None) => name.digest.clone().unwrap(),
                        (None, _) => id,
                    };
                    assert_eq!(found.subject, Subject::Text(subject), "{lookup:?} {text}");
                }
                (Err(wanted), Err(LookupError::Refused(found, _))) => {
                    let sorted = |error| match error {
                        FindError::Ambiguous(mut several) => {
                            several.sort();
                            FindError::Ambiguous(several)
                        }
                        error => error,
                    };
                    assert_eq!(sorted(found), sorted(wanted), "{lookup:?} {text}");
                }
                (wanted, found) => panic!("{lookup:?} {text}: {wanted:?}, {found:?}"),
            }
        }
    }
}
