//! Where signatures are, as this machine is configured (registries.d), and what becomes of them where images are copied.

use std::cell::OnceCell;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use cap_std::ambient_authority;
use cap_std::fs::Dir;

use consign::policy::{
    Attachments, Carrying, DirectorySignatures, Lookaside, RegistriesD, RegistrySignatures, Signatures,
    Signer, Staging, Storage,
};
use consign::pull::Place;
use consign::registry::Repository;
use consign::resolve::name;
use consign::source::Source;
use consign::types::ImageName;
use consign::types::transports::{ImageReference, PolicyScope, Transport};

use super::args::{Reached, Signed};
use super::destination::Destination;
use super::failure::Failure;
use super::policy::{SYSTEM, USER};
use super::session::{Session, absolute};

const DIRECTORY: &str = "registries.d";
/// Where lookaside storages are that registries.d says nothing of: root's, and those of other users.
const LOOKASIDE: &str = "/var/lib/containers/sigstore";
const USER_LOOKASIDE: &str = ".local/share/containers/sigstore";

/// What registries.d says, read when it is asked for.
pub struct SignaturePlaces<'a> {
    session: &'a Session,
    /// The directory, where it is not the usual one.
    directory: Option<&'a Path>,
    known: OnceCell<RegistriesD>,
}

impl<'a> SignaturePlaces<'a> {
    pub fn new(session: &'a Session, directory: Option<&'a Path>) -> SignaturePlaces<'a> {
        SignaturePlaces { session, directory, known: OnceCell::new() }
    }

    fn configured(&self) -> Result<&RegistriesD> {
        if let Some(known) = self.known.get() {
            return Ok(known);
        }
        let own = absolute("HOME").map(|home| home.join(USER).join(DIRECTORY)).filter(|own| own.exists());
        let path = match (self.directory, own) {
            (Some(path), _) => path.to_owned(),
            (None, Some(own)) => own,
            (None, None) => Path::new(SYSTEM).join(DIRECTORY),
        };
        let read = match open(&path)? {
            Some(directory) => RegistriesD::read(&directory, &path.display().to_string())?,
            None => RegistriesD::default(),
        };
        Ok(self.known.get_or_init(|| read))
    }

    /// Where signatures of what is in a registry are.
    pub fn at(&self, place: &Place, reached: &Reached) -> Result<Box<dyn Signatures>> {
        let there = scope(self.session, &docker(&place.name), None)?;
        let configured = self.configured()?;
        let lookaside = self.lookaside(configured, &there, place, reached)?;
        let mut places: Vec<Box<dyn Signatures>> =
            vec![Box::new(RegistrySignatures { repository: place.repository.clone(), lookaside })];
        if configured.uses_attachments(&there) {
            places.push(Box::new(Attachments(place.repository.clone())));
        }
        Ok(Box::new(places))
    }

    /// The lookaside storage for images from this place.
    fn lookaside(
        &self,
        configured: &RegistriesD,
        scope: &PolicyScope,
        place: &Place,
        reached: &Reached,
    ) -> Result<Lookaside> {
        let repository = place.name.path.as_str();
        let directory = |path: &Path| Ok::<_, anyhow::Error>(Storage::Directory(open(path)?));
        let here = |storage| Lookaside { storage, path: repository.to_owned() };
        match configured.lookaside(scope) {
            None => Ok(here(directory(&default_lookaside())?)),
            Some(url) => match url.strip_prefix("file://") {
                Some(path) => Ok(here(directory(Path::new(path))?)),
                None => {
                    let sandbox = self.session.sandbox();
                    let wrong =
                        || Failure::usage(format!("wanted the URL of a lookaside storage, found `{url}`"));
                    let url = sandbox.locate_url(url, "")?.ok_or_else(wrong)?;
                    let server = self.session.remote().server(self.session, &url, reached)?;
                    let path = format!("{}/{repository}", url.target.trim_end_matches('/'));
                    Ok(Lookaside { storage: Storage::Server(server), path })
                }
            },
        }
    }

    /// Where signatures are put of what a registry is given under this name.
    fn staging(&self, image: &ImageName, repository: &Repository) -> Result<Staging> {
        let scope = scope(self.session, &docker(image), None)?;
        let configured = self.configured()?;
        let storage = match configured.staging(&scope) {
            None => Some(default_lookaside()),
            Some(url) => url.strip_prefix("file://").map(PathBuf::from),
        };
        let open = |storage: PathBuf| -> Box<dyn Fn() -> io::Result<Dir> + Send + Sync> {
            Box::new(move || {
                std::fs::create_dir_all(&storage)?;
                Dir::open_ambient_dir(&storage, ambient_authority())
            })
        };
        let attachments = configured.uses_attachments(&scope).then(|| repository.clone());
        Ok(Staging { storage: storage.map(open), path: image.path.clone(), attachments })
    }

    /// What becomes of an image's signatures, which are in these places, and who signs it. Tells the destination where
    /// to put them.
    pub fn carried(
        &self,
        places: Box<dyn Signatures>,
        signed: &Signed,
        to: &mut Destination,
    ) -> Result<Carrying> {
        if let Some((place, image)) = to.registry_place() {
            place.staging = Some(Arc::new(self.staging(image, &place.repository)?));
        }
        let signer = match &signed.sign_by {
            None => None,
            Some(key) => {
                let own = to.registry_place().map(|(_, image)| name(image));
                let unknown = || {
                    Failure::usage("wanted a name to sign for: the destination has none")
                        .hint("--sign-identity names one")
                };
                Some(Signer {
                    key: key.clone(),
                    passphrase_file: signed.sign_passphrase_file.clone(),
                    identity: signed.sign_identity.clone().or(own).ok_or_else(unknown)?,
                })
            }
        };
        let places = if signed.remove_signatures { Box::new(()) } else { places };
        Ok(Carrying { places, signer, sandbox: self.session.sandbox_handle() })
    }
}

/// Where signatures of what a source holds are: in an image directory.
pub fn beside(source: &dyn Source, reference: &ImageReference) -> Result<Box<dyn Signatures>> {
    let path = reference.path.as_deref().map(Path::new);
    Ok(match (reference.transport, path, source.roots()) {
        (Transport::Dir, Some(path), [root]) => Box::new(DirectorySignatures {
            directory: Dir::open_ambient_dir(path, ambient_authority())
                .with_context(|| format!("opening the directory `{}`", path.display()))?,
            root: root.descriptor.digest.parse()?,
        }),
        _ => Box::new(()),
    })
}

/// Where trust in an image, and its signatures, are looked up.
pub fn scope(session: &Session, reference: &ImageReference, path: Option<&str>) -> Result<PolicyScope> {
    let found = session.sandbox().policy_scope(reference, path)?;
    found.context("an image that policies know no name for")
}

/// An image in a registry, as policies take it.
pub fn docker(image: &ImageName) -> ImageReference {
    ImageReference { name: Some(exact(image)), ..reference(Transport::Docker) }
}

/// A name as policies take it: of a tag and a digest the digest counts, without either it is `latest`.
pub fn exact(image: &ImageName) -> ImageName {
    let tag = match (&image.digest, &image.tag) {
        (Some(_), _) => None,
        (None, tag) => Some(tag.clone().unwrap_or_else(|| "latest".to_owned())),
    };
    ImageName { tag, ..image.clone() }
}

/// Of a transport, and nothing more.
pub fn reference(transport: Transport) -> ImageReference {
    ImageReference {
        transport,
        path: None,
        files: Vec::new(),
        name: None,
        unknown_digest: false,
        id: None,
        ref_name: None,
        position: None,
        store: None,
    }
}

/// `None`: it is not there.
pub fn open(path: &Path) -> Result<Option<Dir>> {
    match Dir::open_ambient_dir(path, ambient_authority()) {
        Ok(directory) => Ok(Some(directory)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("opening the directory `{}`", path.display())),
    }
}

fn default_lookaside() -> PathBuf {
    match absolute("HOME") {
        Some(home) if !rustix::process::geteuid().is_root() => home.join(USER_LOOKASIDE),
        _ => LOOKASIDE.into(),
    }
}
