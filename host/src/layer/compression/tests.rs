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

/// A frame that says this window, of content that is larger.
fn frame_with_window(log: u32, content: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(log).unwrap();
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// As it comes from a pipe: a few bytes at a time.
struct Trickle<'a>(&'a [u8]);

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for Trickle<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(&self.0[..self.0.len().min(3)])
    }

    fn consume(&mut self, amount: usize) {
        self.0 = &self.0[amount..];
    }
}

#[test]
fn decoders_that_share_memory_give_what_others_give() {
    let skip = [&[0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"xyz"].concat();
    let content: Vec<u8> = (0..100_000u32).flat_map(u32::to_le_bytes).collect();
    for size in [0, 1, 255, 256, 70_000, content.len()] {
        let parts = [
            skip.clone(),
            zstd::bulk::compress(&content[..size], 1).unwrap(),
            skip.clone(),
            frame_with_window(22, &content[..size]),
            zstd::bulk::compress(&content[size..], 1).unwrap(),
            frame_with_window(20, b""),
        ];
        let bytes = parts.concat();
        let wanted = decode(&bytes, u64::MAX).unwrap();
        let share = || Share::of(Windows::of_process(), 0);
        let shared =
            |bytes| Decoder::new(Trickle(bytes), Compression::Zstd, u64::MAX).unwrap().sharing(share());
        let mut found = Vec::new();
        shared(&bytes).read_to_end(&mut found).unwrap();
        assert!(found == wanted);
        // Wherever it is cut that is seen, but between two frames.
        let ends: Vec<usize> = parts
            .iter()
            .scan(0, |end, part| {
                Some({
                    *end += part.len();
                    *end
                })
            })
            .collect();
        for cut in (1..bytes.len()).filter(|cut| *cut < 40 || ends.iter().any(|end| end.abs_diff(*cut) < 20))
        {
            let cut_off = shared(&bytes[..cut]).read_to_end(&mut Vec::new());
            assert_eq!(cut_off.is_ok(), ends.contains(&cut), "{size}: {cut}");
        }
    }
}

#[test]
fn windows_that_are_decoded_at_the_same_time_fit_together() {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    let windows = Windows::of_process();
    let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut share = Share::of(windows.clone(), 0);
                for bytes in [8 << 20, 24 << 20, 32 << 20] {
                    share.exchange(bytes);
                    let taken = now.fetch_add(bytes as usize, Ordering::SeqCst) + bytes as usize;
                    most.fetch_max(taken, Ordering::SeqCst);
                    std::thread::yield_now();
                    now.fetch_sub(bytes as usize, Ordering::SeqCst);
                }
            });
        }
    });
    assert!(most.load(Ordering::SeqCst) <= 32 << 20, "{most:?}");

    // In turn: what is next may have 8 MiB; the one that is waited for all it wants, whatever the next ones have.
    let windows = Windows::in_turn();
    let mut next = Share::of(windows.clone(), 1);
    next.exchange(8 << 20);
    let came = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            Share::of(windows.clone(), 2).exchange(1 << 20);
            came.store(true, Ordering::SeqCst);
        });
        Share::of(windows.clone(), 0).exchange(32 << 20);
        assert!(!came.load(Ordering::SeqCst));
        windows.turn(1);
        next.exchange(32 << 20);
    });
    assert!(came.load(Ordering::SeqCst));
}
