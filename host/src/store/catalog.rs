//! The catalogue: an SQLite database in WAL mode.
//!
//! Reading and writing have a connection each, so that a process's readers do not wait for its writer
//! either. The writing one is opened when it is first needed.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cap_std::fs::Dir;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

use super::error::{StoreError, catalog, io};
use super::{Options, Result, Store, Target, format, lock, log, sync_directory};
use crate::digest::Digest;

pub(super) const FILE: &str = "catalog.sqlite";

pub(super) struct Catalog {
    path: PathBuf,
    patience: Duration,
    /// The file cannot be written to, or is not to be.
    read_only: bool,
    reader: Mutex<Connection>,
    writer: Mutex<Option<Connection>>,
}

/// Whether there is a catalogue. Only its metadata is looked at: closing a file that SQLite has open would
/// end this process's locks on it.
pub(super) fn exists(root: &Dir) -> Result<bool> {
    match root.symlink_metadata(FILE) {
        Ok(metadata) if metadata.is_file() => Ok(metadata.len() > 0),
        Ok(_) => Err(StoreError::NotAStore { reason: format!("`{FILE}` is not a file") }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(io("looking for", FILE)(error)),
    }
}

impl Catalog {
    pub(super) fn open(root: &Dir, options: &Options, file: &str) -> Result<Catalog> {
        let path = directory(root, options)?.join(file);
        let without_log = log::length(&path).map_err(io("looking for", file))?.is_none();
        let (mut connection, read_only) = open_to_read(root, &path, options)?;
        log::keep(&connection).map_err(catalog("opening"))?;
        let mut found = format::of(&connection).map_err(catalog("opening"))?;
        if found == 0 && !read_only {
            use_wal(&connection, options.patience)?;
            found = format::of(&connection).map_err(catalog("opening"))?;
        }
        if (without_log || found == 0) && !read_only {
            // Reading has made the log. Those who write to it rely on its name, and on the catalogue's.
            sync_directory(root, ".")?;
        }
        if found < format::NEWEST && !read_only {
            format::upgrade(&mut connection).map_err(catalog("opening"))?;
            // What everything else rests on is in the file from the beginning.
            log::try_fold(&connection).map_err(catalog("opening"))?;
            connection.busy_timeout(options.patience).map_err(catalog("opening"))?;
            found = format::of(&connection).map_err(catalog("opening"))?;
        }
        if found == 0 {
            return Err(StoreError::NotAStore { reason: format!("`{FILE}` is empty") });
        }
        if found > format::NEWEST {
            return Err(StoreError::NewerFormat { found, supported: format::NEWEST });
        }
        if found < format::NEWEST {
            format::stand_in(&connection, found).map_err(catalog("opening"))?;
        }
        prepare_once(&connection)?;
        Ok(Catalog {
            path,
            patience: options.patience,
            read_only,
            reader: Mutex::new(connection),
            writer: Mutex::new(None),
        })
    }

    pub(super) fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// Reads. What one closure sees may span transactions of others; one statement's answer does not.
    pub(super) fn read<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        let connection = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        read(&connection).map_err(|error| self.explain("reading", error))
    }

    /// Reads in one transaction, by the connection that writes where there is one: what was changed last is at
    /// hand there. `read` must not use the catalogue in other ways.
    pub(super) fn read_at_hand<T>(&self, read: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let reader;
        let connection = match &*writer {
            Some(connection) => connection,
            None => {
                reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
                &*reader
            }
        };
        let snapshot = connection.unchecked_transaction().map_err(|error| self.explain("reading", error))?;
        read(&snapshot)
    }

    /// Writes in one transaction: all of it is kept if `write` succeeds, nothing otherwise.
    pub(super) fn write<T>(&self, write: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        let mut writer = self.writer()?;
        let connection = match &mut *writer {
            Some(connection) => connection,
            empty => empty.insert(self.open_to_write()?),
        };
        // Immediate: two writers that both read first and then want to write could not both go on.
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(|error| self.explain("writing", error))?;
        let answer = write(&transaction)?;
        transaction.commit().map_err(|error| self.explain("writing", error))?;
        Ok(answer)
    }

    /// Folds the log into the file and empties it.
    ///
    /// # Errors
    /// [`StoreError::Busy`] where others were reading or writing for too long, and the log is not empty.
    pub(super) fn fold(&self) -> Result<()> {
        let mut writer = self.writer()?;
        let connection = match &mut *writer {
            Some(connection) => connection,
            empty => empty.insert(self.open_to_write()?),
        };
        log::fold(connection).map_err(|error| self.explain("writing", error))
    }

    fn writer(&self) -> Result<MutexGuard<'_, Option<Connection>>> {
        if self.read_only {
            return Err(StoreError::ReadOnly);
        }
        Ok(self.writer.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn open_to_write(&self) -> Result<Connection> {
        let mut connection = log::open(&self.path).map_err(catalog("opening"))?;
        let (patience, mut start) = (self.patience, Instant::now());
        let wait = move |tries| {
            if tries == 0 {
                start = Instant::now();
            }
            std::thread::sleep(lock::pause(start.elapsed()));
            start.elapsed() < patience
        };
        connection.busy_handler(Some(wait)).map_err(catalog("opening"))?;
        // A transaction that was reported done survives a power cut.
        connection.pragma_update(None, "synchronous", "FULL").map_err(catalog("opening"))?;
        // Digests come in no order, so what many of them touch is all over the file. In KiB; used as needed.
        connection.pragma_update(None, "cache_size", -(64 << 10)).map_err(catalog("opening"))?;
        connection.pragma_update(None, "wal_autocheckpoint", log::LONGEST).map_err(catalog("opening"))?;
        log::keep(&connection).map_err(catalog("opening"))?;
        prepare_once(&connection)?;
        Ok(connection)
    }

    fn explain(&self, action: &'static str, error: rusqlite::Error) -> StoreError {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                StoreError::Busy { waited: self.patience }
            }
            Some(ErrorCode::ReadOnly) => StoreError::ReadOnly,
            _ => catalog(action)(error),
        }
    }
}

impl Drop for Catalog {
    fn drop(&mut self) {
        let writer = self.writer.get_mut().unwrap_or_else(PoisonError::into_inner);
        let long = || matches!(log::length(&self.path), Ok(Some(length)) if length > log::LEFT);
        if let Some(connection) = writer
            && long()
        {
            // Nothing depends on it, and nobody is left to tell.
            drop(log::try_fold(connection));
        }
    }
}

impl Store {
    /// Writes to the catalogue as one of the writers.
    pub(super) fn write<T>(&self, write: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        let _guard = self.lock_shared()?;
        self.catalog().write(write)
    }
}

/// Has statements prepared once. A plan could depend on the parameters, for the sake of which SQLite would
/// prepare some of these anew whenever they are run; theirs do not.
fn prepare_once(connection: &Connection) -> Result<()> {
    connection.set_prepared_statement_cache_capacity(128);
    let stable = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true);
    stable.map(drop).map_err(catalog("opening"))
}

/// SQLite may not follow links, which could lead out of the directory, and needs no lock of its own: a
/// connection is behind a mutex.
pub(super) fn flags(access: OpenFlags) -> OpenFlags {
    access | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW | OpenFlags::SQLITE_OPEN_URI
}

/// The reading connection, and whether the catalogue can only be read.
fn open_to_read(root: &Dir, path: &Path, options: &Options) -> Result<(Connection, bool)> {
    let access = if options.read_only {
        OpenFlags::SQLITE_OPEN_READ_ONLY
    } else {
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE
    };
    let attempt = Connection::open_with_flags(path, flags(access)).and_then(|connection| {
        connection.busy_timeout(options.patience)?;
        // The first look at the file: where a WAL cannot be set up beside it, this is what fails.
        connection.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))?;
        let read_only = options.read_only || connection.is_readonly("main")?;
        Ok((connection, read_only))
    });
    let error = match attempt {
        Ok(opened) => return Ok(opened),
        Err(error) => error,
    };
    let unwritable = matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied)
    );
    // A WAL left by a writer holds what the file does not; only a finished file can be read alone.
    let wal = root.metadata(format!("{FILE}-wal")).map_or(0, |metadata| metadata.len());
    if !unwritable || wal > 0 || !exists(root)? {
        return Err(catalog("opening")(error));
    }
    let uri = format!("file:{}?immutable=1", escaped(path));
    let connection = Connection::open_with_flags(uri, flags(OpenFlags::SQLITE_OPEN_READ_ONLY))
        .map_err(catalog("opening"))?;
    Ok((connection, true))
}

/// The path as it stands in a URI.
fn escaped(path: &Path) -> String {
    let mut text = String::new();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b'~' => {
                text.push(char::from(*byte));
            }
            other => text.push_str(&format!("%{other:02X}")),
        }
    }
    text
}

/// Has a new catalogue written ahead. Several processes may try at once: one does it, the others find it done.
fn use_wal(connection: &Connection, patience: Duration) -> Result<()> {
    let start = Instant::now();
    loop {
        // Changing the journal mode does not wait for others by itself.
        let mode =
            connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0));
        match mode {
            Ok(mode) if mode.eq_ignore_ascii_case("wal") => return Ok(()),
            Ok(mode) => {
                let reason = format!("wanted the journal mode `wal`, found `{mode}`");
                return Err(StoreError::Catalog { action: "opening", reason });
            }
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
                if start.elapsed() > patience {
                    return Err(StoreError::Busy { waited: start.elapsed() });
                }
                std::thread::sleep(Duration::from_millis(2));
            }
            Err(error) => return Err(catalog("opening")(error)),
        }
    }
}

/// The path SQLite is to be given for the directory we hold. SQLite has no way to open a file relative to
/// a directory handle, so the handle is turned into its current path, and the path is checked to lead to
/// the handle's directory: the handle decides, not the path.
pub(super) fn directory(root: &Dir, options: &Options) -> Result<PathBuf> {
    let wrong = |source| io("finding the path of", ".")(source);
    let path = match (&options.path, path_of(root)) {
        (_, Ok(path)) if is_same(root, &path) => path,
        (Some(path), _) => path.canonicalize().map_err(wrong)?,
        (None, Ok(path)) => path,
        (None, Err(error)) => return Err(wrong(error)),
    };
    if is_same(root, &path) {
        Ok(path)
    } else {
        let reason = format!("its path, `{}`, leads elsewhere", path.display());
        Err(StoreError::NotAStore { reason })
    }
}

#[cfg(unix)]
fn is_same(root: &Dir, path: &Path) -> bool {
    let held = rustix::fs::fstat(root);
    let found = rustix::fs::stat(path);
    matches!((held, found), (Ok(held), Ok(found)) if held.st_dev == found.st_dev && held.st_ino == found.st_ino)
}

#[cfg(not(unix))]
fn is_same(_root: &Dir, _path: &Path) -> bool {
    true
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn path_of(root: &Dir) -> std::io::Result<PathBuf> {
    use std::os::fd::AsRawFd as _;
    std::fs::read_link(format!("/proc/self/fd/{}", root.as_raw_fd()))
}

#[cfg(target_vendor = "apple")]
fn path_of(root: &Dir) -> std::io::Result<PathBuf> {
    use std::os::unix::ffi::OsStringExt as _;
    let path = rustix::fs::getpath(root)?;
    Ok(PathBuf::from(std::ffi::OsString::from_vec(path.into_bytes())))
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn path_of(_root: &Dir) -> std::io::Result<PathBuf> {
    Err(std::io::ErrorKind::Unsupported.into())
}

/// A digest in a row. The catalogue holds none that is not one, unless somebody else wrote to it.
pub(super) fn digest_at(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Digest> {
    let text = row.get_ref(column)?.as_str()?;
    text.parse().map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
    })
}

/// Media type, digest and size from three columns.
pub(super) fn target_at(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Target> {
    Ok(Target {
        media_type: row.get(column)?,
        digest: digest_at(row, column + 1)?,
        size: u64::try_from(row.get::<_, i64>(column + 2)?).unwrap_or(0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_in_a_uri_keeps_no_special_characters() {
        assert_eq!(escaped(Path::new("/a b/c?d#e%f")), "/a%20b/c%3Fd%23e%25f");
    }
}
