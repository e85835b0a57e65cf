//! Entries of layers, one after the other, to files.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, makedev, mkdirat, mknodat, openat, symlinkat, unlinkat};
use rustix::io::Errno;

use super::access;
use super::content::Content;
use super::fault::{EntryError, Fault, at};
use super::link::Copies;
use super::metadata::{Metadata, Setter};
use super::own::Own;
use super::report::{Failure, Lost, Report};
use super::stack::{Found, Stack};
use super::whiteout;
use super::{Options, UnpackError};
use crate::layer::entry::{Entry, Kind};
use crate::layer::tar::Visitor;
use crate::layer::tree;
use crate::layer::whiteout::{Mark, mark};

/// Bytes of a path: Linux's `PATH_MAX` without the NUL.
const PATH: usize = 4095;

/// Writes entries below a directory, whatever their paths are: their directories are opened one after the other and no
/// link is followed.
///
/// Layers are applied from the base layer up, as [`tree`] says they stack. A directory of which no layer says anything
/// belongs to the caller, with mode 0755 and a time of 0.
pub struct Writer {
    pub(super) stack: Stack,
    pub(super) setter: Setter,
    pub(super) own: Own,
    keep_going: bool,
    layer: Option<usize>,
    /// The file whose content comes.
    underway: Option<Underway>,
    pub(super) copies: Copies,
    pub(super) report: Report,
}

struct Underway {
    path: Vec<u8>,
    content: Content,
    metadata: Metadata,
    setgid: bool,
}

impl Writer {
    /// A writer into `root`, an empty directory.
    pub fn new(root: OwnedFd, options: &Options) -> Writer {
        let setter = Setter::new(root.as_fd(), options.rootless);
        // Nobody looks in before it is whole.
        let closed = rustix::fs::fchmod(&root, Mode::from_raw_mode(0o700)).is_ok();
        Writer {
            stack: Stack::new(root, closed.then_some(0o755)),
            setter,
            own: Own::new(),
            keep_going: options.keep_going,
            layer: None,
            underway: None,
            copies: Copies::new(options.expansion.limit(0)),
            report: Report::default(),
        }
    }

    /// The entries that follow are those of the next layer up.
    ///
    /// # Errors
    /// [`UnpackError::Entry`] where directories of the layer before cannot be given their times.
    pub fn next_layer(&mut self) -> Result<(), UnpackError> {
        self.underway = None;
        let rewound = self.stack.rewind().map_err(EntryError::from);
        self.settled(rewound)?;
        self.own.clear();
        self.layer = Some(self.layer.map_or(0, |layer| layer + 1));
        Ok(())
    }

    /// There are no more entries.
    ///
    /// # Errors
    /// As [`next_layer`](Self::next_layer).
    pub fn finish(mut self) -> Result<Report, UnpackError> {
        self.underway = None;
        let finished = self.stack.finish().map_err(EntryError::from);
        self.settled(finished)?;
        Ok(self.report)
    }

    fn settled(&mut self, result: Result<(), EntryError>) -> Result<(), UnpackError> {
        let path = self.stack.path().to_vec();
        result.or_else(|error| self.failed(&path, error))
    }

    fn failed(&mut self, path: &[u8], error: EntryError) -> Result<(), UnpackError> {
        let failure = Failure { layer: self.layer.unwrap_or(0), path: path.to_vec(), error };
        if !self.keep_going || failure.error.is_final() {
            return Err(UnpackError::Entry(failure));
        }
        self.report.failed(failure);
        Ok(())
    }

    /// Whether there is anything below that this layer could hide or replace.
    pub(super) fn has_lower(&self) -> bool {
        self.layer.is_some_and(|layer| layer > 0)
    }

    /// Goes to the directory of an entry, made where it is missing.
    fn enter(&mut self, path: &[u8]) -> Result<(), EntryError> {
        // Most entries are in the directory of the one before.
        if self.stack.path() == path && (path.is_empty() || self.stack.top().own) {
            return Ok(());
        }
        let found = self.stack.enter(path)?;
        debug_assert!(found == Found::There || !path.is_empty());
        if self.has_lower() {
            for (path, frame) in self.stack.frames() {
                if !frame.own {
                    frame.own = true;
                    self.own.insert(path, false)?;
                }
            }
        } else {
            self.stack.top().own = true;
        }
        Ok(())
    }

    fn write(&mut self, entry: &Entry) -> Result<(), EntryError> {
        let path = tree::clean(&entry.path).ok_or(EntryError::Outside)?;
        let path = &*path;
        if path.len() > PATH {
            return Err(EntryError::PathTooLong { found: path.len(), limit: PATH });
        }
        if path.is_empty() {
            if entry.kind != Kind::Directory {
                return Err(EntryError::RootReplaced);
            }
            let metadata = Metadata::of(entry)?;
            self.stack.rewind()?;
            return self.directory_metadata(path, metadata, true);
        }
        let (directory, name) = tree::split(path);
        if let Some(mark) = mark(name) {
            return self.hide(directory, mark);
        }
        let metadata = Metadata::of(entry)?;
        // The way to a link's target leads away from here, so it comes first.
        let target = if entry.kind == Kind::HardLink { Some(self.target(&entry.link)?) } else { None };
        self.enter(directory)?;
        if self.has_lower() {
            self.own.insert(path, true)?;
        }
        self.stack.top().touched = true;
        match entry.kind {
            Kind::File => self.file(path, name, entry, metadata),
            Kind::Directory => self.directory(path, name, metadata),
            Kind::Symlink => {
                self.replace(name, "making a symbolic link", |stack| {
                    symlinkat(entry.link.as_slice(), stack.fd(), name)
                })?;
                let Writer { setter, stack, report, .. } = self;
                Ok(setter.finish_name(stack.fd(), name, &metadata, true, report, path)?)
            }
            Kind::HardLink => match target {
                Some(target) => self.hard_link(path, name, &target),
                None => Ok(()),
            },
            Kind::Fifo | Kind::CharDevice | Kind::BlockDevice => self.node(path, name, entry, &metadata),
        }
    }

    /// Makes something; what is there already makes way.
    fn replace<T>(
        &mut self,
        name: &[u8],
        doing: &'static str,
        make: impl Fn(&Stack) -> Result<T, Errno>,
    ) -> Result<T, Fault> {
        match make(&self.stack) {
            Err(Errno::EXIST) => {
                access::remove(self.stack.fd(), name).map_err(at("replacing"))?;
                make(&self.stack).map_err(at(doing))
            }
            made => made.map_err(at(doing)),
        }
    }

    fn file(
        &mut self,
        path: &[u8],
        name: &[u8],
        entry: &Entry,
        metadata: Metadata,
    ) -> Result<(), EntryError> {
        const FLAGS: OFlags = OFlags::WRONLY
            .union(OFlags::CREATE)
            .union(OFlags::EXCL)
            .union(OFlags::NOFOLLOW)
            .union(OFlags::CLOEXEC);
        let mode = self.setter.new_mode(&metadata);
        let fd = self.replace(name, "making a file", |stack| openat(stack.fd(), name, FLAGS, mode))?;
        let content = Content::new(fd, entry);
        let setgid = self.stack.top().setgid;
        self.underway = Some(Underway { path: path.to_vec(), content, metadata, setgid });
        Ok(())
    }

    fn directory(&mut self, path: &[u8], name: &[u8], metadata: Metadata) -> Result<(), EntryError> {
        let mode = Mode::from_raw_mode(metadata.mode & 0o777 | 0o700);
        let make = |stack: &Stack| mkdirat(stack.fd(), name, mode);
        let doing = "making a directory";
        let mut new = true;
        let opened = match make(&self.stack) {
            Ok(()) => access::open(self.stack.fd(), name).map_err(at(doing))?,
            Err(Errno::EXIST) => match access::open(self.stack.fd(), name) {
                Ok(opened) => {
                    new = false;
                    opened
                }
                Err(Errno::NOTDIR) => {
                    unlinkat(self.stack.fd(), name, AtFlags::empty()).map_err(at("replacing"))?;
                    make(&self.stack).map_err(at(doing))?;
                    access::open(self.stack.fd(), name).map_err(at(doing))?
                }
                Err(errno) => return Err(at(doing)(errno).into()),
            },
            Err(errno) => return Err(at(doing)(errno).into()),
        };
        self.stack.push(path, opened, new);
        self.stack.top().own = true;
        self.directory_metadata(path, metadata, !new)
    }

    /// Gives the directory that is open what is said of it.
    fn directory_metadata(&mut self, path: &[u8], metadata: Metadata, was: bool) -> Result<(), EntryError> {
        self.setter.expect_lists(&metadata);
        let stat = rustix::fs::fstat(self.stack.fd()).map_err(at("looking at it"))?;
        let Writer { setter, stack, report, .. } = self;
        let before = was.then_some(&stat);
        let inherited = !was && stat.st_mode & 0o2000 != 0;
        let mode = setter.finish_directory(stack.fd(), &metadata, before, inherited, report, path)?;
        let frame = self.stack.top();
        frame.modified = metadata.modified;
        frame.touched = true;
        frame.mode = mode;
        frame.setgid = metadata.mode & 0o2000 != 0;
        Ok(())
    }

    fn node(
        &mut self,
        path: &[u8],
        name: &[u8],
        entry: &Entry,
        metadata: &Metadata,
    ) -> Result<(), EntryError> {
        let kind = match entry.kind {
            Kind::Fifo => FileType::Fifo,
            _ if self.setter.rootless => {
                self.report.lost(Lost::Device, path, b"");
                FileType::RegularFile
            }
            Kind::CharDevice => FileType::CharacterDevice,
            _ => FileType::BlockDevice,
        };
        let doing = match kind {
            FileType::Fifo => "making a pipe",
            _ => "making a device",
        };
        let mode = self.setter.new_mode(metadata);
        let (major, minor) = entry.device;
        let device = if kind == FileType::RegularFile { 0 } else { makedev(major, minor) };
        self.replace(name, doing, |stack| mknodat(stack.fd(), name, kind, mode, device))?;
        let Writer { setter, stack, report, .. } = self;
        Ok(setter.finish_name(stack.fd(), name, metadata, false, report, path)?)
    }

    fn hide(&mut self, directory: &[u8], mark: Mark<'_>) -> Result<(), EntryError> {
        if !self.has_lower() || mark == Mark::Nothing || !self.stack.find(directory)? {
            return Ok(());
        }
        match mark {
            Mark::Opaque => whiteout::hide_below(self, directory),
            Mark::Whiteout(name) => whiteout::hide(self, directory, name),
            Mark::Nothing => Ok(()),
        }
    }

    fn finish_file(&mut self, underway: Underway) -> Result<(), UnpackError> {
        let Underway { path, content, metadata, setgid } = underway;
        let finished = content
            .finish()
            .and_then(|fd| self.setter.finish_file(fd.as_fd(), &metadata, setgid, &mut self.report, &path));
        finished.or_else(|fault| self.failed(&path, fault.into()))
    }
}

impl Visitor for Writer {
    type Error = UnpackError;

    fn entry(&mut self, entry: &Entry, _: u64) -> Result<(), UnpackError> {
        if self.layer.is_none() {
            self.next_layer()?;
        }
        self.underway = None;
        self.report.entries += 1;
        self.write(entry).or_else(|error| self.failed(&entry.path, error))
    }

    fn content(&mut self, bytes: &[u8]) -> Result<(), UnpackError> {
        let Some(underway) = &mut self.underway else { return Ok(()) };
        match underway.content.write(bytes) {
            Ok(()) => {
                self.report.bytes += bytes.len() as u64;
                Ok(())
            }
            Err(fault) => {
                let path = std::mem::take(&mut underway.path);
                self.underway = None;
                self.failed(&path, fault.into())
            }
        }
    }

    fn end(&mut self) -> Result<(), UnpackError> {
        match self.underway.take() {
            Some(underway) => self.finish_file(underway),
            None => Ok(()),
        }
    }
}
