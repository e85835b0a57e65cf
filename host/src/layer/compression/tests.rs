#![allow(clippy::unwrap_used)]

use std::io::Write;

use super::*;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd_frame(bytes: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(bytes, 1).unwrap()
}

fn decode(bytes: &[u8], limit: u64) -> Result<Vec<u8>, CompressionError> {
    let compression = Compression::detect(bytes)?;
    let mut decoder = Decoder::new(bytes, compression, limit)?;
    let mut out = Vec::new();
    let mut buffer = [0; 1000];
    loop {
        match decoder.decode(&mut buffer)? {
            0 => return Ok(out),
            read => out.extend_from_slice(&buffer[..read]),
        }
    }
}

#[test]
fn members_and_frames_are_joined() {
    assert_eq!(decode(&[gzip(b"one "), gzip(b""), gzip(b"two")].concat(), 100).unwrap(), b"one two");
    let skip = [&[0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"xyz"].concat();
    let frames = [skip.clone(), zstd_frame(b"one "), skip.clone(), zstd_frame(b"two"), skip].concat();
    assert_eq!(decode(&frames, 100).unwrap(), b"one two");
    assert_eq!(decode(b"plain", 100).unwrap(), b"plain");
    assert_eq!(decode(b"", 0).unwrap(), b"");
}

#[test]
fn garbage_after_the_end_is_corrupt() {
    for after in [&b"garbage garbage garbage"[..], &[0; 512], b"x"] {
        for whole in [gzip(b"data"), zstd_frame(b"data")] {
            let error = decode(&[&whole[..], after].concat(), 100).unwrap_err();
            let corrupt =
                matches!(error, CompressionError::Corrupt { .. } | CompressionError::Truncated { .. });
            assert!(corrupt, "{error}");
        }
    }
}

#[test]
fn cut_data_is_truncated() {
    for whole in [gzip(&[7; 5000]), zstd_frame(&[7; 5000])] {
        for cut in [whole.len() - 1, whole.len() / 2] {
            let error = decode(&whole[..cut], 10_000).unwrap_err();
            assert!(matches!(error, CompressionError::Truncated { .. }), "{cut}: {error}");
        }
    }
}

#[test]
fn a_flipped_bit_is_corrupt() {
    let mut bytes = gzip(b"some data that is long enough to matter");
    let last = bytes.len() - 6;
    bytes[last] ^= 1;
    assert!(matches!(decode(&bytes, 100), Err(CompressionError::Corrupt { .. })));
}

#[test]
fn a_bomb_stops_at_the_limit() {
    for bomb in [gzip(&vec![0; 1 << 20]), zstd_frame(&vec![0; 1 << 20])] {
        let error = decode(&bomb, 100_000).unwrap_err();
        assert!(matches!(error, CompressionError::TooLarge { limit: 100_000, .. }), "{error}");
    }
    let limits = Expansion { floor: 10, ratio: 3 };
    assert_eq!((limits.limit(2), limits.limit(5), limits.limit(u64::MAX)), (10, 15, u64::MAX));
}

#[test]
fn windows_as_large_as_docker_and_podman_make_them_are_undone_and_larger_ones_refused() {
    for (log, is_undone) in [(23, true), (25, true), (26, false), (31, false)] {
        let mut encoder = zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(log.min(27)).unwrap();
        encoder.write_all(b"of unknown length").unwrap();
        encoder.flush().unwrap();
        let mut frame = encoder.finish().unwrap();
        // The window descriptor: 10 less than the logarithm in the upper five bits.
        frame[5] = ((log - 10) as u8) << 3;
        match decode(&frame, 100) {
            Ok(bytes) => assert!(is_undone && bytes == b"of unknown length"),
            Err(error) => {
                assert!(!is_undone && matches!(error, CompressionError::Window { .. }), "{log}: {error}");
            }
        }
    }
}

#[test]
fn what_is_not_undone_is_named() {
    let xz = [0xfd, b'7', b'z', b'X', b'Z', 0, 0, 4];
    assert!(matches!(Compression::detect(&xz), Err(CompressionError::Unsupported { found: "xz" })));
    let bzip2 = b"BZh91AY&SY";
    assert!(matches!(Compression::detect(bzip2), Err(CompressionError::Unsupported { found: "bzip2" })));
    assert!(matches!(Compression::detect(b"BZhello, a name"), Ok(Compression::Plain)));
}
