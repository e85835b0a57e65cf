#![allow(clippy::unwrap_used)]

use super::*;

fn run(bytes: &[u8], size: u64, diff_id: bool) -> Result<(Found, Vec<u8>), TransferError> {
    let wanted = Wanted {
        size,
        algorithm: Algorithm::Sha256,
        diff_id: diff_id.then_some(Algorithm::Sha256),
        expansion: Expansion { floor: 64 << 20, ratio: 10 },
    };
    let mut out = Vec::new();
    let stop = AtomicBool::new(false);
    let hooks = Hooks { advanced: &|_| (), stop: &stop };
    let mut input = bytes;
    let found = Transfer::default().run(&mut input, &mut out, &wanted, &hooks)?;
    Ok((found, out))
}

/// Bytes that do not compress.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1u64;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn digests_of_small_and_large_blobs_of_every_compression_are_found() {
    for length in [0, 10, 70_000, 3 << 20, (5 << 20) + 1] {
        let plain = noise(length);
        let forms = [plain.clone(), gzip(&plain), zstd::stream::encode_all(&plain[..], 1).unwrap()];
        for bytes in forms {
            let (found, out) = run(&bytes, bytes.len() as u64, true).unwrap();
            assert_eq!(found.digest, Digest::of(&bytes));
            assert_eq!(found.size, bytes.len() as u64);
            assert_eq!(
                found.uncompressed.unwrap().unwrap(),
                Undone { digest: Digest::of(&plain), size: length as u64 }
            );
            assert!(out == bytes);
        }
    }
}

#[test]
fn what_is_no_layer_is_not_undone() {
    let bytes = gzip(&noise(2 << 20));
    let (found, _) = run(&bytes, bytes.len() as u64, false).unwrap();
    assert!(found.uncompressed.is_none());
    assert_eq!(found.digest, Digest::of(&bytes));
}

#[test]
fn more_bytes_than_announced_are_refused() {
    for length in [100, 3 << 20] {
        let error = run(&noise(length), length as u64 - 1, true).unwrap_err();
        assert!(matches!(error, TransferError::TooLong { .. }), "{error}");
    }
}

#[test]
fn broken_compression_leaves_the_digest_to_be_compared() {
    for length in [1000, 3 << 20] {
        let mut bytes = gzip(&noise(length));
        let middle = bytes.len() / 2;
        bytes.truncate(middle);
        let (found, out) = run(&bytes, middle as u64 + 10, true).unwrap();
        assert_eq!((found.size, &found.digest), (middle as u64, &Digest::of(&bytes)));
        assert!(matches!(found.uncompressed, Some(Err(CompressionError::Truncated { .. }))));
        assert!(out == bytes);
    }
}

#[test]
fn a_bomb_ends_early() {
    let bomb = gzip(&vec![0; 100 << 20]);
    let (found, _) = run(&bomb, bomb.len() as u64, true).unwrap();
    assert!(matches!(found.uncompressed, Some(Err(CompressionError::TooLarge { .. }))));
    let bomb = zstd::stream::encode_all(&[noise(2 << 20), vec![0; 100 << 20]].concat()[..], 1).unwrap();
    let (found, _) = run(&bomb, bomb.len() as u64, true).unwrap();
    assert!(matches!(found.uncompressed, Some(Err(CompressionError::TooLarge { .. }))));
}
