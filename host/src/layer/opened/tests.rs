#![allow(clippy::unwrap_used)]

use std::io::{self, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};

use cap_std::ambient_authority;
use cap_std::fs::Dir;

use super::*;
use crate::layer::cache;
use crate::layer::stack::Stack;
use crate::layer::tree::Follow;
use crate::source::{Content, Root, SourceError};

/// One blob, that counts what is read of it.
struct Counted {
    bytes: Vec<u8>,
    read: Arc<AtomicU64>,
}

impl ReadAt for Counted {
    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.bytes.read_at(offset, buffer)?;
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

struct Blobs {
    blobs: Vec<Vec<u8>>,
    read: Arc<AtomicU64>,
}

impl Source for Blobs {
    fn roots(&self) -> &[Root] {
        &[]
    }

    fn open(&self, target: &Descriptor) -> Result<Option<Content>, SourceError> {
        let at = self.open_at(target)?;
        Ok(at.map(|at| Content { size: at.size(), reader: Box::new(From::new(at, 0)), extent: None }))
    }

    fn open_at(&self, target: &Descriptor) -> Result<Option<Arc<dyn ReadAt>>, SourceError> {
        let blob = self.blobs.iter().find(|bytes| Digest::of(bytes).to_string() == target.digest);
        let counted = |bytes: &Vec<u8>| Counted { bytes: bytes.clone(), read: self.read.clone() };
        Ok(blob.map(|bytes| Arc::new(counted(bytes)) as _))
    }
}

fn header(name: &str, kind: u8, size: usize) -> Vec<u8> {
    let mut block = vec![0; 512];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[100..107].copy_from_slice(b"0000644");
    block[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
    block[156] = kind;
    block[257..265].copy_from_slice(b"ustar\x0000");
    block[148..156].copy_from_slice(b"        ");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

fn tar(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut tar = Vec::new();
    for (name, content) in files {
        tar.extend(header(name, b'0', content.len()));
        tar.extend(content);
        tar.resize(tar.len().next_multiple_of(512), 0);
    }
    tar.resize(tar.len() + 1024, 0);
    tar
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The fastest level makes one block of everything.
fn in_blocks(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn noise(length: usize) -> Vec<u8> {
    let mut state = 7u64;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

/// These layers as they lie, base layer first, and how many bytes are read of them. The diff IDs are those of
/// `plain`.
fn stack(blobs: &[Vec<u8>], plain: &[Vec<u8>], headers_only: bool) -> (Stack, Arc<AtomicU64>) {
    read_so(blobs, plain, &Reading { headers_only, ..Reading::default() })
}

fn read_so(blobs: &[Vec<u8>], plain: &[Vec<u8>], reading: &Reading) -> (Stack, Arc<AtomicU64>) {
    let read = Arc::new(AtomicU64::new(0));
    let source: Arc<dyn Source> = Arc::new(Blobs { blobs: blobs.to_vec(), read: read.clone() });
    let layer = |(blob, plain): (&Vec<u8>, &Vec<u8>)| {
        let blob = descriptor(blob);
        Layer::in_place(source.clone(), blob, Digest::of(plain), reading.clone())
    };
    (Stack::new(blobs.iter().zip(plain).map(layer).collect()), read)
}

fn descriptor(blob: &[u8]) -> Descriptor {
    Descriptor {
        media_type: String::new(),
        digest: Digest::of(blob).to_string(),
        size: blob.len() as u64,
        platform: None,
        annotations: Vec::new(),
        artifact_type: None,
    }
}

fn content(stack: &Stack, path: &str) -> io::Result<Vec<u8>> {
    let node = stack.tree().resolve(path.as_bytes(), Follow::Last).unwrap();
    let mut content = Vec::new();
    stack.file(&node).unwrap().read_to_end(&mut content)?;
    Ok(content)
}

#[test]
fn files_of_layers_of_every_compression_are_read() {
    let large = noise(5 << 20);
    let base = tar(&[("a", b"base".to_vec()), ("large", large.clone()), ("z", b"end".to_vec())]);
    let top = tar(&[("a", b"top".to_vec()), ("empty", Vec::new())]);
    let plain = [base.clone(), top.clone()];
    let forms = [
        plain.clone(),
        [gzip(&base), gzip(&top)],
        [zstd::stream::encode_all(&base[..], 1).unwrap(), zstd::stream::encode_all(&top[..], 1).unwrap()],
    ];
    for (form, blobs) in forms.iter().enumerate() {
        for headers_only in [false, true] {
            let (stack, _) = stack(blobs, &plain, headers_only);
            assert_eq!(content(&stack, "a").unwrap(), b"top", "{form}");
            assert!(content(&stack, "large").unwrap() == large, "{form}");
            assert_eq!(content(&stack, "z").unwrap(), b"end", "{form}");
            assert_eq!(content(&stack, "empty").unwrap(), b"", "{form}");
        }
    }
}

#[test]
fn of_a_plain_layer_in_place_headers_are_read_and_the_file_that_is_wanted() {
    let large = noise(3 << 20);
    let tar = tar(&[("one", large.clone()), ("two", large), ("three", b"small".to_vec())]);
    let tar = [tar];
    let (stack, read) = stack(&tar, &tar, true);
    assert_eq!(stack.tree().walk(b"").unwrap().count(), 3);
    assert_eq!(content(&stack, "three").unwrap(), b"small");
    let read = read.load(Ordering::Relaxed);
    assert!(read < 64 << 10, "{read}");
}

#[test]
fn layers_below_the_one_that_has_the_file_are_not_touched() {
    let base = gzip(&tar(&[("large", noise(3 << 20))]));
    let top = gzip(&tar(&[("d/f", b"x".to_vec()), (".wh.large", Vec::new())]));
    let plain =
        [tar(&[("large", noise(3 << 20))]), tar(&[("d/f", b"x".to_vec()), (".wh.large", Vec::new())])];
    let (stack, read) = stack(&[base, top.clone()], &plain, true);
    assert_eq!(content(&stack, "d/f").unwrap(), b"x");
    assert!(stack.tree().get(b"large").unwrap().is_none());
    assert!(read.load(Ordering::Relaxed) < 3 * top.len() as u64 + 1000);
}

fn cached(directory: &tempfile::TempDir, headers_only: bool) -> Reading {
    let directory = Dir::open_ambient_dir(directory.path(), ambient_authority()).unwrap();
    Reading { headers_only, cache: Cache::new(directory, cache::LIMIT).unwrap(), spool: None }
}

#[test]
fn what_was_read_as_a_whole_once_is_read_in_parts_from_then_on() {
    let large = noise(12 << 20);
    let plain = [tar(&[("a", b"first".to_vec()), ("large", large.clone()), ("z", b"last".to_vec())])];
    let frames: Vec<u8> =
        plain[0].chunks(1 << 20).flat_map(|part| zstd::stream::encode_all(part, 1).unwrap()).collect();
    for blobs in [[in_blocks(&plain[0])], [frames], plain.clone()] {
        let directory = tempfile::tempdir().unwrap();
        let (stack, read) = read_so(&blobs, &plain, &cached(&directory, false));
        assert_eq!(content(&stack, "z").unwrap(), b"last");
        assert!(read.load(Ordering::Relaxed) >= blobs[0].len() as u64);
        let (stack, read) = read_so(&blobs, &plain, &cached(&directory, true));
        assert_eq!(stack.tree().walk(b"").unwrap().count(), 3);
        assert_eq!(read.load(Ordering::Relaxed), 0);
        assert_eq!(content(&stack, "z").unwrap(), b"last");
        assert_eq!(content(&stack, "a").unwrap(), b"first");
        let read = read.load(Ordering::Relaxed);
        assert!(read < 5 << 20, "{read}");
        assert!(content(&stack, "large").unwrap() == large);
    }
}

#[test]
fn what_is_not_what_it_should_be_is_not_cached() {
    let directory = tempfile::tempdir().unwrap();
    let wanted = [tar(&[("a", noise(3 << 20))])];
    let other = [gzip(&tar(&[("a", noise(4 << 20))]))];
    let kept = || std::fs::read_dir(directory.path()).unwrap().count();
    let (layers, _) = read_so(&other, &wanted, &cached(&directory, false));
    assert!(matches!(layers.layers()[0].index(), Err(LayerError::Mismatch { .. })));
    assert_eq!(kept(), 0);
    // Nor what was not held against anything.
    let (layers, _) = read_so(&wanted, &wanted, &cached(&directory, true));
    layers.layers()[0].index().unwrap();
    assert_eq!(kept(), 0);
    let (layers, _) = read_so(&wanted, &wanted, &cached(&directory, false));
    layers.layers()[0].index().unwrap();
    assert_eq!(kept(), 1);
}

#[test]
fn content_of_a_plain_layer_is_held_against_an_index_that_has_digests() {
    let directory = tempfile::tempdir().unwrap();
    let wanted = [tar(&[("a", b"wanted".to_vec()), ("b", b"same".to_vec())])];
    let (layers, _) = read_so(&wanted, &wanted, &cached(&directory, false));
    layers.layers()[0].index().unwrap();
    // The blob is called what it was.
    let changed =
        Changed { called: wanted[0].clone(), is: tar(&[("a", b"others".to_vec()), ("b", b"same".to_vec())]) };
    let blob = descriptor(&wanted[0]);
    let reading = cached(&directory, true);
    let layer = Layer::in_place(Arc::new(changed), blob, Digest::of(&wanted[0]), reading);
    let stack = Stack::new(vec![layer]);
    let error = content(&stack, "a").unwrap_err();
    assert!(error.downcast::<LayerError>().is_ok_and(|error| matches!(error, LayerError::Damaged { .. })));
    assert_eq!(content(&stack, "b").unwrap(), b"same");
}

/// A blob that has become another.
struct Changed {
    called: Vec<u8>,
    is: Vec<u8>,
}

impl Source for Changed {
    fn roots(&self) -> &[Root] {
        &[]
    }

    fn open(&self, _: &Descriptor) -> Result<Option<Content>, SourceError> {
        Ok(None)
    }

    fn open_at(&self, target: &Descriptor) -> Result<Option<Arc<dyn ReadAt>>, SourceError> {
        let is_it = Digest::of(&self.called).to_string() == target.digest;
        Ok(is_it.then(|| Arc::new(self.is.clone()) as _))
    }
}

#[test]
fn what_is_not_what_it_should_be_is_an_error() {
    let wanted = tar(&[("a", b"wanted".to_vec())]);
    let other = tar(&[("a", b"others".to_vec())]);
    let wanted = [wanted];
    let (layers, _) = stack(&[gzip(&other)], &wanted, true);
    assert!(matches!(layers.layers()[0].index(), Err(LayerError::Mismatch { .. })));
    let mut bytes = Vec::new();
    let error = layers.layers()[0].uncompressed().unwrap().read_to_end(&mut bytes).unwrap_err();
    assert!(error.downcast::<LayerError>().is_ok_and(|error| matches!(error, LayerError::Mismatch { .. })));
    let mut bytes = Vec::new();
    layers.layers()[0].compressed().unwrap().read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, gzip(&other));
    // An index of what was there before.
    let (layers, _) = stack(&wanted, &wanted, false);
    let layer = &layers.layers()[0];
    layer.index().unwrap();
    let changed = Seekable::new(Arc::new(other), None, None).unwrap();
    let record = layer.index().unwrap().get(0).unwrap();
    let error = FileReader::new(changed.reader(), &record).unwrap().read_to_end(&mut bytes).unwrap_err();
    assert!(error.downcast::<LayerError>().is_ok_and(|error| matches!(error, LayerError::Damaged { .. })));
}

#[test]
fn a_plain_layer_that_is_cut_is_none() {
    let mut tar = tar(&[("a", noise(3000))]);
    tar.truncate(2000);
    let tar = [tar];
    let (stack, _) = stack(&tar, &tar, true);
    let error = stack.layers()[0].index().unwrap_err();
    assert!(matches!(error, LayerError::Tar(crate::transport::tar_index::TarError::Truncated { .. })));
    let nothing = stack_of_garbage();
    assert!(matches!(nothing.layers()[0].index(), Err(LayerError::Tar(_))));
}

fn stack_of_garbage() -> Stack {
    let garbage = noise(5000);
    stack(std::slice::from_ref(&garbage), std::slice::from_ref(&garbage), true).0
}

#[test]
fn a_layer_that_is_not_there_is_said_to_be_missing() {
    let (stack, _) = stack(&[tar(&[])], &[tar(&[])], true);
    let Place::Source { source, blob, .. } = &stack.layers()[0].place else { panic!() };
    let other = Descriptor { digest: Digest::of(b"other").to_string(), ..blob.clone() };
    let layer = Layer::in_place(source.clone(), other, Digest::of(b""), Reading::default());
    assert!(matches!(layer.index(), Err(LayerError::NotHere { .. })));
}
