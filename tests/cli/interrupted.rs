//! Saves and imports that die, or find no room: what was there before is there after, and nothing half done has
//! a name.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::archive::{Layout, Tar, digest, gzip, layer};
use crate::killed::STEPS;
use crate::overwriting::REPLACING;
use crate::place::Place;
use crate::stores::{large, with_mounts};

const NAME: &str = "example.com/image:1";

/// The steps of a save, in order; which forms go through them.
const SAVE_STEPS: [(&str, &[&str]); 4] = [
    ("save-blob-written", &["oci-dir", "docker-dir"]),
    ("save-written", &["docker-archive", "oci-archive", "oci-dir", "docker-dir"]),
    ("save-linked", &["docker-archive", "oci-archive"]),
    ("save-published", &["docker-archive", "oci-archive", "oci-dir", "docker-dir"]),
];

fn place() -> Place {
    let place = Place::new();
    let contents: Vec<Vec<u8>> = (0..4).map(|number| layer(&format!("{number} ").repeat(600_000))).collect();
    let diff_ids: Vec<String> = contents.iter().map(|content| digest(content)).collect();
    let layers: Vec<Vec<u8>> = contents.iter().map(|content| gzip(content)).collect();
    let mut layout = Layout::default();
    let image = layout.image("amd64", &layers, &diff_ids);
    layout.root(image, Some(NAME));
    let archive = place.file("archive.tar", &layout.tar());
    place.run(&["load", "-q", &archive]).ok();
    place
}

/// What is saved there is whole.
#[track_caller]
fn assert_whole(place: &Place, path: &Path) {
    let other = Place::new();
    other.run(&["load", "-q", path.to_str().unwrap()]).ok();
    assert_eq!(other.images(), place.images());
}

/// Names in a directory, hidden ones too.
fn names(directory: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn a_save_that_dies_at_any_step_is_done_or_never_was() {
    if !cfg!(debug_assertions) {
        println!("not run: a release build has no steps to die at");
        return;
    }
    let place = place();
    for (step, forms) in SAVE_STEPS {
        for form in forms {
            let path = place.path("out");
            let save = ["save", "--format", form, "-o", path.to_str().unwrap(), NAME];
            let died = || {
                let died = place.command(&save).env("CONSIGN_CRASH_AT", step).output().unwrap();
                assert_eq!(died.status.code(), None, "{form} {step}: {died:?}");
            };
            died();
            let done = step == "save-published";
            assert_eq!(path.exists(), done, "{form} {step}");
            if form.ends_with("archive") && step != "save-linked" {
                // A file without a name goes with the process.
                let left = names(&place.path(""));
                assert!(left.iter().all(|name| !name.starts_with(".out")), "{form} {step}: {left:?}");
            }
            if form.ends_with("archive") && !done {
                // Something that was there before still is.
                std::fs::write(&path, "before").unwrap();
                died();
                assert_eq!(std::fs::read(&path).unwrap(), b"before", "{form} {step}");
            }
            if !done {
                place.run(&save).ok();
            }
            assert_whole(&place, &path);
            for name in names(&place.path("")).into_iter().filter(|name| name.contains("out")) {
                let path = place.path(&name);
                let removed =
                    if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
                removed.unwrap();
            }
        }
    }
    assert_eq!(place.check()["problems"], serde_json::json!([]));
}

#[test]
fn every_step_a_save_names_is_tried() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/save");
    let mut named = BTreeSet::new();
    for entry in std::fs::read_dir(source).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        named.extend(text.split("reached(\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()));
    }
    let tried = SAVE_STEPS.iter().map(|(step, _)| step).chain(REPLACING.iter().map(|(step, _)| step));
    assert_eq!(named, tried.map(|step| (*step).to_owned()).collect());
}

#[test]
fn a_save_killed_at_any_moment_is_done_or_never_was() {
    let place = place();
    let path = place.path("out");
    for form in ["docker-archive", "oci-archive", "oci-dir", "docker-dir"] {
        let save = ["save", "--format", form, "-o", path.to_str().unwrap(), NAME];
        let start = Instant::now();
        place.run(&save).ok();
        let usual = start.elapsed();
        let mut seed = 88_172_645_463_325_252u64;
        for _ in 0..12 {
            let gone =
                if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
            assert!(gone.is_ok() || !path.exists());
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            let mut child = place.command(&save).spawn().unwrap();
            std::thread::sleep(usual.mul_f64((seed % 1000) as f64 / 900.0));
            // SIGKILL: nothing is tidied up.
            let _ = child.kill();
            child.wait().unwrap();
            if path.exists() {
                assert_whole(&place, &path);
            }
        }
        let gone = if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        assert!(gone.is_ok() || !path.exists());
    }
    place.check();
}

#[test]
fn an_import_that_dies_at_any_step_is_done_or_never_was() {
    if !cfg!(debug_assertions) {
        return;
    }
    for (position, step) in STEPS.into_iter().enumerate() {
        let place = Place::with(&["several.docker.tar"]);
        let before = place.images();
        let path = place.file("root.tar", &layer(&"content ".repeat(300_000)));
        let import = ["import", "-q", &path, "example.com/imported:1"];
        let died = place.command(&import).env("CONSIGN_CRASH_AT", step).output().unwrap();
        assert_eq!(died.status.code(), None, "{step}: {died:?}");
        let report = place.check();
        for problem in report["problems"].as_array().unwrap() {
            assert_eq!(problem["harmless"], true, "{step}: {problem}");
        }
        let done = position + 1 == STEPS.len();
        assert_eq!(place.images().len(), before.len() + usize::from(done), "{step}");
        let resolved = place.run(&["resolve", "-q", "example.com/imported:1"]);
        assert_eq!(resolved.code, Some(i32::from(!done)), "{step}");
        place.run(&import).ok();
        place.run(&["resolve", "-q", "example.com/imported:1"]).ok();
        place.check();
    }
}

#[test]
fn a_full_disk_leaves_nothing_of_a_save_or_an_import() {
    let place = Place::new();
    let archive = large(&place, 6 << 20);
    place.run(&["load", "-q", &archive]).ok();
    let mut noise = std::fs::read(&archive).unwrap();
    noise.truncate(6 << 20);
    place.file("root.tar", &Tar::default().file("noise", &noise).end());
    let script = r#"
        mkdir "$DIR/full"
        mount -t tmpfs -o size=3m none "$DIR/full"
        echo before > "$DIR/full/archive"
        for format in docker-archive oci-archive; do
            code=0; "$CONSIGN" save --format $format -o "$DIR/full/archive" example.com/large:1 || code=$?
            test $code = 2
            test "$(cat "$DIR/full/archive")" = before
        done
        for format in oci-dir docker-dir; do
            code=0; "$CONSIGN" save --format $format -o "$DIR/full/directory" example.com/large:1 || code=$?
            test $code = 2
        done
        test "$(ls -A "$DIR/full")" = archive
        code=0; "$CONSIGN" save example.com/large:1 > /dev/full || code=$?
        test $code = 2
        # Compressing needs room, too.
        mount -t tmpfs -o size=1m none "$TMPDIR"
        code=0; "$CONSIGN" save --format oci-dir --compress -o "$DIR/other" example.com/large:1 || code=$?
        test $code = 2
        test ! -e "$DIR/other"
        "$CONSIGN" check
        # And a store without any.
        export CONSIGN_ROOT="$DIR/full/store"
        code=0; "$CONSIGN" import "$DIR/root.tar" x || code=$?
        test $code = 2
        "$CONSIGN" check
        test -z "$(ls -A "$DIR/full/store/ingest")"
        mount -o remount,size=40m "$DIR/full"
        "$CONSIGN" import -q "$DIR/root.tar" x
    "#;
    let Some(outcome) = with_mounts(&place, script) else { return };
    let outcome = outcome.ok();
    assert_eq!(outcome.stderr.matches("No space left on device").count(), 7, "{}", outcome.stderr);
    assert!(!outcome.text().contains("damaged"), "{}", outcome.text());
}

#[test]
fn a_store_that_cannot_be_written_to_can_be_saved_from() {
    let place = place();
    let script = r#"
        mount --bind "$CONSIGN_ROOT" "$CONSIGN_ROOT"
        mount -o remount,ro,bind "$CONSIGN_ROOT"
        "$CONSIGN" save -o "$DIR/out.tar" example.com/image:1
        "$CONSIGN" save --format oci-dir --link -o "$DIR/out" example.com/image:1
        code=0; "$CONSIGN" import "$DIR/out.tar" x || code=$?
        test $code = 2
    "#;
    let Some(outcome) = with_mounts(&place, script) else { return };
    let outcome = outcome.ok();
    assert!(outcome.stderr.contains("reading only"), "{}", outcome.stderr);
    assert_whole(&place, &place.path("out.tar"));
    assert_whole(&place, &place.path("out"));
}

#[test]
fn a_save_goes_on_while_its_image_is_removed() {
    for form in ["docker-archive", "oci-archive"] {
        goes_on(form);
    }
}

fn goes_on(form: &str) {
    let place = place();
    let (reader, writer) = std::io::pipe().unwrap();
    let mut child = place.command(&["save", "--format", form, NAME]).stdout(writer).spawn().unwrap();
    // The pipe is full long before the archive is written; nobody reads yet.
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut first = [0; 512];
    let mut reader = reader;
    std::io::Read::read_exact(&mut reader, &mut first).unwrap();
    while place.run(&["rm", "-f", NAME]).code != Some(0) {
        assert!(Instant::now() < deadline);
    }
    assert_eq!(place.images().len(), 0);
    let mut archive = first.to_vec();
    std::io::Read::read_to_end(&mut reader, &mut archive).unwrap();
    assert!(child.wait().unwrap().success());
    let path = place.file("late.tar", &archive);
    let other = Place::new();
    other.run(&["load", "-q", &path]).ok();
    assert_eq!(other.images().len(), 1);
}
