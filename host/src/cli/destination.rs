//! Where images go: a registry, an archive, a directory, the store.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use serde_json::{Value, json};

use consign::docker_daemon::{Daemon, SendError};
use consign::load::{self, Count, Progress};
use consign::push;
use consign::resolve::name;
use consign::save::{self, Absent, Options, Origin, Saved, SavedRoot, Wanted};
use consign::store::{EventKind, EventRecord};
use consign::types::transports::Transport;
use consign::types::{Descriptor, ImageName};

use super::args::{Form, Reached};
use super::failure::Failure;
use super::session::Session;
use super::{docker_daemon, document, image, save as saving};

/// Somewhere an image can go.
pub enum Destination {
    /// The store, under this name.
    Store(ImageName),
    /// A registry, and what it is called by whoever writes there.
    Registry(Box<push::Place>, ImageName),
    /// Docker, under this name.
    Daemon(Daemon, ImageName),
    /// A file or a directory.
    Local(Local),
}

/// A file or a directory.
pub struct Local {
    form: Form,
    path: PathBuf,
    /// As it is called in a docker archive.
    name: Option<ImageName>,
    /// As it is called in a layout.
    ref_name: Option<String>,
}

/// What came of it.
pub struct Done {
    /// What was read.
    pub stored: Descriptor,
    /// What is there in its place.
    pub written: Descriptor,
    /// What it has there of its images.
    pub images: Vec<Value>,
    pub absent: usize,
    pub sent: Count,
    pub mounted: Count,
    pub present: Count,
    /// What was attached to it and went along.
    pub attachments: Vec<Value>,
}

impl Destination {
    /// What `text` names. Without a transport: a name in the store.
    pub fn of(session: &Session, text: &str, reached: &Reached) -> Result<Destination> {
        match session.sandbox().transport_of(text)? {
            None => Ok(Destination::Store(session.tag_or_digest(text)?)),
            Some(transport) => Destination::at(session, transport, text, reached),
        }
    }

    /// As podman push reads it: what has no transport is a name in a registry.
    pub fn to_push_to(session: &Session, text: &str, reached: &Reached) -> Result<Destination> {
        match session.sandbox().transport_of(text)? {
            None => Destination::registry(session, &session.tag_or_digest(text)?, reached),
            Some(transport) => Destination::at(session, transport, text, reached),
        }
    }

    fn at(session: &Session, transport: Transport, text: &str, reached: &Reached) -> Result<Destination> {
        let reference = image::reference(session, text)?;
        let form = match transport {
            Transport::Docker => {
                let wanted = || Failure::usage(format!("wanted a name to write to, found `{text}`"));
                let name = reference.name.ok_or_else(wanted)?;
                return Destination::registry(session, &name, reached);
            }
            Transport::DockerDaemon => {
                let named = reference.name.filter(|name| name.tag.is_some());
                let wanted = || Failure::usage(format!("wanted a name with a tag, found `{text}`"));
                let daemon = docker_daemon::connect(session, reached)?;
                return Ok(Destination::Daemon(daemon, named.ok_or_else(wanted)?));
            }
            Transport::DockerArchive => Form::DockerArchive,
            Transport::OciArchive => Form::OciArchive,
            Transport::Oci => Form::OciDir,
            Transport::Dir => Form::DockerDir,
            _ => {
                return Err(Failure::usage(format!("images cannot be written there: `{text}`"))
                    .hint(
                        "docker://, docker-daemon:, docker-archive:, oci-archive:, oci: and dir: are written",
                    )
                    .into());
            }
        };
        if reference.position.is_some() {
            let message = format!("wanted a name for what is written, found a position: `{text}`");
            return Err(Failure::usage(message).into());
        }
        let path = reference.path.map(PathBuf::from).context("a transport of files names no file")?;
        Ok(Destination::Local(Local { form, path, name: reference.name, ref_name: reference.ref_name }))
    }

    fn registry(session: &Session, image: &ImageName, reached: &Reached) -> Result<Destination> {
        let (repository, at) = session.remote().own(session, image, reached)?;
        let digest = at.digest.as_deref().map(str::parse).transpose()?;
        let tag = at.tag.or_else(|| digest.is_none().then(|| "latest".to_owned()));
        let place = push::Place { repository, tags: tag.iter().cloned().collect(), digest, staging: None };
        let called = ImageName { tag: tag.filter(|_| image.digest.is_none()), ..image.clone() };
        Ok(Destination::Registry(Box::new(place), called))
    }

    /// Where in a registry that is, and what it is called.
    pub fn registry_place(&mut self) -> Option<(&mut push::Place, &ImageName)> {
        match self {
            Destination::Registry(place, called) => Some((place, called)),
            _ => None,
        }
    }

    /// Gives what is written one more tag.
    pub fn add_tag(&mut self, session: &Session, text: &str) -> Result<()> {
        let Destination::Registry(place, _) = self else {
            return Err(Failure::usage("only in a registry an image can have additional tags").into());
        };
        // A tag alone, or a name in full, as skopeo wants it.
        let tag =
            if text.contains([':', '/']) { session.tag_or_digest(text)?.tag } else { Some(text.to_owned()) };
        place.tags.push(tag.with_context(|| format!("wanted a tag, found `{text}`"))?);
        Ok(())
    }

    /// Whether what is written has the digest it had.
    pub fn keeps_digests(&self) -> bool {
        let is_archive = |local: &Local| local.form == Form::DockerArchive;
        !matches!(self, Destination::Daemon(..))
            && !matches!(self, Destination::Local(local) if is_archive(local))
    }

    /// Writes an image there.
    pub fn write(
        &self,
        session: &Session,
        from: &Origin,
        wanted: &Wanted,
        options: &Options<'_>,
        progress: &dyn Progress,
    ) -> Result<Done> {
        match self {
            Destination::Registry(place, _) => {
                let pushed = push::push(from, session.sandbox(), wanted, options, place, progress)?;
                Ok(Done {
                    sent: pushed.written,
                    mounted: pushed.mounted,
                    present: pushed.present,
                    ..Done::of(&pushed.root)
                })
            }
            Destination::Daemon(daemon, name) => {
                to_daemon(session, from, wanted, options, (daemon, name), progress)
            }
            Destination::Local(local) => local.write(session, from, wanted, options, progress),
            Destination::Store(name) => into_store(session, from, wanted, options, name, progress),
        }
    }
}

impl Done {
    fn of(root: &SavedRoot) -> Done {
        Done {
            stored: root.stored.clone(),
            written: root.written.clone(),
            images: root.images.iter().map(saving::image_entry).collect(),
            absent: root.absent.len(),
            sent: Count::default(),
            mounted: Count::default(),
            present: Count::default(),
            attachments: Vec::new(),
        }
    }

    /// As a document.
    pub fn entry(&self) -> Value {
        let count = |count: &Count| json!({"blobs": count.blobs, "bytes": count.bytes});
        json!({
            "stored": document::descriptor(&self.stored),
            "written": document::descriptor(&self.written),
            "images": self.images,
            "sent": count(&self.sent),
            "mounted": count(&self.mounted),
            "present": count(&self.present),
            "attachments": self.attachments,
        })
    }
}

impl Local {
    fn write(
        &self,
        session: &Session,
        from: &Origin,
        wanted: &Wanted,
        options: &Options<'_>,
        progress: &dyn Progress,
    ) -> Result<Done> {
        let names = match self.form {
            Form::DockerArchive => self.name.iter().cloned().collect(),
            _ => Vec::new(),
        };
        let images = [Wanted { target: wanted.target.clone(), names }];
        let absent = match self.form {
            // It holds one image of an index, whatever else that lists.
            Form::DockerArchive => Absent::Drop,
            _ => options.absent,
        };
        let (ref_name, choice) = (self.ref_name.clone(), options.choice.clone());
        let options = Options { absent, ref_name, choice, ..*options };
        let save = |destination: save::Destination<'_>| {
            Ok(save::save(from.clone(), session.sandbox(), &images, &options, destination, progress)?)
        };
        self.refuse_archive()?;
        let saved = match self.layout()? {
            Some(layout) => save(save::Destination::Layout(&layout)),
            None => saving::Place::at(&self.path, self.form)?.fill(self.form, save),
        };
        let saved = saved.with_context(|| format!("writing `{}`", self.path.display()))?;
        written(from, &saved, self.path.display().to_string())
    }

    /// An archive that is there is not added to, and, as with skopeo, not replaced.
    fn refuse_archive(&self) -> Result<()> {
        let there = self.path.metadata().is_ok_and(|file| file.is_file() && file.len() > 0);
        if self.form != Form::DockerArchive || !there {
            return Ok(());
        }
        let path = self.path.display();
        Err(Failure::usage(format!("wanted a new file, found one with something in it: `{path}`"))
            .hint("`consign save` replaces archives, and writes several images into one")
            .into())
    }

    /// The layout that is there and is added to.
    fn layout(&self) -> Result<Option<Dir>> {
        if self.form != Form::OciDir || !self.path.join("index.json").exists() {
            return Ok(None);
        }
        let opened = Dir::open_ambient_dir(&self.path, ambient_authority());
        opened.map(Some).with_context(|| format!("opening the directory `{}`", self.path.display()))
    }
}

/// What was written, which the store it is from records.
fn written(from: &Origin, saved: &Saved, to: String) -> Result<Done> {
    let root = saved.roots.first().context("nothing was written")?;
    if let Some(store) = from.store()
        && !store.is_read_only()
    {
        let mut event =
            EventRecord::new(EventKind::Push).name(to).attribute("digest", root.written.digest.clone());
        if let [image] = root.images.as_slice() {
            event = event.image(&image.id);
        }
        store.events().record(&[event]).context("recording what was written")?;
    }
    Ok(Done { sent: saved.blobs, ..Done::of(root) })
}

/// Has Docker take an image in, as an archive that is written while it is sent.
fn to_daemon(
    session: &Session,
    from: &Origin,
    wanted: &Wanted,
    options: &Options<'_>,
    (daemon, called): (&Daemon, &ImageName),
    progress: &dyn Progress,
) -> Result<Done> {
    let images = [Wanted { target: wanted.target.clone(), names: vec![called.clone()] }];
    let (ref_name, choice) = (options.ref_name.clone(), options.choice.clone());
    // It holds one image of an index, whatever else that lists.
    let options = Options { absent: Absent::Drop, ref_name, choice, ..*options };
    let sent = daemon.send(|out| {
        let archive = save::Destination::DockerArchive(out);
        save::save(from.clone(), session.sandbox(), &images, &options, archive, progress)
    });
    let (saved, _) = sent.map_err(|error| match error {
        // Its causes, and what it says for the exit code, are its own.
        SendError::Archive(error) => anyhow::Error::from(error),
        error => error.into(),
    })?;
    written(from, &saved, format!("docker-daemon:{}", name(called)))
}

/// Takes an image into the store. Its bytes stay as they are.
fn into_store(
    session: &Session,
    from: &Origin,
    wanted: &Wanted,
    options: &Options<'_>,
    called: &ImageName,
    progress: &dyn Progress,
) -> Result<Done> {
    let Origin::Source(source) = from else {
        return Err(Failure::usage(format!("`{}` is in the store already", wanted.target.digest))
            .hint("`consign tag` gives an image another name")
            .into());
    };
    if options.kinds.is_some() || options.compress.is_some() {
        return Err(Failure::usage("in the store an image stays as it came")
            .hint("what changes an image is done on its way out of the store")
            .into());
    }
    let source = source.source();
    let position = source.roots().iter().position(|root| root.descriptor == wanted.target);
    let only = save::leading_to(from, session.sandbox(), wanted, options)?;
    let loading = load::Options {
        roots: vec![position.context("a source's roots changed while they were read")?],
        only,
        called: Some(called.clone()),
        recorded_as: Some(EventKind::Pull),
        origin: Some(name(called)),
        trust: options.trust.cloned(),
        ..load::Options::default()
    };
    let loaded = load::load(&*session.store()?, source, session.sandbox(), &loading, progress)?;
    let root = loaded.roots.first().context("nothing was loaded")?;
    Ok(Done {
        stored: wanted.target.clone(),
        written: root.descriptor.clone(),
        images: root.images.iter().map(super::load::image_entry).collect(),
        absent: root.absent.len(),
        sent: loaded.written,
        mounted: Count::default(),
        present: loaded.present,
        attachments: Vec::new(),
    })
}

/// Writes a digest into a file, as podman and skopeo do.
pub fn write_digest(path: Option<&Path>, digest: &str) -> Result<()> {
    let Some(path) = path else { return Ok(()) };
    std::fs::write(path, digest).with_context(|| format!("writing `{}`", path.display()))
}
