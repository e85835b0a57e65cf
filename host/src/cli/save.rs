//! `consign save`: images out of the store, as an archive or a directory.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use serde_json::{Value, json};

use consign::load::Progress;
use consign::resolve::name;
use consign::save::output::{NewDirectory, NewFile};
use consign::save::{
    self, Absent, Destination, Options, SaveError, Saved, SavedImage, SavedRoot, Sharing, Wanted,
};
use consign::store::{EventKind, EventRecord, Store};
use consign::types::resolution::{self, Matched};

use super::args::{Form, Format, Save};
use super::failure::Failure;
use super::image::Opened;
use super::progress::Bars;
use super::refusal::{self, with_hint};
use super::session::{Session, spool};
use super::{document, image, output};

pub fn run(session: &Session, arguments: &Save) -> Result<()> {
    let place = Place::of(arguments)?;
    let choice = session.options(&arguments.wanted)?;
    let (store, opened, mut wanted) = find(session, arguments, &choice)?;
    match wanted.as_mut_slice() {
        [alone] => {
            for text in &arguments.additional_tag {
                alone.names.push(super::name::new_name(session, text)?);
            }
        }
        _ if !arguments.additional_tag.is_empty() => {
            let found = wanted.len();
            let message = format!("wanted one image to give another name to, found {found}");
            return Err(Failure::usage(message).into());
        }
        _ => {}
    }
    let spool = spool();
    let linked = arguments.link || !rustix::process::geteuid().is_root();
    let options = Options {
        absent: match (arguments.sparse, arguments.all_platforms) {
            (true, _) => Absent::Keep,
            (_, true) => Absent::Refuse,
            _ => Absent::Drop,
        },
        compress: arguments.compress,
        spool: spool.as_ref(),
        // Root gives directories away; with hard links it would give the store away.
        sharing: if linked { Sharing::Link } else { Sharing::Clone },
        ..Options::new(choice)
    };
    let bars = (output::watched() && !arguments.quiet).then(Bars::new);
    let progress: &dyn Progress = bars.as_ref().map_or(&(), |bars| bars);
    let saved = place.fill(arguments.format, |destination| {
        save::save(&*store, session.sandbox(), &wanted, &options, destination, progress).map_err(|error| {
            match (error, opened.first()) {
                (SaveError::Resolve(error), Some(image)) => with_hint(error, image),
                (error, _) => error.into(),
            }
        })
    });
    drop(bars);
    match saved {
        // Nobody reads on: that is no mistake.
        Err(error) if place == Place::Stdout && is_broken_pipe(&error) => Ok(()),
        saved => {
            let saved = saved.with_context(|| format!("saving to {place}"))?;
            record(&store, &saved, &place)?;
            show(&saved, &place, arguments)
        }
    }
}

/// The first of the stores that has everything that is to be saved, and what it has.
fn find(
    session: &Session,
    arguments: &Save,
    choice: &resolution::Options,
) -> Result<(Arc<Store>, Vec<Opened>, Vec<Wanted>)> {
    let lookup = arguments.looked_up.lookup;
    let mut failed = None;
    for store in session.stores()? {
        let locate = |text: &String| {
            let stores = std::slice::from_ref(store);
            let image =
                image::open_in_by(session, text, stores, lookup, choice).map_err(refusal::looked_up)?;
            let located = image.located(session, choice).map_err(|error| with_hint(error, &image))?;
            let names = match located.matched {
                Matched::Name(name) => vec![name],
                _ => image.name().cloned().into_iter().collect(),
            };
            Ok((image, Wanted { target: located.target, names }))
        };
        match arguments.images.iter().map(locate).collect::<Result<Vec<_>>>() {
            Ok(found) => {
                let (opened, wanted) = found.into_iter().unzip();
                return Ok((store.clone(), opened, wanted));
            }
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    Err(failed.unwrap_or_else(|| Failure::no("there is no store").into()))
}

/// Records the save, where the store can be written to.
fn record(store: &Store, saved: &Saved, place: &Place) -> Result<()> {
    if store.is_read_only() {
        return Ok(());
    }
    let to = match place {
        Place::Stdout => "-".to_owned(),
        Place::Device(path) => path.display().to_string(),
        Place::New(parent, name) => parent.join(name).display().to_string(),
    };
    let event = |root: &SavedRoot| {
        let mut event = EventRecord::new(EventKind::Save)
            .name(to.clone())
            .attribute("digest", root.stored.digest.clone());
        if let [image] = root.images.as_slice() {
            event = event.image(&image.id);
        }
        if !root.names.is_empty() {
            event = event.attribute("names", root.names.iter().map(name).collect::<Vec<_>>().join(" "));
        }
        event
    };
    let events: Vec<EventRecord> = saved.roots.iter().map(event).collect();
    store.events().record(&events).context("recording the save")
}

/// Where to.
#[derive(Debug, PartialEq, Eq)]
pub enum Place {
    Stdout,
    /// A device, a pipe: what is there is written to.
    Device(PathBuf),
    /// A file or directory to be made: the directory around it, and its name.
    New(PathBuf, PathBuf),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Place::Stdout => f.write_str("standard output"),
            Place::Device(path) => write!(f, "`{}`", path.display()),
            Place::New(parent, name) => write!(f, "`{}`", parent.join(name).display()),
        }
    }
}

impl Place {
    fn of(arguments: &Save) -> Result<Place> {
        let directory = is_directory(arguments.format);
        let wanted = wanted(arguments.format);
        let path = match arguments.output.as_deref() {
            Some(path) if path != Path::new("-") => path,
            _ if directory => {
                return Err(Failure::usage(format!("wanted {wanted}, found standard output"))
                    .hint("name one with -o DIR")
                    .into());
            }
            _ if output::shown() => {
                return Err(Failure::usage("wanted a file or a pipe, found a terminal on standard output")
                    .hint("name a file with -o FILE, or redirect with > FILE")
                    .into());
            }
            _ if arguments.report == Format::Json => {
                return Err(Failure::usage("standard output cannot be both the archive and the report")
                    .hint("name a file with -o FILE")
                    .into());
            }
            _ => return Ok(Place::Stdout),
        };
        Place::at(path, arguments.format)
    }

    /// A file or directory, wherever the path leads.
    pub fn at(path: &Path, form: Form) -> Result<Place> {
        let directory = is_directory(form);
        let wanted = wanted(form);
        let wrong = |found: &str| {
            Failure::usage(format!("wanted {wanted}, found {found}: `{}`", path.display())).into()
        };
        // What a link leads to is replaced, not the link.
        let path = match path.canonicalize() {
            Err(error) if error.kind() == ErrorKind::NotFound => path.to_owned(),
            Err(error) => return Err(error).with_context(|| format!("looking for `{}`", path.display())),
            Ok(found) if found.is_dir() && !directory => return Err(wrong("a directory")),
            Ok(found) if found.is_dir() || (found.is_file() && !directory) => found,
            Ok(_) if directory => return Err(wrong("a file")),
            Ok(found) => return Ok(Place::Device(found)),
        };
        let Some(name) = path.file_name() else { return Err(wrong("no name")) };
        let parent = path.parent().unwrap_or(Path::new(""));
        Ok(Place::New(parent.to_owned(), name.into()))
    }

    /// Has it filled, and gives it its name when that went well.
    pub fn fill(&self, form: Form, fill: impl FnOnce(Destination<'_>) -> Result<Saved>) -> Result<Saved> {
        let archive = |out| match form {
            Form::OciArchive => Destination::OciArchive(out),
            _ => Destination::DockerArchive(out),
        };
        let (parent, name) = match self {
            Place::Stdout => return fill(archive(&mut output::raw()?)),
            Place::Device(path) => {
                let mut device = File::options().write(true).open(path)?;
                return fill(archive(&mut device));
            }
            Place::New(parent, name) => {
                let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
                (Dir::open_ambient_dir(parent, ambient_authority())?, name)
            }
        };
        match form {
            Form::DockerArchive | Form::OciArchive => {
                let mut file = NewFile::create(&parent, name)?;
                let saved = fill(match form {
                    Form::OciArchive => Destination::OciArchive(&mut file),
                    _ => Destination::DockerArchiveFile(file.file()),
                })?;
                file.publish()?;
                Ok(saved)
            }
            Form::OciDir | Form::DockerDir => {
                let new = match form {
                    Form::OciDir => NewDirectory::create(&parent, name),
                    _ => NewDirectory::replacing_image(&parent, name),
                };
                let new = new.map_err(|error| match error.kind() {
                    ErrorKind::DirectoryNotEmpty => {
                        anyhow!("wanted {}, found one with something else in it", wanted(form))
                    }
                    _ => error.into(),
                })?;
                let saved = match form {
                    Form::OciDir => fill(Destination::OciDir(new.directory())),
                    _ => fill(Destination::DockerDir(new.directory())),
                }?;
                new.publish()?;
                Ok(saved)
            }
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|error| error.kind() == ErrorKind::BrokenPipe)
}

fn show(saved: &Saved, place: &Place, arguments: &Save) -> Result<()> {
    if arguments.report == Format::Json {
        return output::json(&json!({
            "output": match place {
                Place::Stdout => json!("-"),
                Place::Device(path) => json!(path),
                Place::New(parent, name) => json!(parent.join(name)),
            },
            "roots": saved.roots.iter().map(entry).collect::<Vec<_>>(),
            "written": {"blobs": saved.blobs.blobs, "bytes": saved.blobs.bytes},
        }));
    }
    if arguments.quiet || arguments.sparse || arguments.format == Form::DockerArchive {
        return Ok(());
    }
    for root in &saved.roots {
        let what = root.names.first().map_or_else(|| root.stored.digest.clone(), name);
        let (stored, written) = (&root.stored.digest, &root.written.digest);
        match root.absent.len() {
            0 if arguments.compress.is_some() && stored != written => {
                output::note(&format!("`{what}` is now `{written}`: layers were compressed"));
            }
            0 => {}
            absent => output::note(&format!(
                "`{what}` is now `{written}`, not `{stored}`: {absent} of its images are not in the store; \
                 --sparse keeps the index"
            )),
        }
    }
    Ok(())
}

fn entry(root: &SavedRoot) -> Value {
    json!({
        "stored": document::descriptor(&root.stored),
        "written": document::descriptor(&root.written),
        "names": root.names.iter().map(name).collect::<Vec<_>>(),
        "images": root.images.iter().map(image_entry).collect::<Vec<_>>(),
        "absent": root.absent.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

/// An image that was written.
pub fn image_entry(image: &SavedImage) -> Value {
    json!({
        "id": image.id.to_string(),
        "manifest": image.manifest.as_ref().map(ToString::to_string),
        "platform": document::platform(&image.platform),
    })
}

fn is_directory(form: Form) -> bool {
    matches!(form, Form::OciDir | Form::DockerDir)
}

fn wanted(form: Form) -> &'static str {
    match form {
        Form::OciDir => "a new or empty directory",
        Form::DockerDir => "a new or empty directory, or one with an image (`dir:`)",
        Form::DockerArchive | Form::OciArchive => "a file",
    }
}
