//! Sources and loading, from outside: archives by real builders, and archives no builder would write.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod archive;
mod bad;
mod good;
mod names;
mod peers;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use consign::load::{LoadError, Loaded, Options, load};
use consign::sandbox::Sandbox;
use consign::source::{Source, SourceError};
use consign::store::Store;
use consign::transport::archive::Archive;
use consign::transport::{open_archive, open_directory};

/// One sandbox for all tests.
fn sandbox() -> &'static Arc<Sandbox> {
    static SANDBOX: OnceLock<Arc<Sandbox>> = OnceLock::new();
    SANDBOX.get_or_init(|| Arc::new(Sandbox::new(Default::default()).unwrap()))
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures").join(name)
}

fn dir(path: &Path) -> Dir {
    Dir::open_ambient_dir(path, ambient_authority()).unwrap()
}

/// A store in a directory of its own.
struct Place {
    directory: tempfile::TempDir,
    store: Store,
}

impl Place {
    fn new() -> Place {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(dir(directory.path()), Default::default()).unwrap();
        Place { directory, store }
    }

    fn load(&self, source: &dyn Source, options: &Options) -> Result<Loaded, LoadError> {
        load(&self.store, source, sandbox(), options, &())
    }

    /// Opens the archive and loads it.
    fn load_bytes(&self, bytes: &[u8]) -> Result<Loaded, LoadError> {
        self.load(&*open(bytes)?, &Options::default())
    }

    /// Every blob has its digest, everything the catalogue needs is there, and nothing is left over.
    #[track_caller]
    fn check(&self) {
        let report = self.store.check().unwrap();
        assert_eq!(report.problems, []);
    }

    /// Nothing was kept: no name, no image, no blob, no file on its way in.
    #[track_caller]
    fn assert_empty(&self) {
        assert_eq!(self.store.names().len().unwrap(), 0);
        assert_eq!(self.store.images().len().unwrap(), 0);
        assert_eq!(self.store.blobs().unwrap(), []);
        assert_eq!(std::fs::read_dir(self.directory.path().join("ingest")).unwrap().count(), 0);
        self.check();
    }
}

fn file(bytes: &[u8]) -> std::fs::File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

fn open(bytes: &[u8]) -> Result<Box<dyn Source>, SourceError> {
    open_file(file(bytes))
}

fn open_file(file: std::fs::File) -> Result<Box<dyn Source>, SourceError> {
    let spool = tempfile::tempdir().unwrap();
    let archive = Archive::open(file, Some(&dir(spool.path())), Default::default())?;
    assert_eq!(std::fs::read_dir(spool.path()).unwrap().count(), 0, "a temporary file has a name");
    open_archive(archive, sandbox())
}

fn open_fixture(name: &str) -> Box<dyn Source> {
    open_file(std::fs::File::open(fixture(name)).unwrap()).unwrap()
}

fn open_dir(path: &Path) -> Result<Box<dyn Source>, SourceError> {
    open_directory(dir(path), sandbox())
}
