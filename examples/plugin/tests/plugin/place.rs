//! A component file in a directory of its own, and versions of it.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use embed::references::{Reading, Reference};
use embed::types::Rules;
use embed::{Fault, Images, Limits};
use plugin::{Answer, Plugin};

use crate::components::component;

pub const LIMITS: Limits = Limits { memory: 8 << 20, fuel: 100_000_000 };

/// The component as the command writes it.
pub fn original() -> &'static [u8] {
    static ORIGINAL: OnceLock<Vec<u8>> = OnceLock::new();
    ORIGINAL.get_or_init(|| component("resolver"))
}

/// A version that answers otherwise: what `original` calls `latest` is `newest`.
pub fn newest() -> Vec<u8> {
    replaced(original(), b"latest", b"newest")
}

/// Every `from` in the file is `to`, which is as long.
pub fn replaced(file: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut file = file.to_vec();
    let at: Vec<usize> = (0..file.len() - from.len()).filter(|&at| file[at..].starts_with(from)).collect();
    assert!(!at.is_empty());
    for at in at {
        file[at..at + to.len()].copy_from_slice(to);
    }
    file
}

/// A directory with a component file in it, removed at the end.
pub struct Place(PathBuf);

impl Place {
    pub fn new(test: &str, component: &[u8]) -> Self {
        let folder =
            PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let place = Place(folder);
        place.publish(component);
        place
    }

    pub fn file(&self) -> PathBuf {
        self.0.join("component.wasm")
    }

    /// Puts a version in place: whole, or not at all.
    pub fn publish(&self, component: &[u8]) {
        let new = self.0.join("new");
        fs::write(&new, component).unwrap();
        fs::rename(new, self.file()).unwrap();
    }

    pub fn open(&self) -> Plugin {
        Plugin::open(self.file(), LIMITS).unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The tag that `example.com/name` is given.
pub fn tag(plugin: &Plugin) -> Answer<Result<Option<String>, Fault>> {
    plugin.call(Images::default(), |resolver, store| {
        let references = resolver.consign_image_references();
        let parsed = references.call_parse(store, "example.com/name", Reading::Docker, Rules::Docker)?;
        Ok(match parsed {
            Ok(Reference::Named(name)) => name.tag,
            other => panic!("{other:?}"),
        })
    })
}

/// The plug-in answers as `original` does.
#[track_caller]
pub fn works(plugin: &Plugin) {
    assert_eq!(tag(plugin).value.unwrap().as_deref(), Some("latest"));
}
