//! What a layer costs on its way in, piece by piece: decoders against each other, digests of files, the index.
//!
//! `cargo bench --bench layers`, with `CONSIGN_LAYER=FILE` for a gzip layer of your own (a blob of an OCI layout). What
//! counts are ratios within one run.
#![allow(clippy::unwrap_used, missing_docs)]

use std::hint::black_box;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::atomic::AtomicBool;

use consign::digest::{Algorithm, Digest};
use consign::layer::checkpoints::SPAN;
use consign::layer::compress::{Format, Method, compress};
use consign::layer::compression::{Compression, Decoder, Expansion};
use consign::layer::index::Scratch;
use consign::layer::make::Making;
use consign::layer::transfer::{Hooks, Transfer, Wanted};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// A layer, compressed by gzip and as it is.
fn layer() -> (Vec<u8>, Vec<u8>) {
    if let Some(path) = std::env::var_os("CONSIGN_LAYER") {
        let blob = std::fs::read(path).unwrap();
        let mut plain = Vec::new();
        Decoder::new(&blob[..], Compression::Gzip, u64::MAX).unwrap().read_to_end(&mut plain).unwrap();
        return (blob, plain);
    }
    // The executable of this bench and the sources beside it, as entries of a tar, a few times over.
    let mut files = vec![std::fs::read(std::env::current_exe().unwrap()).unwrap()];
    sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut files);
    let mut plain = Vec::new();
    while plain.len() < 48 << 20 {
        for content in &files {
            let mut header = [0; 512];
            let name = format!("file-{}", plain.len());
            header[..name.len()].copy_from_slice(name.as_bytes());
            header[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
            header[156] = b'0';
            header[257..265].copy_from_slice(b"ustar\x0000");
            header[148..156].copy_from_slice(b"        ");
            let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
            header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
            plain.extend(header);
            plain.extend(content);
            plain.resize(plain.len().next_multiple_of(512), 0);
        }
    }
    plain.resize(plain.len() + 1024, 0);
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(&plain).unwrap();
    (encoder.finish().unwrap(), plain)
}

fn sources(directory: &Path, files: &mut Vec<Vec<u8>>) {
    let mut entries: Vec<_> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            sources(&path, files);
        } else {
            files.push(std::fs::read(path).unwrap());
        }
    }
}

fn drain(mut reader: impl Read) -> u64 {
    let mut buffer = vec![0; 256 << 10];
    let mut size = 0;
    loop {
        match reader.read(&mut buffer).unwrap() {
            0 => return size,
            read => size += black_box(read) as u64,
        }
    }
}

fn decoders(criterion: &mut Criterion) {
    let (blob, plain) = layer();
    let mut group = criterion.benchmark_group("gunzip");
    group.throughput(Throughput::Bytes(plain.len() as u64)).sample_size(10);
    group.bench_function("consign (zlib-rs)", |bencher| {
        bencher.iter(|| drain(Decoder::new(&blob[..], Compression::Gzip, u64::MAX).unwrap()));
    });
    group.bench_function("consign, noting checkpoints", |bencher| {
        bencher.iter(|| {
            let mut decoder = Decoder::noting(&blob[..], Compression::Gzip, u64::MAX, SPAN).unwrap();
            let mut buffer = vec![0; 256 << 10];
            let mut points = 0;
            while decoder.decode(&mut buffer).unwrap() > 0 {
                points += decoder.take_point().iter().count();
            }
            points
        });
    });
    group.bench_function("flate2 (zlib-rs)", |bencher| {
        bencher.iter(|| drain(flate2::bufread::MultiGzDecoder::new(&blob[..])));
    });
    // All at once and into memory that is there already, as it can do it; layers cannot be undone so.
    let mut whole = vec![0; plain.len()];
    group.bench_function("libdeflate, whole", |bencher| {
        bencher.iter(|| libdeflater::Decompressor::new().gzip_decompress(&blob, &mut whole).unwrap());
    });
    group.finish();

    let mut group = criterion.benchmark_group("digests");
    group.throughput(Throughput::Bytes(plain.len() as u64)).sample_size(10);
    group.bench_function("SHA-256", |bencher| bencher.iter(|| Digest::of(&plain)));
    group.bench_function("BLAKE3", |bencher| bencher.iter(|| blake3::hash(&plain)));
    group.bench_function("SHA-256, in files of 16 KiB", |bencher| {
        bencher.iter(|| plain.chunks(16 << 10).map(Digest::of).count());
    });
    group.bench_function("BLAKE3, in files of 16 KiB", |bencher| {
        bencher.iter(|| plain.chunks(16 << 10).map(blake3::hash).count());
    });
    group.finish();

    let mut group = criterion.benchmark_group("in");
    group.throughput(Throughput::Bytes(plain.len() as u64)).sample_size(10);
    for (form, bytes) in [("gzip", &blob), ("plain", &plain)] {
        let wanted = Wanted {
            size: bytes.len() as u64,
            algorithm: Algorithm::Sha256,
            diff_id: Some(Algorithm::Sha256),
            expansion: Expansion::default(),
        };
        let stop = AtomicBool::new(false);
        let hooks = Hooks { advanced: &|_| (), stop: &stop };
        for indexed in [false, true] {
            let name = if indexed { "with its index" } else { "without an index" };
            group.bench_function(format!("{form}, {name}"), |bencher| {
                bencher.iter(|| {
                    let mut checkpoints = Vec::new();
                    let making = indexed.then(|| Making::new(&mut checkpoints, Scratch::default()));
                    let mut sink = std::io::sink();
                    Transfer::default()
                        .run_making(&mut &bytes[..], &mut sink, &wanted, &hooks, making)
                        .unwrap()
                });
            });
        }
    }
    group.finish();

    let mut group = criterion.benchmark_group("compress");
    group.throughput(Throughput::Bytes(plain.len() as u64)).sample_size(10);
    for format in [Format::Gzip, Format::Zstd] {
        for threads in [1, 2] {
            group.bench_function(format!("{}, threads: {threads}", format.name()), |bencher| {
                bencher.iter(|| {
                    let write = |out: &mut dyn Write| out.write_all(&plain);
                    compress(Method::new(format), threads, std::io::sink(), write).unwrap()
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, decoders);
criterion_main!(benches);
