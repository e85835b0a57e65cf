//! Where Podman's storage is: the paths of containers/storage (containers-storage.conf(5)).

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use cap_std::ambient_authority;
use cap_std::fs::Dir;

use consign::containers_storage::conf::StorageConf;
use consign::containers_storage::{Driver, Location, Storage};
use consign::source::Source;
use consign::transport::containers_storage::{Manifests, StoredImage};
use consign::types::transports::{ImageReference, StorageAnswer, StoreLocation};

use super::failure::Failure;
use super::session::{Session, absolute};

const SYSTEM: [&str; 2] = ["/etc/containers/storage.conf", "/usr/share/containers/storage.conf"];
const GRAPH_ROOT: &str = "/var/lib/containers/storage";
/// Options of a driver that name an additional store: `overlay.imagestore`, or without the driver's name.
const IMAGE_STORE: &str = "imagestore";

/// What has to be known of a storage before a text can be read as the name of an image in it.
pub fn answer(session: &Session, text: &str) -> Result<Option<StorageAnswer>> {
    let Some(question) = session.sandbox().ask_storage(text)? else { return Ok(None) };
    let Some(prefix) = question.id_prefix else { return Ok(None) };
    let id = open(question.store.as_ref())?.complete(&prefix).map(str::to_owned);
    Ok(Some(StorageAnswer { store: question.store, id }))
}

/// The image that a reference means.
pub fn source(
    session: &Session,
    reference: &ImageReference,
    manifests: Manifests,
) -> Result<Box<dyn Source>> {
    let storage = Arc::new(open(reference.store.as_ref())?);
    let (name, id) = (reference.name.as_ref(), reference.id.as_deref());
    let text = session.sandbox().format_image_name(reference)?;
    let opened = StoredImage::open(storage, name, id, manifests, session.sandbox());
    match opened.with_context(|| format!("reading `{text}`"))? {
        Some(image) => Ok(Box::new(image)),
        None => Err(Failure::no(format!("`{text}` is not there"))
            .hint("`podman images` lists what is; the name has to be in full, or an ID")
            .into()),
    }
}

fn open(written: Option<&StoreLocation>) -> Result<Storage> {
    let conf = Conf::read()?;
    let (driver, paths) = match written {
        Some(store) => of_text(store)?,
        None => conf.places()?,
    };
    let driver = driver.map(|name| {
        Driver::find(&name).ok_or_else(|| {
            Failure::usage(format!("wanted the storage driver `overlay` or `vfs`, found `{name}`"))
        })
    });
    let driver = driver.transpose()?;
    let mut locations = Vec::with_capacity(paths.len());
    for path in paths {
        let directory = Dir::open_ambient_dir(&path, ambient_authority())
            .with_context(|| format!("opening the storage `{}`", path.display()))?;
        locations.push(Location { directory, path: path.display().to_string(), driver });
    }
    Ok(Storage::open(locations)?)
}

/// What is written in a name, `[driver@root+runroot:options]`: the configuration does not count then.
fn of_text(store: &StoreLocation) -> Result<(Option<String>, Vec<PathBuf>)> {
    if store.graph_root.is_empty() {
        return Err(Failure::usage("wanted the storage's root beside its run root, found none").into());
    }
    let driver = Some(store.driver.clone()).filter(|driver| !driver.is_empty());
    let additional = store.options.iter().filter_map(|option| {
        let (key, path) = option.split_once('=')?;
        (key.rsplit('.').next() == Some(IMAGE_STORE)).then(|| PathBuf::from(path))
    });
    Ok((driver, std::iter::once(PathBuf::from(&store.graph_root)).chain(additional).collect()))
}

/// What the files say that count for whoever runs the command.
struct Conf {
    system: StorageConf,
    /// The user's own; `None` for root, for whom there is none.
    user: Option<StorageConf>,
}

impl Conf {
    fn read() -> Result<Conf> {
        let named = std::env::var_os("CONTAINERS_STORAGE_CONF").map(PathBuf::from);
        if let Some(path) = named {
            let conf = read(&path)?.ok_or_else(|| {
                let path = path.display();
                Failure::usage(format!("`{path}`, which CONTAINERS_STORAGE_CONF names, is not there"))
            })?;
            let user = is_rootless().then(|| conf.clone());
            return Ok(Conf { system: conf, user });
        }
        let system = SYSTEM.iter().map(|path| read(Path::new(path))).find_map(Result::transpose);
        let system = system.transpose()?.unwrap_or_default();
        if !is_rootless() {
            return Ok(Conf { system, user: None });
        }
        let directory =
            absolute("XDG_CONFIG_HOME").or_else(|| absolute("HOME").map(|home| home.join(".config")));
        let user = directory.map(|directory| read(&directory.join("containers/storage.conf")));
        Ok(Conf { system, user: Some(user.transpose()?.flatten().unwrap_or_default()) })
    }

    /// The driver, and where images are: a store of images alone, the storage itself, the additional stores.
    fn places(self) -> Result<(Option<String>, Vec<PathBuf>)> {
        let driver = std::env::var("STORAGE_DRIVER").ok().filter(|driver| !driver.is_empty());
        let (conf, root) = match self.user {
            None => {
                let root = self.system.graph_root.clone().unwrap_or_else(|| GRAPH_ROOT.to_owned());
                (self.system, PathBuf::from(root))
            }
            Some(user) => {
                let said = user.graph_root.as_deref().or(self.system.rootless_storage_path.as_deref());
                let root = said.map(|path| PathBuf::from(expanded(path))).or_else(own_root);
                let root = root.ok_or_else(|| Failure::usage("neither XDG_DATA_HOME nor HOME is set"))?;
                (user, root)
            }
        };
        let images = conf.image_store.map(PathBuf::from);
        let paths = images.into_iter().chain([root]).chain(conf.additional_image_stores);
        Ok((driver.or(conf.driver), paths.collect()))
    }
}

/// As podman sees it: within its user namespace root is somebody else.
fn is_rootless() -> bool {
    let within = std::env::var_os("_CONTAINERS_USERNS_CONFIGURED").is_some_and(|value| !value.is_empty());
    within || !rustix::process::geteuid().is_root()
}

/// Where a user's storage is.
fn own_root() -> Option<PathBuf> {
    let data =
        absolute("XDG_DATA_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/share")))?;
    Some(data.join("containers/storage"))
}

/// With `$UID` and the variables of the environment filled in.
fn expanded(path: &str) -> String {
    let component = |component: &str| match component.strip_prefix('$') {
        Some("UID") => rustix::process::getuid().as_raw().to_string(),
        Some(name) => std::env::var(name).unwrap_or_default(),
        None => component.to_owned(),
    };
    path.split('/').map(component).collect::<Vec<_>>().join("/")
}

/// A file. `None`: it is not there.
fn read(path: &Path) -> Result<Option<StorageConf>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(StorageConf::parse(&path.display().to_string(), &text)?)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error).with_context(|| format!("reading `{}`", path.display())),
    }
}
