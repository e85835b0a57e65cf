//! A store in a directory of its own, and the command run on it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use consign::store::{Options, Store};
use serde_json::Value;
use tempfile::TempDir;

/// What one run of the command came to.
#[derive(Debug)]
pub struct Outcome {
    /// `None`: a signal ended it.
    pub code: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Outcome {
    #[track_caller]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap()
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.stdout).unwrap()
    }

    /// It is well, and nothing but data was written where data belongs.
    #[track_caller]
    pub fn ok(self) -> Outcome {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        self
    }

    /// It failed as a program does that knows what it is doing: with this code, an error, and no panic.
    #[track_caller]
    pub fn failed(self, code: i32) -> Outcome {
        assert_eq!(self.code, Some(code), "{}{}", self.text(), self.stderr);
        assert!(self.stderr.starts_with("consign: ") || code == 2, "{}", self.stderr);
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        self
    }
}

/// A store, and room for files beside it.
pub struct Place {
    directory: TempDir,
}

impl Place {
    pub fn new() -> Place {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("tmp")).unwrap();
        Place { directory }
    }

    /// With these fixtures loaded.
    pub fn with(fixtures: &[&str]) -> Place {
        let place = Place::new();
        for fixture in fixtures {
            place.run(&["load", "-q", fixture]).ok();
        }
        place
    }

    /// Where the store is.
    pub fn root(&self) -> PathBuf {
        self.directory.path().join("store")
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file beside the store; its path.
    pub fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// The command, on this store, among the fixtures, with an environment of its own.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_consign"));
        command.args(arguments).current_dir(fixtures()).env_clear();
        command.env("CONSIGN_ROOT", self.root()).env("TMPDIR", self.path("tmp"));
        command.env("XDG_CACHE_HOME", self.path("cache"));
        // Not what this machine is configured to do.
        command.env("CONSIGN_CONFIG", "/dev/null");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Outcome {
        outcome(self.command(arguments).spawn().unwrap())
    }

    /// Runs a command that [`command`](Place::command) made.
    pub fn outcome_of(&self, mut command: Command) -> Outcome {
        outcome(command.spawn().unwrap())
    }

    /// The same, with these bytes on standard input.
    pub fn run_with(&self, arguments: &[&str], input: &[u8]) -> Outcome {
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                // The command need not read everything.
                let _ = stdin.write_all(input);
            });
            outcome(child)
        })
    }

    /// The store itself, for what no command does.
    pub fn store(&self) -> Store {
        let root = Dir::open_ambient_dir(self.root(), ambient_authority()).unwrap();
        Store::open(root, Options::default()).unwrap()
    }

    /// The store is sound. Content that nothing refers to may be left over.
    #[track_caller]
    pub fn check(&self) -> Value {
        let report = self.run(&["check", "--format", "json"]).ok().json();
        assert_eq!(report["sound"], true);
        report
    }

    /// The store is sound and has neither images nor names.
    #[track_caller]
    pub fn assert_empty(&self) {
        let report = self.check();
        assert_eq!((&report["images"], &report["names"]), (&0.into(), &0.into()), "{report}");
        assert_eq!(self.run(&["images", "--format", "json"]).ok().json(), Value::Array(Vec::new()));
    }

    /// The IDs of the images in the store.
    #[track_caller]
    pub fn images(&self) -> Vec<String> {
        let listed = self.run(&["images", "-q", "--no-trunc"]).ok();
        let mut ids: Vec<String> = listed.text().lines().map(str::to_owned).collect();
        ids.sort();
        ids
    }
}

pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures").canonicalize().unwrap()
}

fn outcome(child: Child) -> Outcome {
    let output = child.wait_with_output().unwrap();
    Outcome {
        code: output.status.code(),
        stdout: output.stdout,
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Waits for the child; kills it and fails if it takes longer than this.
#[track_caller]
pub fn wait_within(mut child: Child, limit: Duration) -> Outcome {
    let start = Instant::now();
    // Each by itself: a full pipe stops the child.
    let (stdout, stderr) = (collected(child.stdout.take()), collected(child.stderr.take()));
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if start.elapsed() > limit {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("it took longer than {limit:?}");
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let stderr = String::from_utf8(stderr.join().unwrap()).unwrap();
    Outcome { code: status.code(), stdout: stdout.join().unwrap(), stderr }
}

/// All that comes from a pipe, read while the caller does something else.
fn collected(pipe: Option<impl std::io::Read + Send + 'static>) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            pipe.read_to_end(&mut bytes).unwrap();
        }
        bytes
    })
}
