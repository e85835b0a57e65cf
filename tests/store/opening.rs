use consign::store::{Options, StoreError};

use super::*;

fn open_error(path: &Path, options: Options) -> StoreError {
    match Store::open(directory(path), options) {
        Ok(_) => panic!("it opened"),
        Err(error) => error,
    }
}

/// Runs one statement on a catalogue that no store has open.
fn tamper(path: &Path, statement: &str) {
    let connection = rusqlite::Connection::open(path.join("catalog.sqlite")).unwrap();
    connection.execute_batch(statement).unwrap();
}

#[test]
fn a_store_of_a_newer_format_is_refused_by_name() {
    let path = tempfile::tempdir().unwrap();
    add(&open(path.path()), "one");
    tamper(path.path(), "PRAGMA user_version = 7");
    let error = open_error(path.path(), Options::default());
    assert!(matches!(error, StoreError::NewerFormat { found: 7, supported: 5 }), "{error:?}");
    assert!(error.to_string().contains("a newer consign wrote it"));
    let read_only = Options { read_only: true, ..Options::default() };
    assert!(matches!(open_error(path.path(), read_only), StoreError::NewerFormat { .. }));
}

#[test]
fn what_is_no_store_is_not_made_one() {
    for stranger in ["index.json", "holiday.jpg"] {
        let path = tempfile::tempdir().unwrap();
        std::fs::write(path.path().join(stranger), "{}").unwrap();
        let error = open_error(path.path(), Options::default());
        assert!(matches!(error, StoreError::NotAStore { .. }), "{error:?}");
        assert_eq!(files(path.path(), "."), 1);
    }
    let path = tempfile::tempdir().unwrap();
    let no_create = Options { create: false, ..Options::default() };
    assert!(matches!(open_error(path.path(), no_create), StoreError::NotAStore { .. }));
    let read_only = Options { read_only: true, ..Options::default() };
    assert!(matches!(open_error(path.path(), read_only), StoreError::NotAStore { .. }));
    assert_eq!(files(path.path(), "."), 0);
}

#[test]
fn a_catalogue_that_is_a_link_is_refused() {
    let path = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    add(&open(elsewhere.path()), "one");
    std::os::unix::fs::symlink(elsewhere.path().join("catalog.sqlite"), path.path().join("catalog.sqlite"))
        .unwrap();
    let error = open_error(path.path(), Options::default());
    assert!(matches!(error, StoreError::NotAStore { .. }), "{error:?}");
}

#[test]
fn a_catalogue_that_is_no_database_is_an_error() {
    let path = tempfile::tempdir().unwrap();
    drop(open(path.path()));
    std::fs::write(path.path().join("catalog.sqlite"), "certainly no database ".repeat(100)).unwrap();
    let error = open_error(path.path(), Options::default());
    assert!(matches!(error, StoreError::DamagedCatalog { .. }), "{error:?}");
}

#[test]
fn a_store_opened_for_reading_reads_and_refuses_to_write() {
    let path = tempfile::tempdir().unwrap();
    let config = add(&open(path.path()), "one");
    let store =
        Store::open(directory(path.path()), Options { read_only: true, ..Options::default() }).unwrap();
    assert!(store.is_read_only());
    assert!(store.names().get(&name("one", "1")).unwrap().is_some());
    assert_eq!(store.images().search("").unwrap(), Some(config.digest));
    assert!(store.check().unwrap().is_sound());
    assert!(matches!(store.put(b"more"), Err(StoreError::ReadOnly)));
    assert!(matches!(store.names().delete(&name("one", "1")), Err(StoreError::ReadOnly)));
    assert!(matches!(store.collect(), Err(StoreError::ReadOnly)));
}

#[test]
fn a_store_on_a_read_only_file_system_can_be_read() {
    let path = tempfile::tempdir().unwrap();
    let mount = tempfile::tempdir().unwrap();
    add(&open(path.path()), "one");
    let script = "mount --bind \"$1\" \"$2\" && mount -o remount,ro,bind \"$2\" && exec \"$3\" \
                  opening::read_what_is_there --exact --ignored --nocapture";
    let output = Command::new("unshare")
        .args(["--mount", "--map-root-user", "sh", "-c", script, "sh"])
        .args([path.path(), mount.path(), &std::env::current_exe().unwrap()])
        .env("STORE_UNDER_TEST", mount.path())
        .output();
    match output {
        Ok(output) if output.status.success() => {
            assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{output:?}");
        }
        Ok(output) if String::from_utf8_lossy(&output.stderr).contains("unshare") => {
            println!("not run: this machine allows no mounts");
        }
        Ok(output) => panic!("{output:?}"),
        Err(error) => println!("not run: {error}"),
    }
}

#[test]
#[ignore = "run by another test, in a process of its own"]
fn read_what_is_there() {
    let store = store_of_child();
    assert!(store.is_read_only());
    assert!(store.names().get(&name("one", "1")).unwrap().is_some());
    assert!(store.check().unwrap().is_sound());
    assert!(matches!(store.put(b"more"), Err(StoreError::ReadOnly)));
}

#[test]
fn the_handle_decides_which_store_it_is() {
    let parent = tempfile::tempdir().unwrap();
    let (here, there) = (parent.path().join("here"), parent.path().join("there"));
    std::fs::create_dir(&here).unwrap();
    let root = directory(&here);
    std::fs::rename(&here, &there).unwrap();
    std::fs::create_dir(&here).unwrap();
    // The path that would lead elsewhere does not count.
    let store = Store::open(root, Options { path: Some(here.clone()), ..Options::default() }).unwrap();
    add(&store, "one");
    assert_eq!(files(&here, "."), 0);
    check(&open(&there));
}

#[test]
fn a_path_with_strange_characters_is_a_path() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("a ?b#c%20&d'e\"ü");
    std::fs::create_dir(&path).unwrap();
    add(&open(&path), "one");
    check(&open(&path));
    let read_only = Options { read_only: true, ..Options::default() };
    assert!(Store::open(directory(&path), read_only).is_ok());
}

#[test]
fn an_interrupted_start_is_taken_up() {
    let path = tempfile::tempdir().unwrap();
    std::fs::create_dir(path.path().join("blobs")).unwrap();
    std::fs::write(path.path().join("oci-layout"), "{\"imageLayoutVersion\":\"1.0.0\"}").unwrap();
    std::fs::write(path.path().join("catalog.sqlite"), "").unwrap();
    add(&open(path.path()), "one");
    check(&open(path.path()));
}

/// Makes of a store what the first format was.
fn to_the_first_format(path: &Path) {
    let connection = rusqlite::Connection::open(path.join("catalog.sqlite")).unwrap();
    connection
        .execute_batch(
            "DROP TABLE events; DROP TABLE pins; DROP TABLE places; DROP INDEX image_layers_by_chain_id;
             ALTER TABLE images DROP COLUMN layer_count; ALTER TABLE images DROP COLUMN unpacked_size;
             ALTER TABLE layer_blobs DROP COLUMN verified;
             PRAGMA user_version = 1",
        )
        .unwrap();
}

fn format(path: &Path) -> i64 {
    let connection = rusqlite::Connection::open(path.join("catalog.sqlite")).unwrap();
    connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
}

#[test]
fn a_store_of_the_first_format_is_upgraded_where_it_is() {
    let path = tempfile::tempdir().unwrap();
    let one = add(&open(path.path()), "one");
    to_the_first_format(path.path());
    // Several at once: one does it.
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| check(&open(path.path())));
        }
    });
    assert_eq!(format(path.path()), 5);
    let store = open(path.path());
    assert_eq!(store.images().ids().unwrap(), std::slice::from_ref(&one.digest));
    assert!(store.pins().add(&one.digest, "somebody").unwrap());
    add(&store, "two");
    assert_eq!(store.events().after(0, 10).unwrap().len(), 1);
    check(&store);
}

#[test]
fn a_store_of_the_first_format_can_be_read_without_being_upgraded() {
    let path = tempfile::tempdir().unwrap();
    let one = add(&open(path.path()), "one");
    to_the_first_format(path.path());
    let store =
        Store::open(directory(path.path()), Options { read_only: true, ..Options::default() }).unwrap();
    check(&store);
    assert_eq!(store.events().after(0, 10).unwrap(), []);
    assert_eq!(store.pins().holders(&one.digest).unwrap(), Vec::<String>::new());
    drop(store);
    assert_eq!(format(path.path()), 1);
}

#[test]
fn the_log_stays_and_a_long_one_is_folded_in() {
    let path = tempfile::tempdir().unwrap();
    let length = |name: &str| std::fs::metadata(path.path().join(name)).unwrap().len();
    let config = add(&open(path.path()), "one");
    assert!(length("catalog.sqlite-wal") > 0);
    let (mut longest, mut folded) = (0, 0);
    for number in 0..200 {
        let before = length("catalog.sqlite-wal");
        open(path.path()).names().tag(&[name("one", &number.to_string())], &config).unwrap();
        longest = longest.max(length("catalog.sqlite-wal"));
        folded += usize::from(length("catalog.sqlite-wal") < before);
    }
    // What a reader who is alone has to go through.
    assert!(longest < 170 << 10, "{longest}");
    assert!((1..100).contains(&folded), "{folded}");
    let store = open(path.path());
    assert!(store.names().get(&name("one", "0")).unwrap().is_some());
    assert_eq!(store.names().references(&config.digest).unwrap().len(), 200);
    // Somebody who reads keeps it from being emptied, and nobody waits for that.
    let reading = rusqlite::Connection::open(path.path().join("catalog.sqlite")).unwrap();
    reading.execute_batch("BEGIN; SELECT * FROM names").unwrap();
    for number in 0..200 {
        open(path.path()).names().delete(&name("one", &number.to_string())).unwrap();
    }
    assert!(length("catalog.sqlite-wal") > 170 << 10);
    reading.execute_batch("COMMIT").unwrap();
    drop(reading);
    open(path.path()).names().tag(&[name("one", "last")], &config).unwrap();
    assert!(length("catalog.sqlite-wal") < 170 << 10);
}
