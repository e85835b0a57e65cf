//! `consign cat`: the content of files of an image.

use std::io::{self, Read, Write};

use anyhow::{Context, Result};

use consign::layer::opened::LayerError;
use consign::layer::tree::{Follow, printable};

use super::args::Cat;
use super::failure::{Failure, Failures};
use super::files::{self, Files, Reading};
use super::output;
use super::session::Session;

pub fn run(session: &Session, arguments: &Cat) -> Result<()> {
    let reading = Reading { all: false, digests: arguments.verify };
    let files = files::open(session, &arguments.image.image, &arguments.image.reach, reading)?;
    let mut out = output::raw()?;
    let mut failures = Vec::new();
    for path in &arguments.paths {
        // As cat does: what is there is shown, whatever else is not.
        match one(&files, path, &mut out) {
            Ok(true) => {}
            // Nobody reads on.
            Ok(false) => return Ok(()),
            Err(error) => failures.push(error),
        }
    }
    Failures::all(failures)
}

/// Writes one file; false where the reader has gone away.
fn one(files: &Files, path: &str, out: &mut dyn Write) -> Result<bool> {
    let node = files.find(path, Follow::Last)?;
    let mut file = files.stack.file(&node).map_err(|error| match error {
        LayerError::NotAFile { .. } => {
            let path = printable(&node.path);
            anyhow::Error::from(Failure::no(format!(
                "wanted a regular file, found something else: `/{path}`"
            )))
        }
        error => error.into(),
    })?;
    let size = usize::try_from(file.size()).unwrap_or(usize::MAX);
    let mut buffer = vec![0; size.clamp(4 << 10, 256 << 10)];
    loop {
        let read = match file.read(&mut buffer) {
            Ok(0) => return Ok(true),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(failed(error).context(format!("reading `{path}`"))),
        };
        match out.write_all(&buffer[..read]) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(false),
            written => written.context("writing to standard output")?,
        }
    }
}

/// An error of reading, as what it is.
pub fn failed(error: io::Error) -> anyhow::Error {
    match error.downcast::<LayerError>() {
        Ok(error) => error.into(),
        Err(error) => error.into(),
    }
}
