//! `consign unpack`: an image's root file system, or a bundle for a runtime, in a directory.

use std::fs::Permissions;
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, DirBuilder};
use cap_std::fs::{DirBuilderExt as _, MetadataExt as _};
use serde_json::{Value, json};

use consign::save::output::NewDirectory;
use consign::types::resolution::Resolved;
use consign::unpack::{
    self, EntryError, Failure as Unwritten, Losses, Lost, Options, Report, UnpackError, bundle,
};

use super::args::{Format, Unpack};
use super::failure::Failure;
use super::image::Opened;
use super::refusal::{self, with_hint};
use super::session::Session;
use super::{image, output};

/// Failures that are printed one by one.
const SHOWN: usize = 20;

pub fn run(session: &Session, arguments: &Unpack) -> Result<()> {
    let place = Place::of(&arguments.directory)?;
    let options = session.options(&arguments.wanted)?;
    let lookup = arguments.looked_up.lookup;
    let opened = image::open_by(session, &arguments.image, lookup, &options, &arguments.reached)
        .map_err(refusal::looked_up)?;
    let resolved = opened.resolve(session, &options).map_err(|error| with_hint(error, &opened))?;
    let report = place
        .fill(|directory| write(session, arguments, &opened, &resolved, directory))
        .map_err(|error| hinted(error, arguments))
        .with_context(|| format!("unpacking to `{}`", arguments.directory.display()))?;
    show(&report, arguments)
}

fn write(
    session: &Session,
    arguments: &Unpack,
    opened: &Opened,
    resolved: &Resolved,
    directory: &Dir,
) -> Result<Report> {
    let layers = opened.layers(resolved)?;
    let options = Options {
        rootless: arguments.rootless,
        keep_going: arguments.keep_going,
        layers_at_once: std::thread::available_parallelism().map_or(2, |cores| cores.get().clamp(2, 4)),
        ..Options::default()
    };
    if !arguments.bundle {
        return Ok(unpack::unpack(&*layers, directory, &options)?);
    }
    // What cannot be converted need not be unpacked.
    let config = image::config(session, opened, resolved)?;
    let mut private = DirBuilder::new();
    directory.create_dir_with(bundle::ROOTFS, private.mode(0o700))?;
    let report = unpack::unpack(&*layers, &directory.open_dir(bundle::ROOTFS)?, &options)?;
    let caller = || (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let options = bundle::Options { rootless: arguments.rootless.then(caller) };
    bundle::write(directory, &config, options)?;
    Ok(report)
}

/// Where the files go.
enum Place {
    /// A name in this directory.
    New(PathBuf, PathBuf),
    /// An empty directory.
    There(Dir),
}

impl Place {
    fn of(path: &Path) -> Result<Place> {
        let wrong = |found: &str| -> anyhow::Error {
            let path = path.display();
            Failure::usage(format!("wanted a new or empty directory, found {found}: `{path}`")).into()
        };
        let there = match Dir::open_ambient_dir(path, ambient_authority()) {
            Ok(there) => there,
            Err(error) if error.kind() == ErrorKind::NotFound && path.is_symlink() => {
                return Err(wrong("a link that leads nowhere"));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let Some(name) = path.file_name() else { return Err(wrong("no name")) };
                let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
                return Ok(Place::New(parent.unwrap_or(Path::new(".")).to_owned(), name.into()));
            }
            Err(error) if error.kind() == ErrorKind::NotADirectory => return Err(wrong("a file")),
            Err(error) => return Err(error).with_context(|| format!("opening `{}`", path.display())),
        };
        let entries = there.entries().and_then(|mut entries| entries.next().transpose());
        match entries.with_context(|| format!("reading `{}`", path.display()))? {
            Some(_) => Err(wrong("one with something in it")),
            None => Ok(Place::There(there)),
        }
    }

    /// Has it filled. Where that fails nothing is left.
    fn fill(&self, write: impl FnOnce(&Dir) -> Result<Report>) -> Result<Report> {
        match self {
            Place::New(parent, name) => {
                let parent = Dir::open_ambient_dir(parent, ambient_authority())
                    .with_context(|| format!("opening `{}`", parent.display()))?;
                let new = NewDirectory::create(&parent, name)?;
                let report = write(new.directory()).inspect_err(|_| discard(new.directory()))?;
                new.publish()?;
                Ok(report)
            }
            Place::There(directory) => {
                let mode = directory.dir_metadata()?.mode();
                write(directory).inspect_err(|_| {
                    discard(directory);
                    let mode = Permissions::from_mode(mode & 0o7777);
                    let _ = directory.set_permissions(".", cap_std::fs::Permissions::from_std(mode));
                })
            }
        }
    }
}

fn discard(directory: &Dir) {
    if let Err(error) = unpack::discard(directory) {
        output::note(&format!("consign: removing what was written failed: {error}"));
    }
}

/// The error, with a hint where somebody else could have done it.
fn hinted(error: anyhow::Error, arguments: &Unpack) -> anyhow::Error {
    let denied = |source: &io::Error| source.kind() == ErrorKind::PermissionDenied;
    match error.downcast_ref::<UnpackError>() {
        Some(UnpackError::Entry(Unwritten { error: EntryError::System { source, .. }, .. }))
            if denied(source) && !arguments.rootless =>
        {
            Failure::usage(error.to_string()).hint("only root gives files away; use --rootless").into()
        }
        _ => error,
    }
}

fn show(report: &Report, arguments: &Unpack) -> Result<()> {
    if arguments.format == Format::Json {
        output::json(&document(report))?;
    } else {
        if !arguments.quiet {
            report.lost.iter().for_each(|(lost, losses)| output::note(&told(*lost, losses)));
        }
        for failure in report.failures.iter().take(SHOWN) {
            output::note(&output::printable(&format!("consign: {}", unwritten(failure))));
        }
    }
    match report.failed {
        0 => Ok(()),
        failed => Err(Failure::no(format!("{failed} of {} entries were not written", report.entries)).into()),
    }
}

fn unwritten(failure: &Unwritten) -> String {
    let path = String::from_utf8_lossy(&failure.path);
    format!("layer {}: `{path}`: {}", failure.layer, failure.error)
}

fn told(lost: Lost, losses: &Losses) -> String {
    let Losses { count, path, what } = losses;
    let (path, what) = (String::from_utf8_lossy(path), String::from_utf8_lossy(what));
    let text = match lost {
        Lost::Owner => format!("{count} owners could not be recorded, the first of `{path}`"),
        Lost::Attribute => {
            format!("{count} extended attributes could not be set, the first `{what}` of `{path}`")
        }
        Lost::Device => format!("{count} devices are empty files, the first `{path}`"),
        Lost::Link => {
            format!(
                "{count} hard links are copies, as the file system takes no more: the first `{path}` of `{what}`"
            )
        }
    };
    output::printable(&text).into_owned()
}

/// The report as a document. Field names are stable.
fn document(report: &Report) -> Value {
    let lost = |lost: Lost| {
        report.lost.get(&lost).map(|losses| {
            json!({
                "count": losses.count,
                "path": String::from_utf8_lossy(&losses.path),
                "what": String::from_utf8_lossy(&losses.what),
            })
        })
    };
    json!({
        "entries": report.entries,
        "bytes": report.bytes,
        "lost": {
            "owners": lost(Lost::Owner),
            "attributes": lost(Lost::Attribute),
            "devices": lost(Lost::Device),
            "links": lost(Lost::Link),
        },
        "failed": report.failed,
        "failures": report.failures.iter().map(|failure| json!({
            "layer": failure.layer,
            "path": String::from_utf8_lossy(&failure.path),
            "error": failure.error.to_string(),
        })).collect::<Vec<_>>(),
    })
}
