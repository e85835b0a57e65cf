//! The content of a file as it comes.

use std::os::fd::OwnedFd;

use rustix::fs::ftruncate;
use rustix::io::{Errno, pwrite, write};

use super::fault::{Fault, at};
use crate::layer::entry::{Entry, Run};

/// A file being written.
pub(super) struct Content {
    fd: OwnedFd,
    sparse: Option<Sparse>,
}

struct Sparse {
    size: u64,
    runs: std::vec::IntoIter<Run>,
    /// What is left of the run that comes.
    run: Run,
}

impl Content {
    pub(super) fn new(fd: OwnedFd, entry: &Entry) -> Content {
        let sparse = entry.sparse.as_ref().map(|runs| Sparse {
            size: entry.size,
            runs: runs.clone().into_iter(),
            run: Run { offset: 0, size: 0 },
        });
        Content { fd, sparse }
    }

    pub(super) fn write(&mut self, mut bytes: &[u8]) -> Result<(), Fault> {
        while !bytes.is_empty() {
            let written = match &mut self.sparse {
                None => retry(|| write(&self.fd, bytes))?,
                Some(sparse) => {
                    while sparse.run.size == 0 {
                        // As many bytes come as the runs have.
                        sparse.run = sparse.runs.next().ok_or(at("writing")(Errno::INVAL))?;
                    }
                    let run = &mut sparse.run;
                    let length = usize::try_from(run.size).unwrap_or(usize::MAX).min(bytes.len());
                    let written = retry(|| pwrite(&self.fd, &bytes[..length], run.offset))?;
                    run.offset += written as u64;
                    run.size -= written as u64;
                    written
                }
            };
            bytes = &bytes[written..];
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<OwnedFd, Fault> {
        if let Some(sparse) = &self.sparse {
            ftruncate(&self.fd, sparse.size).map_err(at("making it as long as it is"))?;
        }
        Ok(self.fd)
    }
}

fn retry(write: impl Fn() -> Result<usize, Errno>) -> Result<usize, Fault> {
    loop {
        match write() {
            Err(Errno::INTR) => {}
            Ok(0) => return Err(at("writing")(Errno::IO)),
            written => return written.map_err(at("writing")),
        }
    }
}
