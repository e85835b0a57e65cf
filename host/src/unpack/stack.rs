//! The directories on the way to the entry underway, open. Entries come in the order in which directories are walked,
//! so that most find theirs open.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, Mode, Timespec, Timestamps, fchmod, fchown, futimens, mkdirat, unlinkat};
use rustix::io::Errno;

use super::access::{self, Opened};
use super::fault::{Fault, at};
use crate::layer::entry::Time;

/// Directories that are open at a time, besides the root.
const OPEN: usize = 64;

/// A directory on the way.
pub(super) struct Frame {
    /// Where its path ends in that of the deepest.
    end: usize,
    /// `None`: it was closed because others are open, and is opened when it is come back to.
    fd: Option<OwnedFd>,
    /// When its content was changed, by what layers say.
    pub(super) modified: Time,
    /// Something in it was changed by now.
    pub(super) touched: bool,
    /// The mode it is to have in the end, where it has another meanwhile.
    pub(super) mode: Option<u32>,
    /// What is made in it gets its group.
    pub(super) setgid: bool,
    /// It is known to have been made, or to be needed, by the layer underway.
    pub(super) own: bool,
}

pub(super) struct Stack {
    /// The root first.
    frames: Vec<Frame>,
    /// The path of the last.
    path: Vec<u8>,
}

/// What going to a directory came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// It is there, and was.
    There,
    /// It, or one on the way, was made.
    Made,
}

impl Stack {
    /// `mode`: what the root is to have in the end.
    pub(super) fn new(root: OwnedFd, mode: Option<u32>) -> Stack {
        let root = Frame {
            end: 0,
            fd: Some(root),
            modified: Time::default(),
            touched: true,
            mode,
            setgid: false,
            own: true,
        };
        Stack { frames: vec![root], path: Vec::new() }
    }

    /// The path of the directory that is open.
    pub(super) fn path(&self) -> &[u8] {
        &self.path
    }

    /// The directory that is open.
    pub(super) fn top(&mut self) -> &mut Frame {
        self.frames.last_mut().expect("the root is never left")
    }

    pub(super) fn frames(&mut self) -> impl Iterator<Item = (&[u8], &mut Frame)> {
        let path = &self.path;
        self.frames.iter_mut().map(move |frame| (&path[..frame.end], frame))
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        let frame = self.frames.last().expect("the root is never left");
        frame.fd.as_ref().expect("the deepest is open").as_fd()
    }

    /// Leaves the directories that are not above `path` nor are it.
    pub(super) fn back_to(&mut self, path: &[u8]) -> Result<(), Fault> {
        while !self.is_above(path) {
            self.leave()?;
        }
        self.reopen()
    }

    fn is_above(&self, path: &[u8]) -> bool {
        let here = self.path.len();
        here == 0 || (path.starts_with(&self.path) && (path.len() == here || path[here] == b'/'))
    }

    /// Goes to the directory `path`, made up where it is missing; what is no directory is replaced.
    pub(super) fn enter(&mut self, path: &[u8]) -> Result<Found, Fault> {
        let mut made = Found::There;
        self.back_to(path)?;
        while let Some(end) = self.next(path) {
            let name = &path[self.start()..end];
            let opened = match access::open(self.fd(), name) {
                Err(errno @ (Errno::NOENT | Errno::NOTDIR)) => {
                    self.top().touched = true;
                    if errno == Errno::NOTDIR {
                        unlinkat(self.fd(), name, AtFlags::empty()).map_err(at("replacing"))?;
                    }
                    made = Found::Made;
                    make(self.fd(), name)?
                }
                opened => opened.map_err(at("opening its directory"))?,
            };
            self.push(&path[..end], opened, made == Found::Made);
        }
        Ok(made)
    }

    /// Goes to the directory `path`, if there is one.
    pub(super) fn find(&mut self, path: &[u8]) -> Result<bool, Fault> {
        self.back_to(path)?;
        while let Some(end) = self.next(path) {
            match access::open(self.fd(), &path[self.start()..end]) {
                Ok(opened) => self.push(&path[..end], opened, false),
                Err(Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG) => return Ok(false),
                Err(errno) => return Err(at("opening its directory")(errno)),
            }
        }
        Ok(true)
    }

    /// Goes into a directory in the one that is open.
    pub(super) fn push(&mut self, path: &[u8], opened: Opened, new: bool) {
        self.path.clear();
        self.path.extend_from_slice(path);
        let stat = &opened.stat;
        let nanoseconds = u32::try_from(stat.st_mtime_nsec).unwrap_or(0);
        let modified = if new { Time::default() } else { Time { seconds: stat.st_mtime, nanoseconds } };
        self.frames.push(Frame {
            end: path.len(),
            fd: Some(opened.fd),
            modified,
            // Its time is not what layers say.
            touched: new,
            mode: opened.mode,
            setgid: stat.st_mode & 0o2000 != 0,
            own: false,
        });
        let depth = self.frames.len();
        if depth > OPEN + 1 {
            self.frames[depth - OPEN].fd = None;
        }
    }

    /// Where the next component of `path` starts that has not been entered.
    fn start(&self) -> usize {
        if self.path.is_empty() { 0 } else { self.path.len() + 1 }
    }

    /// Where it ends.
    fn next(&self, path: &[u8]) -> Option<usize> {
        let start = self.start();
        if path.len() <= start {
            return None;
        }
        Some(path[start..].iter().position(|byte| *byte == b'/').map_or(path.len(), |at| start + at))
    }

    fn leave(&mut self) -> Result<(), Fault> {
        self.reopen()?;
        self.settle()?;
        self.frames.pop();
        let end = self.frames.last().map_or(0, |frame| frame.end);
        self.path.truncate(end);
        Ok(())
    }

    /// Opens the deepest directory if it was closed meanwhile.
    fn reopen(&mut self) -> Result<(), Fault> {
        let last = self.frames.len() - 1;
        let open = self.frames.iter().rposition(|frame| frame.fd.is_some()).unwrap_or(0);
        for frame in open + 1..=last {
            let above = &self.frames[frame - 1];
            let name = &self.path[above.end + usize::from(above.end > 0)..self.frames[frame].end];
            let parent = above.fd.as_ref().expect("the one above was opened just now");
            let opened = access::open(parent.as_fd(), name).map_err(at("opening its directory"))?;
            self.frames[frame].fd = Some(opened.fd);
            // Those that are come back to next stay open.
            if frame - 1 > open && last - (frame - 1) >= OPEN / 2 {
                self.frames[frame - 1].fd = None;
            }
        }
        Ok(())
    }

    /// Gives the deepest directory the time and the mode it has by what layers say.
    fn settle(&mut self) -> Result<(), Fault> {
        let frame = self.frames.last().expect("the root is never left");
        if frame.touched {
            futimens(self.fd(), &times(frame.modified)).map_err(at("setting its time"))?;
        }
        if let Some(mode) = frame.mode {
            fchmod(self.fd(), Mode::from_raw_mode(mode)).map_err(at("setting its mode"))?;
        }
        Ok(())
    }

    /// Leaves all directories; the root gets its time.
    pub(super) fn finish(&mut self) -> Result<(), Fault> {
        self.back_to(b"")?;
        self.settle()
    }

    /// Leaves all directories but the root.
    pub(super) fn rewind(&mut self) -> Result<(), Fault> {
        self.back_to(b"")
    }
}

/// Makes a directory of which no layer says anything.
pub(super) fn make(parent: BorrowedFd<'_>, name: &[u8]) -> Result<Opened, Fault> {
    mkdirat(parent, name, Mode::from_raw_mode(0o755)).map_err(at("making its directory"))?;
    let mut opened = access::open(parent, name).map_err(at("opening its directory"))?;
    // The directory above may hand its group down, and the process make directories others cannot look into.
    let group = rustix::process::getegid();
    if opened.stat.st_gid != group.as_raw() {
        fchown(&opened.fd, None, Some(group)).map_err(at("setting its group"))?;
    }
    if opened.stat.st_mode & 0o7777 != 0o755 {
        fchmod(&opened.fd, Mode::from_raw_mode(0o755)).map_err(at("setting its mode"))?;
    }
    opened.mode = None;
    Ok(opened)
}

/// The time as the system takes it: of last access, too, so that what is written twice is the same.
pub(super) fn times(modified: Time) -> Timestamps {
    let nanoseconds = i64::from(modified.nanoseconds);
    let time = Timespec { tv_sec: modified.seconds, tv_nsec: nanoseconds as _ };
    Timestamps { last_access: time, last_modification: time }
}
