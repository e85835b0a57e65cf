#![no_main]

use consign_guest::resolve::machine::{Machine, World, drive};
use consign_guest::resolve::resolve;
use consign_guest::types::{ContentError, Descriptor, ImageName, Platform, Rules};
use consign_guest::wit::exports::consign::image::resolution::{Options, Subject};
use consign_guest::{chain, config, manifest};
use libfuzzer_sys::fuzz_target;

/// Every question is answered with the same document.
struct Same<'a>(&'a [u8]);

fn descriptor(media_type: &str) -> Descriptor {
    Descriptor {
        media_type: media_type.into(),
        digest: format!("sha256:{:064}", 0),
        size: 0,
        platform: None,
        annotations: Vec::new(),
        artifact_type: None,
    }
}

impl World for Same<'_> {
    fn find(&mut self, _: &ImageName) -> Result<Option<Descriptor>, ContentError> {
        Ok(Some(descriptor("")))
    }

    fn search(&mut self, _: &str) -> Result<Vec<Descriptor>, ContentError> {
        Ok(vec![descriptor("application/vnd.oci.image.config.v1+json")])
    }

    fn read(&mut self, _: &Descriptor) -> Result<Option<Vec<u8>>, ContentError> {
        Ok(Some(self.0.to_vec()))
    }

    fn indexes(&mut self, _: &str) -> Result<Vec<Descriptor>, ContentError> {
        Ok(vec![descriptor("")])
    }

    fn manifests(&mut self, _: &str) -> Result<Vec<Descriptor>, ContentError> {
        Ok(vec![descriptor("")])
    }
}

fuzz_target!(|bytes: &[u8]| {
    for announced in [None, Some("application/vnd.oci.image.index.v1+json")] {
        if let Err(error) = manifest::parse(bytes, announced) {
            assert!(error.offset <= bytes.len() as u64);
        }
    }
    match config::parse(bytes) {
        Ok(config) => {
            assert_eq!(chain::ids(&config.diff_ids).map(|ids| ids.len()), Ok(config.diff_ids.len()));
        }
        Err(error) => assert!(error.offset <= bytes.len() as u64),
    }
    let platform = Platform {
        os: "linux".into(),
        architecture: "arm".into(),
        variant: Some("v7".into()),
        os_version: None,
        os_features: Vec::new(),
    };
    for rules in [Rules::Docker, Rules::Podman] {
        for subject in [Subject::Text("x".into()), Subject::Text("0123".into()), Subject::Target(descriptor(""))] {
            let options = Options { platform: Some(platform.clone()), host: platform.clone(), rules };
            drive(&mut Same(bytes), &mut Machine::start(|ask| resolve(ask, subject, options)));
        }
    }
});
