//! `consign cp`: files of an image, copied out.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use cap_std::ambient_authority;
use cap_std::fs::Dir;

use consign::layer::copying::{CopyError, Options, copy, copy_to};
use consign::layer::entry::Kind;
use consign::layer::opened::LayerError;
use consign::layer::tar::write::{WriteError, Writer};
use consign::layer::tree::{Follow, Node};

use super::args::Cp;
use super::failure::Failure;
use super::files::{self, Files, Reading};
use super::output;
use super::session::Session;

pub fn run(session: &Session, arguments: &Cp) -> Result<()> {
    let (image, path) = split(session, &arguments.source)?;
    let reading = Reading { all: false, digests: arguments.verify };
    let files = files::open(session, image, &arguments.reach, reading)?;
    let follow = if arguments.follow_link { Follow::Last } else { Follow::NotLast };
    let node = files.find(path, follow)?;
    let contents = path.ends_with("/.") || path == "/";
    let directory = files.stack.tree().kind(&node)? == Kind::Directory;
    if arguments.destination == Path::new("-") {
        return stream(&files, &node, path, contents && directory);
    }
    let caller = (rustix::process::geteuid().as_raw().into(), rustix::process::getegid().as_raw().into());
    let owner = (!arguments.archive).then_some(caller);
    let options = Options { owner, contents: false, plain: !arguments.archive };
    let name = if contents { b"" } else { name(&node, path) };
    let name = (!name.is_empty() || !directory).then(|| OsStr::from_bytes(name));
    place(&files, &node, name, &arguments.destination, options, directory)
        .with_context(|| format!("copying to `{}`", arguments.destination.display()))
}

/// The image, and the path of what is meant in it: what comes after the first `:/`. Names of images have none.
fn split<'a>(session: &Session, source: &'a str) -> Result<(&'a str, &'a str)> {
    let wrong = || {
        Failure::usage(format!("wanted IMAGE:PATH, found `{source}`"))
            .hint("the path begins with a slash: debian:12:/etc/os-release")
    };
    // What is read in place has a path of its own.
    let start = match session.sandbox().transport_of(source)? {
        Some(_) => source.find(':').map_or(0, |at| at + 1),
        None => 0,
    };
    let at = source[start..].find(":/").map(|at| start + at).ok_or_else(wrong)?;
    let (image, path) = (&source[..at], &source[at + 1..]);
    if image.is_empty() { Err(wrong().into()) } else { Ok((image, path)) }
}

/// The name that a copy has where none is given.
fn name<'a>(node: &'a Node, path: &'a str) -> &'a [u8] {
    // A link that was followed is called as it was written.
    let written = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    match written {
        "" | "." | ".." => node.name(),
        written => written.as_bytes(),
    }
}

/// A tar to standard output, as `docker cp` writes it.
fn stream(files: &Files, node: &Node, path: &str, contents: bool) -> Result<()> {
    if output::shown() {
        return Err(Failure::usage("wanted a pipe or a file for the tar, found a terminal").into());
    }
    let mut writer = Writer::new(std::io::BufWriter::with_capacity(256 << 10, output::raw()?));
    let name = if contents { b"" } else { name(node, path) };
    let options = Options { contents: contents || name.is_empty(), ..Options::default() };
    let copied = copy(&files.stack, node, name, options, &mut writer).map_err(failed);
    let finished = copied.and_then(|()| writer.finish().map(drop).map_err(|error| anyhow!(error)));
    match finished {
        Err(error) if gone(&error) => Ok(()),
        finished => finished,
    }
}

/// Whether the reader of the tar has gone away.
fn gone(error: &anyhow::Error) -> bool {
    let pipe = |error: &WriteError| error.source.kind() == ErrorKind::BrokenPipe;
    error.chain().any(|cause| cause.downcast_ref().is_some_and(pipe))
}

/// The error; what a file's content turned out to be is what matters.
fn failed(error: CopyError<WriteError>) -> anyhow::Error {
    match error {
        CopyError::Read { path, source }
            if source.get_ref().is_some_and(|inner| inner.is::<LayerError>()) =>
        {
            super::cat::failed(source).context(format!("reading `{path}`"))
        }
        CopyError::Write(error) => error.into(),
        error => error.into(),
    }
}

fn place(
    files: &Files,
    node: &Node,
    name: Option<&OsStr>,
    destination: &Path,
    options: Options,
    directory: bool,
) -> Result<()> {
    let open = |path: &Path| {
        Dir::open_ambient_dir(path, ambient_authority())
            .with_context(|| format!("opening the directory `{}`", path.display()))
    };
    let there = match std::fs::metadata(destination) {
        Ok(metadata) => Some(metadata.is_dir()),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error.into()),
    };
    let slash = destination.as_os_str().as_bytes().ends_with(b"/");
    match there {
        Some(true) => Ok(copy_to(&files.stack, node, &open(destination)?, name, options)?),
        Some(false) if directory || slash => {
            Err(Failure::usage("wanted a directory, found something else").into())
        }
        None if slash && !directory => Err(Failure::usage("wanted a directory, which is not there").into()),
        _ => {
            let name = destination.file_name().ok_or_else(|| Failure::usage("wanted a name, found none"))?;
            let parent = destination.parent().filter(|parent| !parent.as_os_str().is_empty());
            let parent = open(parent.unwrap_or(Path::new(".")))?;
            Ok(copy_to(&files.stack, node, &parent, Some(name), options)?)
        }
    }
}
