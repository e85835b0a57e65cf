use std::io::{Read as _, Seek as _, SeekFrom, Write as _};

use consign::content::{Content as _, ContentError};
use consign::digest::{Algorithm, Digest};
use consign::store::{NameRecord, Records, StoreError, Target};
use consign::types::Descriptor;

use super::*;

#[test]
fn content_comes_back_as_it_went_in() {
    let path = tempfile::tempdir().unwrap();
    let store = open(path.path());
    let digest = Digest::of(b"some bytes");
    assert_eq!(store.contains(&digest).unwrap(), None);
    assert!(store.open_blob(&digest).unwrap().is_none());
    write(&store, b"some bytes", &digest, 10).unwrap();
    assert_eq!(store.contains(&digest).unwrap(), Some(10));
    assert_eq!(store.read(&digest, 10).unwrap().unwrap(), b"some bytes");
    let mut blob = store.open_blob(&digest).unwrap().unwrap();
    assert_eq!(blob.size(), 10);
    blob.seek(SeekFrom::Start(5)).unwrap();
    let mut rest = String::new();
    blob.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "bytes");
}

#[test]
fn every_algorithm_is_verified() {
    let path = tempfile::tempdir().unwrap();
    let store = open(path.path());
    for algorithm in Algorithm::ALL {
        let mut writer = store.create().unwrap();
        writer.write_all(b"the same").unwrap();
        let digest = writer.commit_unknown(algorithm).unwrap();
        assert_eq!(digest.algorithm(), algorithm);
        write(&store, b"the same", &digest, 8).unwrap();
        assert_eq!(store.read(&digest, 8).unwrap().unwrap(), b"the same");
    }
    assert_eq!(store.blobs().unwrap().len(), 3);
}

#[test]
fn content_that_is_not_what_it_was_announced_to_be_is_discarded() {
    let path = tempfile::tempdir().unwrap();
    let store = open(path.path());
    let wanted = Digest::of(b"wanted");
    let wrong = write(&store, b"found!", &wanted, 6);
    assert!(matches!(wrong, Err(StoreError::DigestMismatch { .. })), "{wrong:?}");
    let short = write(&store, b"want", &wanted, 6);
    assert!(matches!(short, Err(StoreError::SizeMismatch { wanted: 6, found: 4, .. })), "{short:?}");
    assert_eq!(store.contains(&wanted).unwrap(), None);
    assert_eq!(files(path.path(), "blobs/sha256"), 0);
    assert_eq!(files(path.path(), "ingest"), 0);
}

#[test]
fn a_writer_that_is_dropped_leaves_nothing() {
    let path = tempfile::tempdir().unwrap();
    let store = open(path.path());
    let mut writer = store.create().unwrap();
    writer.write_all(b"never mind").unwrap();
    assert_eq!(files(path.path(), "ingest"), 1);
    drop(writer);
    assert_eq!(files(path.path(), "ingest"), 0);
    let batch = store.batch().unwrap();
    put(&batch, "blob", b"never mind");
    assert_eq!(files(path.path(), "ingest"), 1);
    drop(batch);
    assert_eq!(files(path.path(), "ingest"), 0);
}

#[test]
fn content_that_is_there_stays_as_it_is() {
    let path = tempfile::tempdir().unwrap();
    let store = open(path.path());
    let digest = store.put(b"once").unwrap();
    let file = path.path().join("blobs/sha256").join(digest.hex());
    let before = std::fs::metadata(&file).unwrap().modified().unwrap();
    assert_eq!(store.put(b"once").unwrap(), digest);
    assert_eq!(std::fs::metadata(&file).unwrap().modified().unwrap(), before);
    assert_eq!(files(path.path(), "ingest"), 0);
}

#[test]
fn what_is_read_is_bounded_and_verified() {
    let path = tempfile::tempdir().unwrap();
    let store = open(path.path());
    let digest = store.put(b"0123456789").unwrap();
    let large = store.read(&digest, 9);
    assert!(matches!(large, Err(StoreError::TooLarge { size: 10, limit: 9, .. })), "{large:?}");
    std::fs::write(path.path().join("blobs/sha256").join(digest.hex()), "0123456780").unwrap();
    let damaged = store.read(&digest, 10);
    assert!(matches!(damaged, Err(StoreError::Corrupt { .. })), "{damaged:?}");
}

#[test]
fn a_batch_is_readable_from_within_and_invisible_from_without() {
    let path = tempfile::tempdir().unwrap();
    let store = open(path.path());
    let batch = store.batch().unwrap();
    let mut records = Records::default();
    let config = add_image(&batch, &mut records, "one");
    assert_eq!(batch.contains(&config.digest).unwrap(), Some(config.size));
    assert_eq!(batch.read(&config.digest, 100).unwrap().unwrap(), b"config of one");
    assert_eq!(store.contains(&config.digest).unwrap(), None);
    assert!(store.names().is_empty().unwrap());
    batch.finish(&records).unwrap();
    assert_eq!(store.contains(&config.digest).unwrap(), Some(config.size));
    assert_eq!(store.names().len().unwrap(), 1);
    assert_eq!(files(path.path(), "ingest"), 0);
    check(&store);
}

#[test]
fn a_record_of_content_that_is_not_there_fails_the_batch() {
    let path = tempfile::tempdir().unwrap();
    let store = open(path.path());
    let batch = store.batch().unwrap();
    let mut records = Records::default();
    add_image(&batch, &mut records, "one");
    let target = Target { media_type: "index".into(), digest: Digest::of(b"nowhere"), size: 7 };
    records.names.push(NameRecord { name: name("dangling", "1"), target, replace: true });
    let failed = batch.finish(&records);
    assert!(matches!(failed, Err(StoreError::MissingContent { .. })), "{failed:?}");
    assert!(store.names().is_empty().unwrap());
    assert!(store.images().is_empty().unwrap());
    assert_eq!(files(path.path(), "ingest"), 0);
}

#[test]
fn a_name_that_may_not_be_moved_fails_the_whole_batch() {
    let path = tempfile::tempdir().unwrap();
    let store = open(path.path());
    add(&store, "one");
    let batch = store.batch().unwrap();
    let mut records = Records::default();
    let config = add_image(&batch, &mut records, "two");
    records.names.push(NameRecord { name: name("one", "1"), target: config, replace: false });
    let failed = batch.finish(&records);
    assert!(matches!(failed, Err(StoreError::TagTaken { .. })), "{failed:?}");
    assert_eq!(store.names().len().unwrap(), 1);
    assert_eq!(store.images().len().unwrap(), 1);
    check(&store);
}

#[test]
fn several_threads_write_into_one_batch() {
    let path = tempfile::tempdir().unwrap();
    let store = open(path.path());
    let batch = store.batch().unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let batch = &batch;
            scope.spawn(move || {
                for number in 0..10 {
                    let mut writer = batch.writer().unwrap();
                    // Every other blob is the same in all threads.
                    writer.write_all(format!("{number} {}", (number % 2) * thread).as_bytes()).unwrap();
                    writer.commit_unknown(Algorithm::Sha256).unwrap();
                }
            });
        }
    });
    batch.finish(&Records::default()).unwrap();
    assert_eq!(store.blobs().unwrap().len(), 5 + 5 * 4);
    assert_eq!(files(path.path(), "ingest"), 0);
}

#[test]
fn the_guest_s_questions_are_answered() {
    let path = tempfile::tempdir().unwrap();
    let store = open(path.path());
    let config = add(&store, "one");
    let index = store.find(&name("one", "1")).unwrap().unwrap();
    assert_eq!(index.media_type, "index");
    assert_eq!(store.find(&name("one", "2")).unwrap(), None);

    // A digest is known under a repository when a name of it points there.
    let mut by_digest = name("one", "1");
    by_digest.digest = Some(index.digest.clone());
    assert_eq!(store.find(&by_digest).unwrap().unwrap(), index);
    by_digest.path = "two".into();
    assert_eq!(store.find(&by_digest).unwrap(), None);

    let found = store.search(&config.digest.hex()[..6]).unwrap();
    assert_eq!(found, [Descriptor::from(&config)]);
    assert_eq!(store.search(&format!("sha256:{}", &config.digest.hex()[..6])).unwrap(), found);
    assert_eq!(store.search(&format!("sha512:{}", &config.digest.hex()[..6])).unwrap(), []);
    assert_eq!(store.search("xyz").unwrap(), []);
    assert_eq!(store.search(&index.digest).unwrap(), std::slice::from_ref(&index));

    assert_eq!(store.indexes(&config.digest.to_string()).unwrap(), [index]);
    assert_eq!(store.manifests(&config.digest.to_string()).unwrap().len(), 1);
    let bytes = consign::content::Content::read(&store, &Descriptor::from(&config)).unwrap();
    assert_eq!(bytes.unwrap(), b"config of one");

    let mut lying = Descriptor::from(&config);
    lying.size += 1;
    let corrupt = consign::content::Content::read(&store, &lying);
    assert!(matches!(corrupt, Err(ContentError::Corrupt { .. })), "{corrupt:?}");
}

#[test]
fn no_document_over_four_mebibytes_reaches_the_guest() {
    let path = tempfile::tempdir().unwrap();
    let store = open(path.path());
    let bytes = vec![b' '; (4 << 20) + 1];
    let digest = store.put(&bytes).unwrap();
    let target = Target { media_type: "index".into(), digest, size: bytes.len() as u64 };
    let refused = consign::content::Content::read(&store, &Descriptor::from(&target));
    assert!(matches!(refused, Err(ContentError::TooLarge { .. })), "{refused:?}");
}

#[test]
fn a_truncated_blob_is_replaced_by_the_whole_one() {
    let path = tempfile::tempdir().unwrap();
    let store = open(path.path());
    let digest = store.put(b"whole").unwrap();
    std::fs::write(path.path().join("blobs/sha256").join(digest.hex()), "who").unwrap();
    store.put(b"whole").unwrap();
    assert_eq!(store.read(&digest, 10).unwrap().unwrap(), b"whole");
}

#[test]
fn directories_that_got_lost_are_made_again() {
    let path = tempfile::tempdir().unwrap();
    drop(open(path.path()));
    std::fs::remove_dir(path.path().join("ingest")).unwrap();
    std::fs::remove_dir_all(path.path().join("blobs")).unwrap();
    let store = open(path.path());
    add(&store, "one");
    check(&store);
}

#[test]
fn a_full_disk_is_an_error_and_leaves_nothing() {
    let mount = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=2m tmpfs \"$1\" && exec \"$2\" writing::fill_the_disk --exact \
                  --ignored --nocapture";
    let output = Command::new("unshare")
        .args(["--mount", "--map-root-user", "sh", "-c", script, "sh"])
        .args([mount.path(), &std::env::current_exe().unwrap()])
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
fn fill_the_disk() {
    let path = std::path::PathBuf::from(std::env::var_os("STORE_UNDER_TEST").unwrap());
    let store = store_of_child();
    add(&store, "one");
    let batch = store.batch().unwrap();
    let mut writer = batch.writer().unwrap();
    let full = writer.write_all(&vec![1; 4 << 20]).unwrap_err();
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    drop((writer, batch));
    assert_eq!(files(&path, "ingest"), 0);
    check(&store);
    add(&store, "two");
    check(&store);
}
