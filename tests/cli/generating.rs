use std::process::Stdio;
use std::time::Duration;

use crate::archive::digest;
use crate::place::{Place, wait_within};
use crate::transcript::Transcript;

#[test]
fn both_components_are_written_whole() {
    let place = Place::new();
    for world in ["names", "resolver"] {
        let path = place.path(world);
        let path = path.to_str().unwrap();
        let printed = place.run(&["component", "--world", world]).ok().stdout;
        place.run(&["component", "--world", world, "-o", path]).ok();
        assert_eq!(std::fs::read(path).unwrap(), printed);
        // A component: the magic number, version 13, layer 1.
        assert_eq!(printed[..8], *b"\0asm\x0d\0\x01\0");
        let stated = place.run(&["component", "--world", world, "--digest"]).ok();
        assert_eq!(stated.text().trim(), digest(&printed));
    }
    let default = place.run(&["component", "--digest"]).ok().stdout;
    assert_eq!(default, place.run(&["component", "--digest", "--world", "resolver"]).ok().stdout);
    // The module inside: the magic number, version 1.
    let core = place.run(&["component", "--world", "names", "--core"]).ok().stdout;
    assert_eq!(core[..8], *b"\0asm\x01\0\0\0");
    let stated = place.run(&["component", "--world", "names", "--core", "--digest"]).ok();
    assert_eq!(stated.text().trim(), digest(&core));
    // None of this needs a store, so none is made.
    assert!(!place.root().exists());
}

#[test]
fn the_package_is_written_whole() {
    let place = Place::new();
    let written = place.path("new/wit");
    place.run(&["component", "--wit", written.to_str().unwrap()]).ok();
    let files = |path: &std::path::Path| -> std::collections::BTreeMap<_, _> {
        let entries = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
        let wit = entries.filter(|path| path.extension().is_some_and(|extension| extension == "wit"));
        wit.map(|path| (path.file_name().unwrap().to_owned(), std::fs::read(&path).unwrap())).collect()
    };
    let package = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
    assert_eq!(files(&written), files(&package));
}

#[test]
fn what_cannot_be_written_is_said() {
    let place = Place::new();
    Transcript::new(&place)
        .run("component -o /nonexistent/x")
        .run("component --digest -o x")
        .run("component --world other")
        .run("completions other")
        .run("man /nonexistent")
        .run("man /dev/null")
        .assert("cannot_write");
    for arguments in [&["component"][..], &["images"], &["completions", "bash"]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let child = place.command(arguments).stdout(Stdio::from(full)).spawn().unwrap();
        let outcome = wait_within(child, Duration::from_secs(10)).failed(2);
        assert!(outcome.stderr.contains("writing to standard output"), "{}", outcome.stderr);
    }
}

#[test]
fn help_tells_every_command_and_option() {
    let place = Place::new();
    let mut transcript = Transcript::new(&place);
    transcript.run("--version").run("--help").run("-h");
    let commands = [
        "resolve",
        "inspect",
        "images",
        "load",
        "tag",
        "untag",
        "rm",
        "prune",
        "pin",
        "unpin",
        "gc",
        "events",
        "check",
        "component",
    ];
    for command in commands.into_iter().chain(["completions", "man"]) {
        transcript.run(&format!("{command} --help"));
    }
    transcript.run("").run("nosuch").run("resolve").run("resolve --nosuch x").run("load --platform");
    transcript.assert("help");
}

#[test]
fn completions_and_man_pages_know_every_command() {
    let place = Place::new();
    let directory = place.path("man");
    std::fs::create_dir(&directory).unwrap();
    place.run(&["man", directory.to_str().unwrap()]).ok();
    let help = place.run(&["--help"]).ok();
    let (_, commands) = help.text().split_once("Commands:\n").unwrap();
    let (commands, _) = commands.split_once("\n\n").unwrap();
    let commands: Vec<&str> = commands.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(commands.len(), 39, "{commands:?}");
    assert!(directory.join("consign.1").is_file());
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = place.run(&["completions", shell]).ok();
        for command in &commands {
            assert!(script.text().contains(command), "{shell}: {command}");
            assert!(directory.join(format!("consign-{command}.1")).is_file(), "{command}");
        }
    }
    let page = std::fs::read_to_string(directory.join("consign-resolve.1")).unwrap();
    assert!(page.contains("\\-\\-explain"), "{page}");
    assert!(!page.contains(place.root().to_str().unwrap()), "a page tells of the environment it was made in");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let place = Place::with(&["multi.oci.tar", "attested.oci.tar"]);
    for arguments in [
        &["component"][..],
        &["images"],
        &["images", "--format", "json"],
        &["completions", "zsh"],
        &["inspect", "example.com/multi:1", "--platform", "linux/amd64"],
        &["inspect", "--raw", "example.com/multi:1"],
        &["resolve", "example.com/attested:1", "--platform", "linux/amd64", "--explain"],
        &["check"],
        &["load", "multi.oci.tar"],
        &["--help"],
        &["resolve", "--help"],
    ] {
        let mut child = place.command(arguments).spawn().unwrap();
        drop(child.stdout.take());
        let outcome = wait_within(child, Duration::from_secs(20));
        assert_eq!(outcome.code, Some(0), "{arguments:?}: {}", outcome.stderr);
        assert!(
            !outcome.stderr.contains("panicked") && !outcome.stderr.contains("roken"),
            "{}",
            outcome.stderr
        );
        // Nor is nobody reading the errors.
        let mut child = place.command(&["resolve", "nosuch"]).spawn().unwrap();
        drop(child.stderr.take());
        assert_eq!(wait_within(child, Duration::from_secs(20)).code, Some(1));
    }
}

#[test]
fn the_store_is_where_it_is_said_to_be() {
    let place = Place::new();
    let other = place.path("other");
    let run = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = place.command(arguments);
        command.env_remove("CONSIGN_ROOT").envs(variables.iter().copied());
        wait_within(command.spawn().unwrap(), Duration::from_secs(20))
    };
    let other = other.to_str().unwrap();
    run(&["--root", other, "load", "-q", "multi.oci.tar"], &[]).ok();
    let count = |outcome: crate::place::Outcome| outcome.ok().text().lines().count();
    assert_eq!(count(run(&["images", "-q"], &[("CONSIGN_ROOT", other)])), 8);
    // The option counts more than the variable, before the command or after it.
    let elsewhere = place.path("elsewhere");
    let elsewhere = ("CONSIGN_ROOT", elsewhere.to_str().unwrap());
    assert_eq!(count(run(&["images", "-q", "--root", other], &[elsewhere])), 8);
    assert_eq!(count(run(&["--root", other, "images", "-q"], &[elsewhere])), 8);
    let file = place.file("file", b"");
    for (root, wanted) in [(file.as_str(), "directory"), ("/proc/nosuch", "directory")] {
        let outcome = run(&["--root", root, "images"], &[]).failed(2);
        assert!(outcome.stderr.contains(root) && outcome.stderr.contains(wanted), "{}", outcome.stderr);
    }
    let outcome = run(&["--root", "/proc", "images"], &[]).failed(2);
    assert!(outcome.stderr.contains("wanted a store"), "{}", outcome.stderr);
}
