//! Owner, extended attributes, mode and time of what was written, in this order: a new owner takes set-user-ID and
//! capabilities away, and what may not be written to takes no attribute.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use rustix::fs::{
    AtFlags, Gid, Mode, Stat, Uid, XattrFlags, chownat, fchmod, fchown, flistxattr, fremovexattr, fsetxattr,
    futimens, lsetxattr, utimensat,
};
use rustix::io::Errno;

use super::fault::{ATTRIBUTE, EntryError, Fault, at};
use super::report::{Lost, Report};
use super::rootless;
use super::stack::times;
use crate::layer::entry::{Entry, Time};

/// What is said of a file beside its content.
#[derive(Clone, Debug, Default)]
pub(super) struct Metadata {
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) mode: u32,
    pub(super) modified: Time,
    pub(super) xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Metadata {
    pub(super) fn of(entry: &Entry) -> Result<Metadata, EntryError> {
        // The highest means "as it is" to the system.
        let owner = |id: u64| match u32::try_from(id) {
            Ok(id) if id != u32::MAX => Ok(id),
            _ => Err(EntryError::NoSuchOwner { found: id }),
        };
        Ok(Metadata {
            uid: owner(entry.uid)?,
            gid: owner(entry.gid)?,
            mode: entry.mode,
            modified: entry.modified,
            xattrs: entry.xattrs.clone(),
        })
    }
}

/// Who writes, and how.
pub(super) struct Setter {
    pub(super) rootless: bool,
    uid: u32,
    gid: u32,
    /// Bits that new files do not get. All, where that is not known.
    umask: u32,
    /// A directory may hand access control lists down to what is made in it.
    pub(super) inherits: bool,
}

const ACCESS_LIST: &str = "system.posix_acl_access";
const DEFAULT_LIST: &str = "system.posix_acl_default";

impl Setter {
    pub(super) fn new(root: BorrowedFd<'_>, rootless: bool) -> Setter {
        let mut none = [0u8; 0];
        Setter {
            rootless,
            uid: rustix::process::geteuid().as_raw(),
            gid: rustix::process::getegid().as_raw(),
            umask: umask().unwrap_or(0o777),
            inherits: rustix::fs::fgetxattr(root, DEFAULT_LIST, &mut none).is_ok(),
        }
    }

    /// The mode to make a file with, which leaves least to be done.
    pub(super) fn new_mode(&self, metadata: &Metadata) -> Mode {
        // Attributes of the user's own take write permission.
        let writable = if self.rootless { 0o600 } else { 0 };
        Mode::from_raw_mode(metadata.mode & 0o777 | writable)
    }

    /// Finishes a file that was made with [`new_mode`](Self::new_mode) and is open.
    /// `setgid`: its directory hands its group down.
    pub(super) fn finish_file(
        &self,
        fd: BorrowedFd<'_>,
        metadata: &Metadata,
        setgid: bool,
        report: &mut Report,
        path: &[u8],
    ) -> Result<(), Fault> {
        if setgid || metadata.uid != self.uid || metadata.gid != self.gid {
            self.own(fd, metadata)?;
        }
        self.attributes(fd, metadata, report, path)?;
        let made = self.new_mode(metadata).as_raw_mode() & !self.umask;
        if made != metadata.mode || self.inherits {
            fchmod(fd, Mode::from_raw_mode(metadata.mode)).map_err(at("setting its mode"))?;
        }
        futimens(fd, &times(metadata.modified)).map_err(at("setting its time"))
    }

    /// Finishes a directory, but for its time, which its content changes. `before`: what it was, if it was.
    pub(super) fn finish_directory(
        &self,
        fd: BorrowedFd<'_>,
        metadata: &Metadata,
        before: Option<&Stat>,
        setgid: bool,
        report: &mut Report,
        path: &[u8],
    ) -> Result<Option<u32>, Fault> {
        let owner = before.map_or((self.uid, self.gid), |stat| (stat.st_uid, stat.st_gid));
        if setgid || owner != (metadata.uid, metadata.gid) {
            self.own(fd, metadata)?;
        }
        if before.is_some() {
            clear_attributes(fd, metadata)?;
        }
        self.attributes(fd, metadata, report, path)?;
        // Whoever is not privileged needs access until all is written.
        let needed = if super::access::is_privileged() { 0 } else { 0o700 };
        let now = metadata.mode | needed;
        fchmod(fd, Mode::from_raw_mode(now)).map_err(at("setting its mode"))?;
        Ok((now != metadata.mode).then_some(metadata.mode))
    }

    /// Finishes a link, a device or a pipe, which is not open.
    pub(super) fn finish_name(
        &self,
        parent: BorrowedFd<'_>,
        name: &[u8],
        metadata: &Metadata,
        is_link: bool,
        report: &mut Report,
        path: &[u8],
    ) -> Result<(), Fault> {
        if !self.rootless {
            let (uid, gid) = (Uid::from_raw(metadata.uid), Gid::from_raw(metadata.gid));
            chownat(parent, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)
                .map_err(at("setting its owner"))?;
        }
        let owner = self.owner_record(metadata);
        if owner.is_some() || !metadata.xattrs.is_empty() {
            // There is no call that takes a directory and a name.
            let mut itself = format!("/proc/self/fd/{}/", parent.as_raw_fd()).into_bytes();
            itself.extend_from_slice(name);
            for (key, value) in with(&metadata.xattrs, &owner) {
                let set = lsetxattr(itself.as_slice(), key, value, XattrFlags::empty());
                self.attribute(set, key, report, path)?;
            }
        }
        if !is_link {
            rustix::fs::chmodat(parent, name, Mode::from_raw_mode(metadata.mode), AtFlags::empty())
                .map_err(at("setting its mode"))?;
        }
        utimensat(parent, name, &times(metadata.modified), AtFlags::SYMLINK_NOFOLLOW)
            .map_err(at("setting its time"))
    }

    fn own(&self, fd: BorrowedFd<'_>, metadata: &Metadata) -> Result<(), Fault> {
        if self.rootless {
            return Ok(());
        }
        let (uid, gid) = (Uid::from_raw(metadata.uid), Gid::from_raw(metadata.gid));
        fchown(fd, Some(uid), Some(gid)).map_err(at("setting its owner"))
    }

    fn owner_record(&self, metadata: &Metadata) -> Option<Vec<u8>> {
        if self.rootless { rootless::record(metadata.uid, metadata.gid) } else { None }
    }

    fn attributes(
        &self,
        fd: BorrowedFd<'_>,
        metadata: &Metadata,
        report: &mut Report,
        path: &[u8],
    ) -> Result<(), Fault> {
        if self.inherits {
            for list in [ACCESS_LIST, DEFAULT_LIST] {
                match fremovexattr(fd, list) {
                    Ok(()) | Err(Errno::NODATA | Errno::OPNOTSUPP | Errno::INVAL | Errno::ACCESS) => {}
                    Err(errno) => return Err(at(ATTRIBUTE)(errno)),
                }
            }
        }
        let owner = self.owner_record(metadata);
        for (key, value) in with(&metadata.xattrs, &owner) {
            let set = if is_ours(key) {
                fsetxattr(fd, key, value, XattrFlags::empty())
            } else {
                Err(Errno::OPNOTSUPP)
            };
            self.attribute(set, key, report, path)?;
        }
        Ok(())
    }

    /// What cannot be set here is said, and no failure: a file system keeps attributes or not, and whoever is not
    /// root sets his own.
    fn attribute(
        &self,
        set: Result<(), Errno>,
        key: &[u8],
        report: &mut Report,
        path: &[u8],
    ) -> Result<(), Fault> {
        match set {
            Err(Errno::OPNOTSUPP) => report.lost(Lost::Attribute, path, key),
            Err(Errno::PERM | Errno::ACCESS) if self.rootless => {
                let lost = if key == rootless::NAME { Lost::Owner } else { Lost::Attribute };
                report.lost(lost, path, key);
            }
            set => set.map_err(at(ATTRIBUTE))?,
        }
        Ok(())
    }

    /// A directory is to hand lists down: from now on what is made is looked at.
    pub(super) fn expect_lists(&mut self, metadata: &Metadata) {
        self.inherits |= metadata.xattrs.iter().any(|(key, _)| key == DEFAULT_LIST.as_bytes());
    }
}

/// Attributes that belong to the machine, not to the image: umoci and containers/storage leave the same alone.
pub(super) fn is_ours(key: &[u8]) -> bool {
    key != b"security.selinux"
        && key != b"security.ima"
        && key != b"security.evm"
        && key != b"system.nfs4_acl"
        && !key.starts_with(b"trusted.overlay.")
        && !key.starts_with(b"user.overlay.")
}

fn with<'a>(
    xattrs: &'a [(Vec<u8>, Vec<u8>)],
    owner: &'a Option<Vec<u8>>,
) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
    let owner = owner.as_deref().map(|value| (rootless::NAME, value));
    let others = xattrs.iter().map(|(key, value)| (key.as_slice(), value.as_slice()));
    // What the image says of owners does not count beside its owners.
    others.filter(move |(key, _)| owner.is_none() || *key != rootless::NAME).chain(owner)
}

/// The names of a file's attributes, a NUL after each. None where the file system keeps none.
pub(super) fn names(fd: BorrowedFd<'_>) -> Result<Vec<u8>, Fault> {
    let mut names = vec![0; 1024];
    loop {
        match flistxattr(fd, &mut names[..]) {
            Ok(length) => {
                names.truncate(length);
                return Ok(names);
            }
            Err(Errno::RANGE) if names.len() < 1 << 20 => names.resize(4 * names.len(), 0),
            Err(Errno::OPNOTSUPP) => return Ok(Vec::new()),
            Err(errno) => return Err(at(ATTRIBUTE)(errno)),
        }
    }
}

/// Takes away the attributes a directory has from layers below.
pub(super) fn clear_attributes(fd: BorrowedFd<'_>, wanted: &Metadata) -> Result<(), Fault> {
    for name in names(fd)?.split(|byte| *byte == 0).filter(|name| !name.is_empty() && is_ours(name)) {
        if wanted.xattrs.iter().any(|(key, _)| key == name) {
            continue;
        }
        match fremovexattr(fd, name) {
            Ok(()) | Err(Errno::NODATA | Errno::OPNOTSUPP | Errno::PERM | Errno::ACCESS) => {}
            Err(errno) => return Err(at(ATTRIBUTE)(errno)),
        }
    }
    Ok(())
}

/// Makes a directory what one is of which no layer says anything.
pub(super) fn forget(fd: impl AsFd, setter: &Setter) -> Result<(), Fault> {
    let fd = fd.as_fd();
    let nothing = Metadata { uid: setter.uid, gid: setter.gid, mode: 0o755, ..Metadata::default() };
    if !setter.rootless {
        setter.own(fd, &nothing)?;
    }
    clear_attributes(fd, &nothing)?;
    fchmod(fd, Mode::from_raw_mode(nothing.mode)).map_err(at("setting its mode"))
}

/// The process's own, without changing it.
fn umask() -> Option<u32> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let text = status.lines().find_map(|line| line.strip_prefix("Umask:"))?;
    u32::from_str_radix(text.trim(), 8).ok()
}
