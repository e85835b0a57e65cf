use std::io::{Read as _, Seek as _, Write as _};

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use serde_json::json;

use super::crc::Crc;
use super::*;
use crate::containers_storage::Files;
use crate::layer::read_at::{ReadAt, read_exact_at};

fn crc(bytes: &[u8]) -> String {
    let mut crc = Crc::new();
    crc.update(bytes);
    STANDARD.encode(crc.finish().to_be_bytes())
}

/// Lines as tar-split writes them, numbered.
fn lines(values: &[serde_json::Value]) -> String {
    let number = |(position, value): (usize, &serde_json::Value)| {
        let mut value = value.clone();
        value["position"] = json!(position);
        format!("{value}\n")
    };
    values.iter().enumerate().map(number).collect()
}

fn bytes(content: &[u8]) -> serde_json::Value {
    json!({"type": 2, "payload": STANDARD.encode(content)})
}

fn file(path: &str, content: &[u8]) -> serde_json::Value {
    json!({"type": 1, "name": path, "size": content.len(), "payload": crc(content)})
}

/// A layer's files, and its tar-split.
struct Layer {
    directory: tempfile::TempDir,
    split: String,
}

impl Layer {
    fn new(values: &[serde_json::Value]) -> Layer {
        Layer { directory: tempfile::tempdir().unwrap(), split: lines(values) }
    }

    fn with(self, path: &str, content: &[u8]) -> Layer {
        let path = self.directory.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
        self
    }

    fn files(&self) -> Files {
        Files::new(Dir::open_ambient_dir(self.directory.path(), ambient_authority()).unwrap())
    }

    fn split(&self) -> File {
        let mut file = tempfile::tempfile().unwrap();
        let mut gzip = flate2::write::GzEncoder::new(&mut file, flate2::Compression::fast());
        gzip.write_all(self.split.as_bytes()).unwrap();
        gzip.finish().unwrap();
        file.rewind().unwrap();
        file
    }

    fn read(&self) -> Result<Vec<u8>, String> {
        let mut all = Vec::new();
        let mut rebuilt = Rebuilt::new(self.split(), self.files()).map_err(|error| error.to_string())?;
        rebuilt.read_to_end(&mut all).map_err(|error| error.to_string())?;
        Ok(all)
    }

    fn map(&self) -> Result<Map, String> {
        Map::read(self.split(), self.files()).map_err(|error| error.to_string())
    }

    fn read_by_map(&self) -> Result<Vec<u8>, String> {
        let map = self.map()?;
        read_exact_at(&map, 0, map.size() as usize).map_err(|error| error.to_string())
    }

    /// Both ways of reading end in this.
    #[track_caller]
    fn fails_with(&self, wanted: &str) {
        for found in [self.read(), self.read_by_map()] {
            let found = found.unwrap_err();
            assert!(found.contains(wanted), "{found}");
        }
    }
}

#[test]
fn bytes_and_files_together_are_the_tar_wherever_it_is_read() {
    let large = vec![7; 300_000];
    let layer = Layer::new(&[
        bytes(b"header of a"),
        file("a", b"first"),
        bytes(b"header of a directory"),
        json!({"type": 1, "name": "d/", "payload": null}),
        bytes(b""),
        bytes(b"header of d/b"),
        file("./d/b", &large),
        bytes(b"end"),
    ]);
    let layer = layer.with("a", b"first").with("d/b", &large);
    let wanted = [&b"header of afirstheader of a directoryheader of d/b"[..], &large, b"end"].concat();
    assert_eq!(layer.read().unwrap(), wanted);
    let map = layer.map().unwrap();
    assert_eq!(map.size(), wanted.len() as u64);
    for start in [0, 5, 11, 13, 16, 40, 60, 150_000, 299_999, wanted.len() - 1] {
        let found = read_exact_at(&map, start as u64, wanted.len() - start).unwrap();
        assert!(found == wanted[start..], "from {start}");
    }
    assert_eq!(map.read_at(wanted.len() as u64, &mut [0]).unwrap(), 0);
}

#[test]
fn many_entries_are_read_back_from_compressed_lines() {
    let mut values = Vec::new();
    let mut wanted = Vec::new();
    for number in 0..3000 {
        let header = format!("{number:0>512}");
        values.push(bytes(header.as_bytes()));
        values.push(json!({"type": 1, "name": format!("file-{number}"), "payload": null}));
        wanted.extend_from_slice(header.as_bytes());
    }
    let layer = Layer::new(&values);
    assert_eq!(layer.read().unwrap(), wanted);
    let map = layer.map().unwrap();
    for number in [2999, 0, 1500, 1499, 777] {
        let header = read_exact_at(&map, number * 512, 512).unwrap();
        assert_eq!(header, format!("{number:0>512}").into_bytes());
    }
}

#[test]
fn a_name_that_is_no_text_leads_to_its_file() {
    use std::os::unix::ffi::OsStrExt as _;
    let name = b"n\xff\xe9";
    let entry = json!({"type": 1, "name_raw": STANDARD.encode(name), "size": 1, "payload": crc(b"x")});
    let layer = Layer::new(&[entry]);
    std::fs::write(layer.directory.path().join(std::ffi::OsStr::from_bytes(name)), b"x").unwrap();
    assert_eq!(layer.read().unwrap(), b"x");
}

#[test]
fn a_file_that_was_changed_is_named() {
    let layer = || Layer::new(&[bytes(b"h"), file("etc/passwd", b"root")]);
    layer().with("etc/passwd", b"toor").fails_with("the file `etc/passwd` of the layer was changed");
    layer().with("etc/passwd", b"longer").fails_with("the file `etc/passwd` of the layer cannot be read");
    layer().with("etc/other", b"root").fails_with("the file `etc/passwd` of the layer cannot be read");
}

#[test]
fn links_lead_nowhere_but_into_the_layer() {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret"), b"root").unwrap();
    let link = |target: &str, at: &str| {
        let layer = Layer::new(&[file("d/secret", b"root")]);
        std::os::unix::fs::symlink(target, layer.directory.path().join(at)).unwrap();
        layer
    };
    link(outside.path().to_str().unwrap(), "d").fails_with("cannot be read");
    link("../..", "d").fails_with("cannot be read");
    // As the layer was unpacked: `/usr` is that of the layer.
    let layer = link("/usr", "d").with("usr/secret", b"root");
    assert_eq!(layer.read().unwrap(), b"root");
    // What was a file is no link to one.
    let layer = Layer::new(&[file("a", b"root")]).with("b", b"root");
    std::os::unix::fs::symlink("b", layer.directory.path().join("a")).unwrap();
    layer.fails_with("cannot be read");
}

#[test]
fn what_is_no_tar_split_is_an_error_with_its_line() {
    let ok = bytes(b"x");
    for (wrong, wanted) in [
        (json!({"type": 3}), "line 2 of the tar-split: wanted type 1 or 2"),
        (json!({"type": 2, "payload": "*"}), "line 2 of the tar-split: wanted a payload in base64"),
        (json!({"type": 1, "size": -1, "name": "a"}), "wanted a size from 0 on"),
        (json!({"type": 1, "size": 1, "payload": crc(b"")}), "wanted a name"),
        (json!({"type": 1, "size": 1, "name": "a", "payload": "AAAA"}), "wanted a CRC-64 of 8 bytes"),
        (json!({"payload": ""}), "wanted an object with a type and a position"),
    ] {
        Layer::new(&[ok.clone(), wrong]).fails_with(wanted);
    }
    let mut layer = Layer::new(&[ok.clone(), ok.clone(), ok]);
    layer.split = layer
        .split
        .lines()
        .filter(|line| !line.contains("\"position\":1"))
        .map(|line| format!("{line}\n"))
        .collect();
    layer.fails_with("line 2 of the tar-split: wanted a position that is the last one's and one");
    layer.split = layer.split.trim_end().to_owned();
    layer.fails_with("a line's end");
}

#[test]
fn a_tar_split_that_was_cut_is_an_error() {
    let layer = Layer::new(&[bytes(&[7; 2000]), bytes(b"x")]);
    let mut whole = Vec::new();
    layer.split().read_to_end(&mut whole).unwrap();
    let mut cut = tempfile::tempfile().unwrap();
    cut.write_all(&whole[..whole.len() - 9]).unwrap();
    cut.rewind().unwrap();
    let error = Map::read(cut, layer.files()).err().unwrap();
    assert!(matches!(error, TarSplitError::Read { source: CompressionError::Truncated { .. } }), "{error:?}");
}
