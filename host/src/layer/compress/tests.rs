#![allow(clippy::unwrap_used)]

use super::*;
use crate::layer::compression::{Compression, Decoder};

/// Text that is not the same from place to place.
fn content(length: usize) -> Vec<u8> {
    (0u64..).flat_map(|number| (number * number).to_string().into_bytes()).take(length).collect()
}

fn compressed(method: &str, threads: usize, bytes: &[u8], write: usize) -> Vec<u8> {
    let method = method.parse().unwrap();
    compress(method, threads, Vec::new(), |out| {
        bytes.chunks(write).try_for_each(|chunk| out.write_all(chunk))
    })
    .unwrap()
}

fn decoded(bytes: &[u8]) -> Vec<u8> {
    let mut decoder = Decoder::new(bytes, Compression::detect(bytes).unwrap(), u64::MAX).unwrap();
    let mut out = Vec::new();
    io::Read::read_to_end(&mut decoder, &mut out).unwrap();
    out
}

#[test]
fn what_was_compressed_comes_out_and_is_the_same_from_any_number_of_threads() {
    for method in ["gzip", "gzip:1", "zstd"] {
        for length in [0, 1, GZIP_PIECE, 2 * GZIP_PIECE + 1, ZSTD_PIECE, ZSTD_PIECE + 1] {
            let bytes = content(length);
            let one = compressed(method, 1, &bytes, 100_000);
            assert!(decoded(&one) == bytes, "{method}: {length}");
            assert!(compressed(method, 3, &bytes, 70_001) == one, "{method}: {length}");
        }
    }
}

#[test]
fn noise_costs_little() {
    let mut state = 1u64;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    let noise: Vec<u8> = std::iter::repeat_with(next).take(5_000_000).collect();
    for method in ["gzip", "zstd"] {
        let bytes = compressed(method, 2, &noise, 1 << 20);
        assert!(bytes.len() < noise.len() + noise.len() / 1000, "{method}: {}", bytes.len());
        assert!(decoded(&bytes) == noise);
    }
}

#[test]
fn a_method_is_a_name_and_a_level() {
    for (text, wanted) in
        [("gzip", "gzip:6"), ("gzip:1", "gzip:1"), ("zstd", "zstd:3"), ("zstd:22", "zstd:22")]
    {
        assert_eq!(text.parse::<Method>().unwrap().to_string(), wanted);
    }
    for text in ["", "gzip:", "gzip:0", "gzip:10", "zstd:23", "zstd:+3", "zstd:-1", "xz", "GZIP", "gzip:6:1"]
    {
        let error = text.parse::<Method>().unwrap_err();
        assert_eq!(error.found, text);
    }
}

#[test]
fn what_fails_on_either_side_ends_it() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let bytes = content(20 << 20);
    for format in [Format::Gzip, Format::Zstd] {
        let method = Method::new(format);
        let full: io::Result<Full> = compress(method, 2, Full, |out| out.write_all(&bytes));
        assert_eq!(full.err().unwrap().kind(), io::ErrorKind::StorageFull);
        let broken = compress(method, 2, Vec::new(), |out| {
            out.write_all(&bytes)?;
            Err(io::Error::from(io::ErrorKind::BrokenPipe))
        });
        assert_eq!(broken.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
