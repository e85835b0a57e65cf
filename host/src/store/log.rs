//! The catalogue's log (SQLite's WAL): transactions since it was last folded into the catalogue's file.
//!
//! SQLite folds it in and removes it whenever the last process closes the catalogue, which takes more
//! syncs than anything else a short command does. Here it stays, and a commit is one sync, at its
//! end. The price is that who opens the catalogue alone reads the log, so a writer that leaves a long one
//! folds it in when it closes.

use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::catalog::flags;

/// How long a log a writer leaves, in bytes: 31 pages. Reading it takes 30 µs.
pub(super) const LEFT: u64 = 128 << 10;

/// From how many pages on a writer folds it in while it goes on: 32 MiB.
pub(super) const LONGEST: i64 = 8192;

/// Has a connection leave the log where it is when it closes.
pub(super) fn keep(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map(drop)
}

/// The log's bytes; `None` where there is none. Only metadata is looked at: closing a file that SQLite has open
/// would end this process's locks on it.
pub(super) fn length(catalog: &Path) -> std::io::Result<Option<u64>> {
    let mut log = catalog.as_os_str().to_owned();
    log.push("-wal");
    match std::fs::symlink_metadata(log) {
        Ok(metadata) => Ok(Some(metadata.len())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Folds the log into the catalogue's file and empties it, waiting for others as long as the connection does.
pub(super) fn fold(connection: &Connection) -> rusqlite::Result<()> {
    // While the first part goes on others can write. What it leaves to the second is little.
    for part in ["PASSIVE", "TRUNCATE"] {
        let busy = connection
            .query_row(&format!("PRAGMA wal_checkpoint({part})"), [], |row| row.get::<_, bool>(0))?;
        if busy {
            let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
            return Err(rusqlite::Error::SqliteFailure(code, None));
        }
    }
    Ok(())
}

/// The same, as far as that can be done at once. What is left is left to whoever closes next.
pub(super) fn try_fold(connection: &Connection) -> rusqlite::Result<()> {
    match connection.busy_timeout(std::time::Duration::ZERO).and_then(|()| fold(connection)) {
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => Ok(()),
        folded => folded,
    }
}

/// A connection that writes. The log's name is durable already.
pub(super) fn open(path: &Path) -> rusqlite::Result<Connection> {
    let access = flags(OpenFlags::SQLITE_OPEN_READ_WRITE);
    #[cfg(unix)]
    if let Some(files) = files::name() {
        return Connection::open_with_flags_and_vfs(path, access, files);
    }
    Connection::open_with_flags(path, access)
}

/// SQLite's own access to files, but that opening a log which is there is not creating one. SQLite asks for
/// it to be created whenever it opens one, and whoever does that syncs the directory with the first commit:
/// with one commit a process, as many times as the log itself.
#[cfg(unix)]
mod files {
    use std::ffi::{CStr, c_int};
    use std::sync::OnceLock;

    use rusqlite::ffi::{
        SQLITE_CANTOPEN, SQLITE_OK, SQLITE_OPEN_CREATE, SQLITE_OPEN_WAL, sqlite3_file, sqlite3_filename,
        sqlite3_vfs, sqlite3_vfs_find, sqlite3_vfs_register,
    };

    const NAME: &CStr = c"consign";

    /// SQLite's access to files on Unix.
    struct Base(*mut sqlite3_vfs);

    // SAFETY: SQLite never changes nor frees it, and calls it from any thread itself.
    unsafe impl Send for Base {}
    // SAFETY: as above.
    unsafe impl Sync for Base {}

    static BASE: OnceLock<Option<Base>> = OnceLock::new();

    /// The name to open by. `None` where this process has SQLite reach files in a way of its own.
    pub(super) fn name() -> Option<&'static CStr> {
        BASE.get_or_init(register).as_ref().map(|_| NAME)
    }

    fn register() -> Option<Base> {
        // SAFETY: SQLite answers with an object that stays, or with none. The copy is never freed either.
        // Its functions but for `open` are those of `unix`, which do not look at the object they are given.
        unsafe {
            let base = sqlite3_vfs_find(c"unix".as_ptr());
            if base.is_null() || base != sqlite3_vfs_find(std::ptr::null()) {
                return None;
            }
            let mut ours = *base;
            ours.pNext = std::ptr::null_mut();
            ours.zName = NAME.as_ptr();
            ours.xOpen = Some(open);
            let ours = Box::into_raw(Box::new(ours));
            (sqlite3_vfs_register(ours, 0) == SQLITE_OK).then_some(Base(base))
        }
    }

    /// # Safety
    /// Called by SQLite alone, as its documentation of `xOpen` says.
    unsafe extern "C" fn open(
        _: *mut sqlite3_vfs,
        name: sqlite3_filename,
        file: *mut sqlite3_file,
        flags: c_int,
        opened: *mut c_int,
    ) -> c_int {
        let Some(base) = BASE.get().and_then(Option::as_ref) else { return SQLITE_CANTOPEN };
        // SAFETY: `base` is as SQLite made it, and the arguments are those SQLite calls this with. After a
        // failure a file may be opened again.
        unsafe {
            let Some(open) = (*base.0).xOpen else { return SQLITE_CANTOPEN };
            if flags & SQLITE_OPEN_WAL != 0 {
                let there = open(base.0, name, file, flags & !SQLITE_OPEN_CREATE, opened);
                if there == SQLITE_OK {
                    return there;
                }
            }
            open(base.0, name, file, flags, opened)
        }
    }
}
