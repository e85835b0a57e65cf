#![no_main]

use std::io::{Read, Write};
use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;

// What reads in layers by the help of files that are kept, which needs nothing else of the host.
#[allow(dead_code)]
#[path = "../../../host/src/digest.rs"]
mod digest;
#[allow(dead_code, unused_imports)]
#[path = "../../../host/src/layer"]
mod layer {
    pub mod checkpoints;
    pub mod compression;
    pub mod entry;
    pub mod index;
    pub mod path;
    pub mod read_at;
    pub mod seek;
    pub mod tar;
    pub mod whiteout;
}
#[allow(dead_code)]
#[path = "../../../host/src/transport"]
mod transport {
    pub mod tar_index;
}

use digest::Digest;
use layer::checkpoints::Checkpoints;
use layer::index::Index;
use layer::seek::Seekable;

/// What the blob stands for, and the blob.
static LAYER: LazyLock<(Vec<u8>, Vec<u8>)> = LazyLock::new(|| {
    let plain: Vec<u8> = (0..40_000u32).flat_map(|number| (number / 3 * 7).to_string().into_bytes()).collect();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(&plain).expect("writing to memory");
    let blob = encoder.finish().expect("writing to memory");
    (plain, blob)
});

/// An index of these bytes, with checksums that fit. The first four say how much of the rest is the first of two blocks,
/// how many entries each of them has, and where the layer ends.
fn sealed(bytes: &[u8]) -> Vec<u8> {
    let (head, rest) = bytes.split_at(bytes.len().min(4));
    let number = |at: usize| u64::from(head.get(at).copied().unwrap_or(0));
    let (first, second) = rest.split_at(rest.len() * number(0) as usize / 255);
    let blocks = [(first, number(1)), (second, number(2))];
    let (mut out, mut table) = (b"cnsgnix\x02".to_vec(), Vec::new());
    for (block, count) in blocks.iter().filter(|(_, count)| *count > 0) {
        out.extend_from_slice(block);
        table.extend((block.len() as u32).to_le_bytes());
        table.extend((*count as u32).to_le_bytes());
        table.extend(blake3::hash(block).as_bytes());
        let key = &block[..block.len().min(3)];
        table.push(key.len() as u8);
        table.extend(key);
    }
    for number in [table.len() as u64, number(1) + number(2), number(3) << 12] {
        table.extend(number.to_le_bytes());
    }
    table.push(0);
    table.extend([0; 64 + 7]);
    let checksum = blake3::Hasher::new().update(&out[..8]).update(&table).finalize();
    out.extend(table);
    out.extend(checksum.as_bytes());
    out
}

fuzz_target!(|bytes: &[u8]| {
    let _ = Index::read(Arc::new(bytes.to_vec()));
    if let Ok(index) = Index::read(Arc::new(sealed(bytes))) {
        for record in (0..index.len().min(100)).filter_map(|position| index.get(position).ok()) {
            assert!(record.content + record.stored_size() <= index.size());
            let _ = (record.entry(), record.xattrs().count(), record.sparse(), record.link().len());
            let _ = index.find(&record.path()).is_ok();
            let _ = index.at(record.key()).map(Iterator::count);
            let _ = index.below(record.key()).map(Iterator::count);
        }
        let _ = (index.find(b"").is_ok(), index.below(b"").map(Iterator::count), index.entries().count());
    }

    let (plain, blob) = &*LAYER;
    let digest = Digest::of(blob);
    let _ = Checkpoints::open(Box::new(bytes.to_vec()), &digest);
    // A table of these bytes, over windows of these bytes.
    let places = bytes.len() / 64;
    let mut rest = bytes[..64 * places].to_vec();
    for entry in rest.chunks_exact_mut(64) {
        let window = blake3::hash(bytes.get(..usize::from(entry[24])).unwrap_or_default());
        entry[16..24].copy_from_slice(&8u64.to_le_bytes());
        entry[25..28].fill(0);
        entry[32..].copy_from_slice(window.as_bytes());
    }
    for number in [places, blob.len(), plain.len()] {
        rest.extend((number as u64).to_le_bytes());
    }
    rest.push(0);
    rest.extend(digest.to_bytes());
    rest.resize(64 * places + 96, 0);
    let checksum = *blake3::Hasher::new().update(b"cnsgncp\x01").update(&rest).finalize().as_bytes();
    let file = [b"cnsgncp\x01", bytes, &rest, &checksum].concat();
    if let Ok(checkpoints) = Checkpoints::open(Box::new(file), &digest) {
        let whole = plain.len() as u64;
        let seekable = Seekable::new(Arc::new(blob.clone()), Some(whole), Some(Arc::new(checkpoints)));
        let Ok(seekable) = seekable else { return };
        for offset in (0..whole).step_by(20_011) {
            let mut reader = seekable.reader();
            reader.go_to(offset);
            let mut out = Vec::new();
            let _ = reader.take(whole + 1).read_to_end(&mut out);
            assert!(out.len() as u64 <= whole);
        }
    }
});
