use std::io::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;

use super::*;
use crate::digest::Digest;
use crate::layer::checkpoints::{CheckpointsError, Writer};

/// Bytes that compress a little, differently from place to place.
fn content(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let mut out = Vec::with_capacity(length);
    while out.len() < length {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let run = (state >> 60) as usize + 1;
        if state >> 40 & 3 == 0 && out.len() > 100 {
            let from = out.len() - 1 - (state >> 33) as usize % out.len().min(30_000);
            (from..out.len().min(from + 4 * run)).for_each(|at| out.push(out[at]));
        } else {
            out.extend(state.to_le_bytes().iter().cycle().take(run));
        }
    }
    out.truncate(length);
    out
}

fn gzip(bytes: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(level));
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd_frame(bytes: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(bytes, 1).unwrap()
}

/// The file of checkpoints of a blob, so far apart.
fn checkpoints_file(blob: &[u8], every: u64) -> Vec<u8> {
    let compression = Compression::detect(blob).unwrap();
    let mut decoder = Decoder::noting(blob, compression, u64::MAX, every).unwrap();
    let mut writer = Writer::new(Vec::new()).unwrap();
    let mut buffer = vec![0; 5000];
    loop {
        let read = decoder.decode(&mut buffer).unwrap();
        if let Some(point) = decoder.take_point() {
            writer.add(&point).unwrap();
        }
        if read == 0 {
            break;
        }
    }
    writer.finish(&Digest::of(blob), blob.len() as u64, decoder.produced()).unwrap()
}

fn seekable(blob: &[u8], file: Vec<u8>) -> Seekable {
    let checkpoints = Checkpoints::open(Box::new(file), &Digest::of(blob)).unwrap();
    Seekable::new(Arc::new(blob.to_vec()), None, Some(Arc::new(checkpoints))).unwrap()
}

fn read(reader: &mut Reader, offset: usize, length: usize) -> Result<Vec<u8>, CompressionError> {
    reader.go_to(offset as u64);
    let mut out = vec![0; length];
    let mut filled = 0;
    while filled < length {
        match reader.decode(&mut out[filled..])? {
            0 => break,
            read => filled += read,
        }
    }
    out.truncate(filled);
    Ok(out)
}

fn forms(plain: &[u8], cut: usize) -> Vec<Vec<u8>> {
    let (one, two) = plain.split_at(cut);
    let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"xyz"].concat();
    vec![
        gzip(plain, 6),
        gzip(plain, 1),
        gzip(plain, 0),
        [gzip(one, 9), gzip(b"", 6), gzip(two, 6)].concat(),
        plain.chunks(700).flat_map(|chunk| gzip(chunk, 6)).collect(),
        zstd_frame(plain),
        [skippable.clone(), zstd_frame(one), skippable.clone(), zstd_frame(two), skippable].concat(),
        plain.chunks(900).flat_map(zstd_frame).collect(),
        plain.to_vec(),
    ]
}

#[test]
fn every_offset_read_through_checkpoints_is_as_decoded_from_the_start() {
    let plain = content(150_000, 7);
    for (form, blob) in forms(&plain, 61_234).into_iter().enumerate() {
        let file = checkpoints_file(&blob, 3000);
        let seekable = seekable(&blob, file);
        let places = seekable.checkpoints.as_ref().unwrap().len();
        assert_eq!(places > 0, !matches!(form, 5 | 8), "{form}: {places}");
        for offset in (0..plain.len() + 10).step_by(97) {
            let end = plain.len().min(offset + 50);
            let wanted = &plain[offset.min(end)..end];
            assert_eq!(read(&mut seekable.reader(), offset, 50).unwrap(), wanted, "{form}: {offset}");
        }
        let mut whole = Vec::new();
        seekable.reader().read_to_end(&mut whole).unwrap();
        assert!(whole == plain);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn one_reader_going_anywhere_reads_what_is_there(
        length in 1..200_000usize, seed: u64, cut in 0..200_000usize, every in 1..20_000u64,
        places in proptest::collection::vec((0..210_000usize, 0..40_000usize), 1..8),
    ) {
        let plain = content(length, seed);
        for blob in forms(&plain, cut % length) {
            let seekable = seekable(&blob, checkpoints_file(&blob, every));
            let mut reader = seekable.reader();
            for (offset, wanted) in &places {
                let start = (*offset).min(length);
                let end = (offset + wanted).min(length).max(start);
                prop_assert!(read(&mut reader, *offset, *wanted).unwrap() == plain[start..end]);
            }
        }
    }

    #[test]
    fn damaged_checkpoints_are_found_or_done_without(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), 0..8u8), 1..4),
    ) {
        let plain = content(60_000, 3);
        let blob = gzip(&plain, 6);
        let mut file = checkpoints_file(&blob, 4000);
        for (at, bit) in &changes {
            let at = at.index(file.len());
            file[at] ^= 1 << bit;
        }
        if let Ok(checkpoints) = Checkpoints::open(Box::new(file), &Digest::of(&blob)) {
            let checkpoints = Some(Arc::new(checkpoints));
            let seekable = Seekable::new(Arc::new(blob), None, checkpoints).unwrap();
            for offset in (0..plain.len()).step_by(3001) {
                prop_assert!(read(&mut seekable.reader(), offset, 20).unwrap() == plain[offset..][..20]);
            }
        }
    }

    #[test]
    fn checkpoints_that_lie_harm_nobody(
        places in proptest::collection::vec((0..70_000u64, 0..70_000u64, 0..8u8, any::<bool>(), 0..40_000usize), 1..6),
        garbage: bool,
    ) {
        let plain = content(60_000, 3);
        let blob = if garbage { content(70_000, 9) } else { gzip(&plain, 6) };
        let mut writer = Writer::new(Vec::new()).unwrap();
        let (mut compressed, mut uncompressed) = (0, 0);
        for (more, later, bits, start, window) in places {
            compressed += 1 + more / 8;
            uncompressed += 1 + later / 8;
            let window = plain[..window.min(WINDOW_LIMIT)].to_vec();
            writer.add(&Point { place: Place { compressed, uncompressed }, bits, window, start }).unwrap();
        }
        let file = writer.finish(&Digest::of(&blob), blob.len() as u64, plain.len() as u64).unwrap();
        if let Ok(checkpoints) = Checkpoints::open(Box::new(file), &Digest::of(&blob)) {
            let limit = Some(plain.len() as u64);
            let seekable = Seekable::new(Arc::new(blob), limit, Some(Arc::new(checkpoints))).unwrap();
            for offset in (0..plain.len()).step_by(3001) {
                // An answer or an error; never more than the layer has.
                if let Ok(bytes) = read(&mut seekable.reader(), offset, 100_000) {
                    prop_assert!(bytes.len() <= 100_000);
                }
            }
        }
    }
}

const WINDOW_LIMIT: usize = 32 << 10;

#[test]
fn checkpoints_of_another_blob_are_none() {
    let blob = gzip(&content(60_000, 3), 6);
    let file = checkpoints_file(&blob, 4000);
    let other = Checkpoints::open(Box::new(file.clone()), &Digest::of(b"another"));
    assert!(matches!(other, Err(CheckpointsError::OtherBlob { .. })));
    let mut newer = file;
    newer[7] += 1;
    let newer = Checkpoints::open(Box::new(newer), &Digest::of(&blob));
    assert!(matches!(newer, Err(CheckpointsError::Version { .. })));
}

#[test]
fn garbage_after_a_member_is_an_error_wherever_reading_began() {
    let plain = content(100_000, 5);
    let mut blob = gzip(&plain, 6);
    let file = checkpoints_file(&blob, 4000);
    let checkpoints = Arc::new(Checkpoints::open(Box::new(file), &Digest::of(&blob)).unwrap());
    // So that the checkpoints are of a blob of this size: the trailer is another, with garbage for a header.
    let cut = blob.len() - 30;
    blob.truncate(cut);
    blob.extend([0x55; 30]);
    let seekable = Seekable::new(Arc::new(blob), None, Some(checkpoints)).unwrap();
    assert!(read(&mut seekable.reader(), 90_000, 100_000).is_err());
    assert_eq!(read(&mut seekable.reader(), 50_000, 10).unwrap(), &plain[50_000..50_010]);
}

/// Counts what is read of it.
struct Counted {
    bytes: Vec<u8>,
    read: AtomicU64,
    from: Mutex<Vec<u64>>,
}

impl ReadAt for Counted {
    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.bytes.read_at(offset, buffer)?;
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        self.from.lock().unwrap().push(offset);
        Ok(read)
    }
}

#[test]
fn little_is_read_for_little() {
    let plain = content(8 << 20, 11);
    for blob in [gzip(&plain, 6), plain.clone()] {
        let every = 128 << 10;
        let checkpoints = Checkpoints::open(Box::new(checkpoints_file(&blob, every)), &Digest::of(&blob));
        let size = blob.len() as u64;
        let counted = Counted { bytes: blob, read: AtomicU64::new(0), from: Mutex::default() };
        let counted = Arc::new(counted);
        let seekable = Seekable::new(counted.clone(), None, Some(Arc::new(checkpoints.unwrap()))).unwrap();
        let offset = 6 << 20;
        assert_eq!(read(&mut seekable.reader(), offset, 1000).unwrap(), &plain[offset..][..1000]);
        let read = counted.read.load(Ordering::Relaxed);
        assert!(read < size / 8, "{read} of {size}");
        assert!(counted.from.lock().unwrap()[1..].iter().all(|from| *from > size / 2));
    }
}

#[test]
fn hostile_streams_are_an_error_or_what_they_stand_for() {
    let plain = content(50_000, 21);
    // As many members as there can be: what is empty is no place to begin at again and again.
    let empty = gzip(b"", 6);
    let many: Vec<u8> = [vec![gzip(&plain, 6)], vec![empty; 20_000], vec![gzip(&plain, 6)]].concat().concat();
    let file = checkpoints_file(&many, 1000);
    let places = Checkpoints::open(Box::new(file.clone()), &Digest::of(&many)).unwrap().len();
    assert!((1..100).contains(&places), "{places}");
    assert_eq!(read(&mut seekable(&many, file).reader(), 60_000, 10).unwrap(), &plain[10_000..10_010]);

    // Bombs give no more than the layer is known to have, wherever reading begins.
    let zeros = vec![0; 4 << 20];
    for bomb in [gzip(&zeros, 9), zeros.chunks(1 << 20).flat_map(zstd_frame).collect::<Vec<u8>>()] {
        let file = checkpoints_file(&bomb, 512 << 10);
        let checkpoints = Arc::new(Checkpoints::open(Box::new(file), &Digest::of(&bomb)).unwrap());
        let known = 3 << 20;
        let seekable = Seekable::new(Arc::new(bomb), Some(known), Some(checkpoints)).unwrap();
        for offset in [0, 1 << 20, 3 << 20] {
            let mut reader = seekable.reader();
            reader.go_to(offset);
            let mut out = Vec::new();
            assert!(reader.read_to_end(&mut out).is_err());
            assert!(out.len() as u64 <= known - offset);
        }
    }

    // What is cut, or has something else in its middle, is no shorter layer.
    let blob = gzip(&plain, 6);
    let file = checkpoints_file(&blob, 4000);
    let checkpoints = Arc::new(Checkpoints::open(Box::new(file), &Digest::of(&blob)).unwrap());
    let mut damaged = blob.clone();
    damaged[blob.len() / 2..][..40].fill(0xff);
    let seekable = Seekable::new(Arc::new(damaged), Some(50_000), Some(checkpoints)).unwrap();
    let mut out = Vec::new();
    assert!(seekable.reader().read_to_end(&mut out).is_err());
}
