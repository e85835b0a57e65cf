//! Configuration files, which are small text.

use std::io::{ErrorKind, Read as _, Result};

use cap_std::fs::Dir;

/// How many bytes one may have.
const LIMIT: u64 = 1 << 20;

/// A file's text. `None`: it is not there. An error where it is no UTF-8, or has more than a mebibyte.
pub(crate) fn read(directory: &Dir, name: &str) -> Result<Option<String>> {
    let file = match directory.open(name) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut text = String::new();
    file.take(LIMIT + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LIMIT { Err(ErrorKind::FileTooLarge.into()) } else { Ok(Some(text)) }
}
