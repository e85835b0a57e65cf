//! A directory to unpack to, with something beside it that nobody may touch.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use consign::digest::Digest;
use consign::unpack::{Layers, Options, Report, Stream, UnpackError, unpack};
use tempfile::TempDir;

/// Layers in memory.
pub struct Memory {
    pub blobs: Vec<Vec<u8>>,
    pub digests: Vec<Digest>,
    pub diff_ids: Vec<Digest>,
}

impl Memory {
    /// Layers that are not compressed.
    pub fn plain(layers: &[Vec<u8>]) -> Memory {
        let digests: Vec<Digest> = layers.iter().map(|layer| Digest::of(layer)).collect();
        Memory { blobs: layers.to_vec(), digests: digests.clone(), diff_ids: digests }
    }

    /// These blobs, which uncompressed are these layers.
    pub fn compressed(blobs: &[Vec<u8>], layers: &[Vec<u8>]) -> Memory {
        let digests = |all: &[Vec<u8>]| all.iter().map(|bytes| Digest::of(bytes)).collect();
        Memory { blobs: blobs.to_vec(), digests: digests(blobs), diff_ids: digests(layers) }
    }
}

impl Layers for Memory {
    fn diff_ids(&self) -> &[Digest] {
        &self.diff_ids
    }

    fn open(&self, layer: usize) -> Result<Stream, UnpackError> {
        let bytes = self.blobs[layer].clone();
        let size = bytes.len() as u64;
        Ok(Stream {
            reader: Box::new(std::io::Cursor::new(bytes)),
            size,
            digest: self.digests[layer].clone(),
        })
    }
}

pub struct Place {
    directory: TempDir,
}

const VICTIM: &str = "nobody touches this";

impl Place {
    pub fn new() -> Place {
        let place = Place { directory: tempfile::tempdir().unwrap() };
        fs::create_dir(place.root()).unwrap();
        fs::create_dir_all(place.outside().join("directory")).unwrap();
        fs::write(place.outside().join("victim"), VICTIM).unwrap();
        fs::write(place.outside().join("directory/victim"), VICTIM).unwrap();
        place
    }

    pub fn root(&self) -> PathBuf {
        self.directory.path().join("root")
    }

    pub fn outside(&self) -> PathBuf {
        self.directory.path().join("outside")
    }

    pub fn unpack(&self, layers: &dyn Layers, options: &Options) -> Result<Report, UnpackError> {
        let root = Dir::open_ambient_dir(self.root(), ambient_authority()).unwrap();
        unpack(layers, &root, options)
    }

    /// Whatever was unpacked, nothing beside the root was touched.
    #[track_caller]
    pub fn assert_contained(&self) {
        let names = |path: &Path| {
            let mut names: Vec<_> =
                fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        assert_eq!(names(self.directory.path()), ["outside", "root"]);
        assert_eq!(names(&self.outside()), ["directory", "victim"]);
        assert_eq!(names(&self.outside().join("directory")), ["victim"]);
        for path in ["victim", "directory/victim"] {
            let path = self.outside().join(path);
            assert_eq!(fs::read_to_string(&path).unwrap(), VICTIM);
            assert_eq!(fs::metadata(&path).unwrap().nlink(), 1);
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o644);
        }
        assert_eq!(fs::metadata(self.outside()).unwrap().permissions().mode() & 0o7777, 0o755);
    }

    /// What is below the root, by path: `content`, `-> target`, `/` for directories, the kind of what is neither.
    pub fn tree(&self) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        list(&self.root(), &self.root(), &mut found);
        found
    }

    /// The same, as lines.
    pub fn lines(&self) -> Vec<String> {
        self.tree().into_iter().map(|(path, what)| format!("{path} {what}")).collect()
    }
}

fn list(root: &Path, directory: &Path, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let metadata = fs::symlink_metadata(&path).unwrap();
        let kind = metadata.file_type();
        let what = if kind.is_dir() {
            list(root, &path, found);
            "/".to_owned()
        } else if kind.is_symlink() {
            format!("-> {}", fs::read_link(&path).unwrap().display())
        } else if kind.is_file() {
            let bytes = fs::read(&path).unwrap();
            String::from_utf8_lossy(&bytes[..bytes.len().min(100)]).into_owned()
        } else if kind.is_fifo() {
            "pipe".to_owned()
        } else {
            "device".to_owned()
        };
        let name = path.strip_prefix(root).unwrap().as_os_str().as_bytes().escape_ascii().to_string();
        found.insert(name, what);
    }
}

/// Unpacks layers that are well, and lists what came of them.
#[track_caller]
pub fn unpacked(layers: &[Vec<u8>]) -> Vec<String> {
    let place = Place::new();
    let report = place.unpack(&Memory::plain(layers), &Options::default()).unwrap();
    assert_eq!(report.failed, 0);
    place.assert_contained();
    place.lines()
}

pub fn is_root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        assert!(std::env::var_os("CONSIGN_REQUIRE_PEERS").is_none(), "wanted root");
        println!("not run: only root may do this");
    }
    root
}

/// Whether this program can be run; where it has to be, it is.
pub fn peer(program: &str) -> bool {
    let runs = std::process::Command::new(program).arg("--version").output().is_ok();
    if !runs {
        assert!(std::env::var_os("CONSIGN_REQUIRE_PEERS").is_none(), "wanted `{program}`");
        println!("not run: there is no `{program}`");
    }
    runs
}

/// All that `tree.py` says of a directory, a line for each path.
pub fn tree_of(directory: &Path) -> Vec<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/unpack/tree.py");
    let output = std::process::Command::new("python3").arg(script).arg(directory).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}
