#![allow(clippy::unwrap_used)]

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use cap_std::ambient_authority;

use super::*;
use crate::layer::index::{Builder, Scratch};

fn cache(directory: &Path, limit: u64) -> Option<Cache> {
    Cache::new(Dir::open_ambient_dir(directory, ambient_authority()).unwrap(), limit).unwrap()
}

/// Keeps the index of a layer without entries; its diff ID, and the bytes it takes.
fn keep(cache: &Cache, name: &str) -> (Digest, u64) {
    let diff_id = Digest::of(name.as_bytes());
    let index = Builder::new(Scratch::default()).finish(&diff_id, 1024).unwrap();
    let size = index.size();
    cache.keeping().keep(&diff_id, &diff_id, &Made { index: Ok(index), checkpoints: false }).unwrap();
    (diff_id, size)
}

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn used(directory: &Path, diff_id: &Digest, ago: Duration) {
    let file = std::fs::File::options().write(true).open(directory.join(name(Kind::Index, diff_id))).unwrap();
    file.set_modified(SystemTime::now() - ago).unwrap();
}

#[test]
fn what_was_not_used_for_the_longest_time_goes_first() {
    let directory = tempfile::tempdir().unwrap();
    let size = keep(&cache(directory.path(), LIMIT).unwrap(), "any").1;
    let cache = cache(directory.path(), 3 * size).unwrap();
    let [one, two] = ["one", "two"].map(|name| keep(&cache, name).0);
    used(directory.path(), &Digest::of(b"any"), 2 * DAY);
    used(directory.path(), &one, 3 * DAY);
    // Being looked at is being used.
    assert!(cache.index(&one).is_some());
    let three = keep(&cache, "three").0;
    assert!(cache.index(&Digest::of(b"any")).is_none());
    for kept in [&one, &two, &three] {
        assert!(cache.index(kept).is_some());
    }
    assert_eq!(names(directory.path()).len(), 3);
}

#[test]
fn what_is_left_of_killed_processes_goes_and_what_is_somebody_elses_stays() {
    let directory = tempfile::tempdir().unwrap();
    let there = |name: &str| directory.path().join(name);
    std::fs::write(there("new-1-2-3"), "begun").unwrap();
    std::fs::write(there("new-4-5-6"), "being written").unwrap();
    std::fs::write(there("notes-of-mine"), vec![0; 4096]).unwrap();
    let old = std::fs::File::options().write(true).open(there("new-1-2-3")).unwrap();
    old.set_modified(SystemTime::now() - 2 * DAY).unwrap();
    let (one, _) = keep(&cache(directory.path(), LIMIT).unwrap(), "one");
    let mut names = names(directory.path());
    names.sort();
    assert_eq!(names, ["new-4-5-6", "notes-of-mine", &name(Kind::Index, &one)]);
}

#[test]
fn what_is_damaged_or_of_another_layer_is_as_good_as_gone() {
    let directory = tempfile::tempdir().unwrap();
    let cache = cache(directory.path(), LIMIT).unwrap();
    let (one, two) = (keep(&cache, "one").0, keep(&cache, "two").0);
    let path = |diff_id| directory.path().join(name(Kind::Index, diff_id));
    std::fs::copy(path(&two), path(&one)).unwrap();
    assert!(cache.index(&one).is_none());
    std::fs::write(path(&two), "damaged").unwrap();
    assert!(cache.index(&two).is_none());
    assert!(cache.checkpoints(&one).is_none());
}

#[test]
fn a_directory_that_others_may_write_to_is_not_used() {
    let directory = tempfile::tempdir().unwrap();
    for (mode, is_used) in [(0o700, true), (0o755, true), (0o775, false), (0o757, false), (0o1777, false)] {
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(cache(directory.path(), LIMIT).is_some(), is_used, "{mode:o}");
    }
}
