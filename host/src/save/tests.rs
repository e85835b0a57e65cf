//! Images as no load leaves them.

use std::io::{Read as _, Seek as _, Write as _};

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use tempfile::TempDir;

use super::*;
use crate::digest::Algorithm;
use crate::platform::maximum_platform;
use crate::sandbox::Limits;
use crate::store::{self, ImageRecord, LayerRecord, ManifestRecord, Records, Store, Target};
use crate::transport::archive::{self, Archive};
use crate::transport::open_archive;
use crate::types::Rules;

const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

struct Place {
    store: Store,
    sandbox: Sandbox,
    _directory: TempDir,
}

impl Place {
    fn new() -> Place {
        let directory = tempfile::tempdir().unwrap();
        let root = Dir::open_ambient_dir(directory.path(), ambient_authority()).unwrap();
        let store = Store::open(root, store::Options::default()).unwrap();
        Place { store, sandbox: Sandbox::new(Limits::default()).unwrap(), _directory: directory }
    }

    /// An image of one layer that is stored compressed, with or without a manifest, and with or without the
    /// catalogue knowing what the layer is.
    fn image(&self, with_manifest: bool, with_layer: bool) -> (Target, Digest) {
        let mut plain = Vec::new();
        let mut tar = tar::TarWriter::new(&mut plain);
        tar.bytes("file", 0o644, &vec![7; 3 << 20]).unwrap();
        tar.finish().unwrap();
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&plain).unwrap();
        let compressed = encoder.finish().unwrap();
        let diff_id = Digest::of(&plain);
        let config = format!(
            r#"{{"architecture":"amd64","os":"linux","rootfs":{{"type":"layers","diff_ids":["{diff_id}"]}}}}"#
        );
        let batch = self.store.batch().unwrap();
        let put = |media_type: &str, bytes: &[u8]| Target {
            media_type: media_type.into(),
            digest: batch.put(bytes, Algorithm::Sha256).unwrap(),
            size: bytes.len() as u64,
        };
        let (config, layer) = (put(CONFIG, config.as_bytes()), put(LAYER, &compressed));
        let mut records = Records::default();
        let parsed = self.sandbox.parse_image_config(&self.store_read(&batch, &config)).unwrap().unwrap();
        records.images.push(ImageRecord {
            config: config.clone(),
            platform: parsed.platform,
            created: None,
            diff_ids: vec![diff_id.clone()],
            chain_ids: vec![diff_id.clone()],
        });
        let mut target = config.clone();
        if with_manifest {
            let made = self.sandbox.docker_manifest(&Descriptor::from(&config), &[Descriptor::from(&layer)]);
            target = put("application/vnd.docker.distribution.manifest.v2+json", &made.unwrap());
            records.manifests.push(ManifestRecord {
                target: target.clone(),
                config,
                layers: vec![layer.clone()],
                complete: true,
            });
        }
        if with_layer {
            let unpacked_size = plain.len() as u64;
            records.layers.push(LayerRecord { diff_id: diff_id.clone(), blob: layer, unpacked_size });
        }
        batch.finish(&records).unwrap();
        (target, diff_id)
    }

    fn store_read(&self, batch: &store::Batch, target: &Target) -> Vec<u8> {
        batch.read(&target.digest, target.size).unwrap().unwrap()
    }

    fn save(&self, target: &Target, oci: bool) -> Result<(Saved, Vec<u8>), SaveError> {
        let wanted = Wanted { target: Descriptor::from(target), names: Vec::new() };
        let host = maximum_platform().clone();
        let options = Options::new(resolution::Options { platform: None, host, rules: Rules::Docker });
        let mut out = Vec::new();
        let destination =
            if oci { Destination::OciArchive(&mut out) } else { Destination::DockerArchive(&mut out) };
        let saved =
            save(&self.store, &self.sandbox, std::slice::from_ref(&wanted), &options, destination, &());
        if !oci {
            let mut file = tempfile::tempfile().unwrap();
            let destination = Destination::DockerArchiveFile(&file);
            let same = save(&self.store, &self.sandbox, &[wanted], &options, destination, &());
            assert_eq!(same.is_ok(), saved.is_ok());
            let mut bytes = Vec::new();
            file.rewind().unwrap();
            file.read_to_end(&mut bytes).unwrap();
            assert!(same.is_err() || bytes == out);
        }
        Ok((saved?, out))
    }

    /// The IDs of the images in an archive, loaded and so verified.
    fn load(&self, bytes: &[u8]) -> Vec<Digest> {
        let other = Place::new();
        let file = tempfile::tempfile().unwrap();
        (&file).write_all(bytes).unwrap();
        let archive = Archive::open(file, None, archive::Options::default()).unwrap();
        let source = open_archive(archive, &self.sandbox).unwrap();
        crate::load::load(&other.store, &*source, &self.sandbox, &Default::default(), &()).unwrap();
        other.store.images().ids().unwrap()
    }
}

#[test]
fn an_image_without_a_manifest_is_given_one() {
    let place = Place::new();
    let (config, _) = place.image(false, true);
    for oci in [true, false] {
        let (saved, archive) = place.save(&config, oci).unwrap();
        assert_eq!(saved.roots[0].images[0].id, config.digest);
        assert_eq!(saved.roots[0].stored.digest, config.digest.to_string());
        assert_eq!(place.load(&archive), std::slice::from_ref(&config.digest));
    }
}

#[test]
fn a_layer_nobody_has_seen_unpacked_is_measured_first() {
    let place = Place::new();
    let (manifest, _) = place.image(true, false);
    for oci in [true, false] {
        let (saved, archive) = place.save(&manifest, oci).unwrap();
        assert_eq!(place.load(&archive), [saved.roots[0].images[0].id.clone()]);
    }
}

#[test]
fn an_image_whose_layer_is_nowhere_is_incomplete() {
    let place = Place::new();
    let (config, diff_id) = place.image(false, false);
    for oci in [true, false] {
        match place.save(&config, oci).unwrap_err() {
            SaveError::Incomplete { wanted, absent } => {
                assert_eq!((wanted, absent), (config.digest.clone(), vec![diff_id.clone()]));
            }
            other => panic!("{other}"),
        }
    }
}
