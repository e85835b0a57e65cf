//! Files that are named on the command line or in a configuration.

use std::fs::File;
use std::io::{ErrorKind, Read as _, Result};
use std::path::Path;

/// All of a file that has at most this many bytes.
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit { Err(ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
}
