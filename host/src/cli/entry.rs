//! How what is at a path of an image is shown: as `ls` shows files, and as a document with stable names.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use serde::Serialize;

use consign::layer::changes::{Aspect, IMPLIED_MODE};
use consign::layer::entry::{Kind, Time};
use consign::layer::index::Record;
use consign::layer::opened::LayerError;
use consign::layer::tree::{Node, Tree, printable};

use super::output;

/// What is at a path, hard links looked through.
pub struct Shown {
    pub node: Node,
    /// `None` for a directory of which nothing is said.
    record: Option<Record>,
    /// Where a hard link leads.
    link: Option<Vec<u8>>,
}

impl Shown {
    pub fn new(tree: Tree<'_>, node: Node) -> Result<Shown, LayerError> {
        let own = tree.record(&node)?;
        if own.as_ref().is_none_or(|own| own.kind != Kind::HardLink) {
            return Ok(Shown { node, record: own, link: None });
        }
        match tree.target(&node)? {
            Some(target) => Ok(Shown { record: tree.record(&target)?, link: Some(target.path), node }),
            // It leads nowhere, and is what it is.
            None => Ok(Shown { link: own.as_ref().map(|own| own.link().to_vec()), record: own, node }),
        }
    }

    pub fn kind(&self) -> Kind {
        self.record.as_ref().map_or(Kind::Directory, |record| record.kind)
    }

    /// Another name of a file.
    pub fn is_hard_link(&self) -> bool {
        self.link.is_some()
    }

    /// Bytes, of a regular file.
    pub fn size(&self) -> Option<u64> {
        self.record.as_ref().filter(|record| record.kind == Kind::File).map(|record| record.size)
    }

    fn mode(&self) -> u32 {
        self.record.as_ref().map_or(IMPLIED_MODE, |record| record.mode)
    }

    /// The columns of a long listing: mode, owner, group, size, time. What comes after is the name.
    pub fn columns(&self, human: bool) -> [String; 5] {
        let (uid, gid) = self.record.as_ref().map_or((0, 0), |record| (record.uid, record.gid));
        let size = match &self.record {
            Some(record) if matches!(record.kind, Kind::CharDevice | Kind::BlockDevice) => {
                format!("{}, {}", record.device.0, record.device.1)
            }
            Some(record) if record.kind == Kind::Symlink => record.link().len().to_string(),
            _ => match (self.size(), human) {
                (Some(size), true) => output::size(size),
                (size, _) => size.unwrap_or(0).to_string(),
            },
        };
        let time = self.record.as_ref().map_or_else(|| "-".to_owned(), |record| minute(record.modified));
        [mode(self.kind(), self.mode()), uid.to_string(), gid.to_string(), size, time]
    }

    /// What an aspect is, where that is short.
    pub fn said(&self, aspect: Aspect) -> Option<String> {
        let record = self.record.as_ref();
        match aspect {
            Aspect::Kind => Some(kind(self.kind()).to_owned()),
            Aspect::Mode => Some(format!("{:04o}", self.mode())),
            Aspect::Owner => {
                let (uid, gid) = record.map_or((0, 0), |record| (record.uid, record.gid));
                Some(format!("{uid}:{gid}"))
            }
            Aspect::Time => record.map(|record| exact(record.modified)),
            Aspect::Target => record.map(|record| printable(record.link()).into_owned()),
            Aspect::Device => record.map(|record| format!("{},{}", record.device.0, record.device.1)),
            Aspect::Content | Aspect::Xattrs => None,
        }
    }

    /// What follows the name of a link.
    pub fn arrow(&self) -> String {
        match (&self.link, &self.record) {
            (Some(link), _) => format!(" link to /{}", printable(link).trim_start_matches('/')),
            (None, Some(record)) if record.kind == Kind::Symlink => {
                format!(" -> {}", printable(record.link()))
            }
            _ => String::new(),
        }
    }

    /// The document; `layer` is where the node is said to be from.
    pub fn document(&self, layer: usize) -> Document {
        let record = self.record.as_ref();
        let target = record.filter(|record| record.kind == Kind::Symlink).map(|record| record.link());
        let device = |record: &Record| Device { major: record.device.0, minor: record.device.1 };
        let devices = |record: &&Record| matches!(record.kind, Kind::CharDevice | Kind::BlockDevice);
        let mut xattrs = BTreeMap::new();
        for (name, value) in record.iter().flat_map(|record| record.xattrs()) {
            xattrs.insert(printable(name).into_owned(), hex(value));
        }
        Document {
            path: absolute(&self.node.path),
            path_hex: unreadable(&self.node.path),
            kind: kind(self.kind()),
            mode: format!("{:04o}", self.mode()),
            uid: record.map_or(0, |record| record.uid),
            gid: record.map_or(0, |record| record.gid),
            size: self.size(),
            modified: record.map(|record| exact(record.modified)),
            target: target.map(|target| printable(target).into_owned()),
            target_hex: target.and_then(unreadable),
            hard_link: self.link.as_deref().map(absolute),
            device: record.filter(devices).map(device),
            xattrs,
            digest: record.and_then(|record| record.digest).map(|digest| digest.to_string()),
            layer,
        }
    }
}

/// What is at a path, with names that are stable.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    path: String,
    /// The bytes of a path that is no text as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    path_hex: Option<String>,
    kind: &'static str,
    mode: String,
    uid: u64,
    gid: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    modified: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_hex: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hard_link: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<Device>,
    /// Values in hexadecimal.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    xattrs: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    layer: usize,
}

#[derive(Serialize)]
struct Device {
    major: u32,
    minor: u32,
}

/// A path from the image's root, printable.
pub fn absolute(path: &[u8]) -> String {
    format!("/{}", printable(path).trim_start_matches('/'))
}

/// The bytes of what is not printed as it is.
pub fn unreadable(path: &[u8]) -> Option<String> {
    (printable(path).as_bytes() != path).then(|| hex(path))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

pub fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::File => "file",
        Kind::HardLink => "hard-link",
        Kind::Symlink => "symlink",
        Kind::CharDevice => "char-device",
        Kind::BlockDevice => "block-device",
        Kind::Directory => "directory",
        Kind::Fifo => "fifo",
    }
}

/// Ten characters, as `ls -l` has them.
pub fn mode(kind: Kind, mode: u32) -> String {
    let mut text = String::with_capacity(10);
    text.push(match kind {
        Kind::File => '-',
        Kind::HardLink => 'h',
        Kind::Symlink => 'l',
        Kind::CharDevice => 'c',
        Kind::BlockDevice => 'b',
        Kind::Directory => 'd',
        Kind::Fifo => 'p',
    });
    for (shift, special, letter) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        let bits = mode >> shift;
        text.push(if bits & 4 == 0 { '-' } else { 'r' });
        text.push(if bits & 2 == 0 { '-' } else { 'w' });
        text.push(match (mode & special != 0, bits & 1 != 0) {
            (true, true) => letter,
            (true, false) => letter.to_ascii_uppercase(),
            (false, true) => 'x',
            (false, false) => '-',
        });
    }
    text
}

fn timestamp(time: Time) -> Option<Timestamp> {
    Timestamp::new(time.seconds, i32::try_from(time.nanoseconds).ok()?).ok()
}

/// A time to the minute, in UTC; seconds since 1970 where there is no such year.
fn minute(time: Time) -> String {
    let shown = |time: Timestamp| time.strftime("%Y-%m-%d %H:%M").to_string();
    timestamp(time).map_or_else(|| time.seconds.to_string(), shown)
}

/// RFC 3339; seconds since 1970 where there is no such year.
fn exact(time: Time) -> String {
    timestamp(time).map_or_else(|| time.seconds.to_string(), |time| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_written_as_ls_writes_them() {
        assert_eq!(mode(Kind::File, 0o4755), "-rwsr-xr-x");
        assert_eq!(mode(Kind::Directory, 0o1777), "drwxrwxrwt");
        assert_eq!(mode(Kind::File, 0o6640), "-rwSr-S---");
        assert_eq!(mode(Kind::Symlink, 0o777), "lrwxrwxrwx");
    }
}
