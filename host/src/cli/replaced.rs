//! Files of configuration that are written anew, in one step.

use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use anyhow::{Context, Result};

/// Puts these bytes in the place of a file, or makes it, with this mode.
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    // What is linked to is written, not the link.
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let shown = path.display().to_string();
    let writing = || format!("writing `{shown}`");
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(parent).with_context(writing)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let new = parent.join(format!(".{name}.{}", std::process::id()));
    let mut options = std::fs::OpenOptions::new();
    // Left over from a process of the same number.
    let _ = std::fs::remove_file(&new);
    let mut opened = options.write(true).create_new(true).mode(mode).open(&new).with_context(writing)?;
    let written = opened.write_all(bytes).and_then(|()| opened.sync_all());
    let written = written.and_then(|()| std::fs::rename(&new, &path));
    if written.is_err() {
        let _ = std::fs::remove_file(&new);
    }
    written.with_context(writing)
}
