#![no_main]

use std::fs::File;
use std::io::Write;

use consign_guest::{archive, legacy};
use libfuzzer_sys::fuzz_target;
use rustix::fs::{MemfdFlags, memfd_create};

// The host's readers of tar headers and compressed streams, which need nothing else of the host.
#[allow(dead_code)]
#[path = "../../../host/src/layer"]
mod layer {
    pub mod compression;
    pub mod entry;
    pub mod tar;
}
#[allow(dead_code)]
#[path = "../../../host/src/transport"]
mod transport {
    pub mod tar_index;
}

use layer::compression;
use transport::tar_index;

/// That entries have the content they announce.
#[derive(Default)]
struct Seen {
    left: u64,
}

impl layer::tar::Visitor for Seen {
    type Error = tar_index::TarError;

    fn entry(&mut self, entry: &layer::entry::Entry, _: u64) -> Result<(), Self::Error> {
        self.left = entry.stored_size();
        assert!(entry.mode <= 0o7777 && self.left <= entry.size);
        Ok(())
    }

    fn content(&mut self, bytes: &[u8]) -> Result<(), Self::Error> {
        self.left -= bytes.len() as u64;
        Ok(())
    }

    fn end(&mut self) -> Result<(), Self::Error> {
        assert_eq!(self.left, 0);
        Ok(())
    }
}

fuzz_target!(|bytes: &[u8]| {
    let _ = archive::parse_manifest_json(bytes);
    let _ = archive::parse_repositories(bytes);
    let _ = archive::parse_layout(bytes);
    let _ = legacy::parse(bytes);
    let _ = legacy::config(&[bytes.to_vec(), bytes.to_vec()], &[format!("sha256:{:064}", 0), format!("sha256:{:064}", 1)]);
    let _ = legacy::layers(bytes, &[format!("sha256:{:064}", 0), format!("sha256:{:064}", 1)]);

    let mut decoder = layer::tar::Decoder::new();
    let mut seen = Seen::default();
    if bytes.chunks(700).try_for_each(|piece| decoder.feed(piece, &mut seen)).is_ok() {
        let _ = decoder.finish();
    }

    if let Ok(found) = compression::Compression::detect(bytes) {
        const LIMIT: u64 = 1 << 20;
        if let Ok(mut decoder) = compression::Decoder::new(bytes, found, LIMIT) {
            let mut buffer = vec![0; 1 << 16];
            let mut produced = 0;
            while let Ok(read @ 1..) = decoder.decode(&mut buffer) {
                produced += read as u64;
                assert!(produced <= LIMIT);
            }
        }
    }

    let Ok(file) = memfd_create("archive", MemfdFlags::CLOEXEC) else { return };
    let mut file = File::from(file);
    if file.write_all(bytes).is_err() {
        return;
    }
    let limits = tar_index::Limits { entries: 1000, names: 1 << 20, name: 1 << 16 };
    if let Ok(index) = tar_index::TarIndex::read(&file, bytes.len() as u64, &["manifest.json"], limits) {
        for path in ["manifest.json", "index.json", "a", "layer.tar"] {
            let _ = index.find(path);
        }
    }
});
