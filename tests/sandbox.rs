//! The component under its limits, with content that lies, and what it imports.
#![allow(clippy::unwrap_used)]

#[path = "sandbox/content.rs"]
mod content;
#[path = "sandbox/imports.rs"]
mod imports;
#[path = "sandbox/limits.rs"]
mod limits;
#[path = "sandbox/package.rs"]
mod package;

use consign::sandbox::Sandbox;
use consign::types::references::Reading;
use consign::types::{Platform, Rules};

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
