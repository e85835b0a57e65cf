//! The component under its limits, with content that lies, and what it imports.
#![allow(clippy::unwrap_used)]

#[path = "sandbox/content.rs"]
mod content;
#[cfg(feature = "jit")]
#[path = "sandbox/given.rs"]
mod given;
#[path = "sandbox/imports.rs"]
mod imports;
#[path = "sandbox/limits.rs"]
mod limits;
#[path = "sandbox/package.rs"]
mod package;

use consign::content::{Content, ContentError};
use consign::sandbox::Sandbox;
use consign::types::references::Reading;
use consign::types::{Descriptor, ImageName, Platform, Rules};

/// The sandbox answers, whatever came before.
#[track_caller]
fn works(sandbox: &Sandbox) {
    let parsed = sandbox.parse_reference("debian:12", Reading::Normalized, Rules::Docker).unwrap();
    assert!(parsed.is_ok(), "{parsed:?}");
}

fn platform(architecture: &str) -> Platform {
    Platform {
        os: "linux".into(),
        architecture: architecture.into(),
        variant: None,
        os_version: None,
        os_features: Vec::new(),
    }
}

/// Content that does this where it is asked for a name, and has nothing.
struct OnFind<F>(F);

impl<F: Fn() -> Result<Option<Descriptor>, ContentError> + Send + Sync> Content for OnFind<F> {
    fn find(&self, _: &ImageName) -> Result<Option<Descriptor>, ContentError> {
        (self.0)()
    }

    fn search(&self, _: &str) -> Result<Vec<Descriptor>, ContentError> {
        Ok(Vec::new())
    }

    fn read(&self, _: &Descriptor) -> Result<Option<Vec<u8>>, ContentError> {
        Ok(None)
    }

    fn indexes(&self, _: &str) -> Result<Vec<Descriptor>, ContentError> {
        Ok(Vec::new())
    }

    fn manifests(&self, _: &str) -> Result<Vec<Descriptor>, ContentError> {
        Ok(Vec::new())
    }
}
