//! Everything at once: many processes that change one store, and processes killed at any step and moment.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Child;
use std::time::{Duration, Instant};

use crate::archive::{Layout, digest, gzip, layer};
use crate::place::{Outcome, Place, wait_within};

/// Numbers that look random and are the same every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).unwrap()
    }
}

/// An archive of one image with a layer of its own and one that all share; its path, and the image's ID.
fn archive(place: &Place, name: &str) -> (String, String) {
    let (own, shared) = (layer(&name.repeat(5_000)), layer(&"shared".repeat(20_000)));
    let diff_ids = [digest(&own), digest(&shared)];
    let mut layout = Layout::default();
    let image = layout.image("amd64", &[gzip(&own), gzip(&shared)], &diff_ids);
    layout.root(image, Some(&format!("example.com/{name}:1")));
    let id = digest(&crate::archive::config("amd64", &diff_ids));
    (place.file(&format!("{name}.tar"), &layout.tar()), id)
}

fn kill_at(place: &Place, arguments: &[&str], step: &str) {
    let output = place.command(arguments).env("CONSIGN_CRASH_AT", step).output().unwrap();
    assert_eq!(output.status.code(), None, "{arguments:?} went past {step}: {output:?}");
}

/// The steps of every operation that changes a store that is there, and whether it was done by then. A load
/// is in `killed`, a repair in `repairing`.
const STEPS: [(&[&str], &str, bool); 14] = [
    (&["tag", "example.com/a:1", "x:1", "y:1"], "names-set", false),
    (&["tag", "example.com/a:1", "x:1", "y:1"], "names-committed", true),
    (&["untag", "example.com/a:1"], "removed", true),
    (&["rm", "example.com/a:1"], "images-deleted", false),
    (&["rm", "example.com/a:1"], "removed", true),
    (&["rm", "example.com/a:1"], "first-collected", true),
    (&["rm", "example.com/a:1", "example.com/b:1"], "images-deleted", false),
    (&["rm", "example.com/a:1", "example.com/b:1"], "removed", true),
    (&["prune", "--all"], "images-deleted", false),
    (&["prune", "--all"], "removed", true),
    (&["prune", "--all"], "first-collected", true),
    (&["prune", "--all"], "ingests-collected", true),
    (&["gc"], "ingests-collected", true),
    (&["gc"], "first-collected", true),
];

#[test]
fn whatever_dies_at_any_step_is_done_or_never_was() {
    if !cfg!(debug_assertions) {
        println!("not run: a release build has no steps to die at");
        return;
    }
    for (arguments, step, done) in STEPS {
        let (place, whole) = (Place::new(), Place::new());
        for place in [&place, &whole] {
            for name in ["a", "b"] {
                let (archive, _) = archive(place, name);
                place.run(&["load", "-q", &archive]).ok();
            }
            // Something to collect.
            std::fs::write(place.root().join("ingest/abandoned"), "half").unwrap();
            let orphan = place.root().join("blobs/sha256").join(crate::archive::hex(b"orphan"));
            std::fs::write(orphan, "orphan").unwrap();
        }
        let listed = |place: &Place| {
            let names = place.run(&["images", "--no-trunc", "--format", "json"]).ok().json();
            let name = |entry: &serde_json::Value| format!("{} {}", entry["repository"], entry["id"]);
            names.as_array().unwrap().iter().map(name).collect::<BTreeSet<_>>()
        };
        let before = listed(&place);
        whole.run(arguments).ok();
        kill_at(&place, arguments, step);
        let report = place.check();
        for problem in report["problems"].as_array().unwrap() {
            assert_eq!(problem["harmless"], true, "{arguments:?} {step}: {problem}");
        }
        assert_eq!(listed(&place), if done { listed(&whole) } else { before }, "{arguments:?} {step}");
        // It works again, and the next collection leaves what a whole run leaves.
        if !done {
            place.run(arguments).ok();
            assert_eq!(listed(&place), listed(&whole));
        }
        place.run(&["gc"]).ok();
        assert_eq!(place.check()["problems"], serde_json::json!([]), "{arguments:?} {step}");
    }
}

/// Some process's operation, and what is certain when it was reported done.
struct Running {
    child: Child,
    command: String,
    start: Instant,
    name: String,
    /// The name is given; otherwise it is taken away.
    gives: Option<bool>,
}

/// Runs many processes at one store for a while. Each name belongs to one process at a time, so that what is
/// to become of it is known. Answers with how many there were, and the longest any of them took.
fn mix(processes: usize, length: Duration) -> (usize, Duration) {
    let mut busy = 0;
    // By command: how many, and the longest.
    let mut took: BTreeMap<String, (usize, Duration)> = BTreeMap::new();
    let place = Place::new();
    let words = ["a", "b", "c", "d", "e", "f"];
    let archives: Vec<(String, String)> = words.iter().map(|word| archive(&place, word)).collect();
    // These stay: each process tags one of them.
    for (archive, _) in &archives {
        place.run(&["load", "-q", archive]).ok();
    }
    for (word, (_, id)) in words.iter().zip(&archives) {
        place.run(&["tag", &format!("example.com/{word}:1"), &format!("keep/{word}:1")]).ok();
        place.run(&["pin", id, "--holder", "the test"]).ok();
    }
    let mut dice = Dice(88_172_645_463_325_252);
    let mut running: Vec<Running> = Vec::new();
    let mut expected: BTreeMap<String, bool> = BTreeMap::new();
    let start = Instant::now();
    let over = |start: Instant| start.elapsed() >= length;
    while !over(start) || !running.is_empty() {
        while running.len() < processes && !over(start) {
            let which = dice.roll(words.len());
            let (archive, id) = &archives[which];
            let keep = format!("keep/{}:1", words[which]);
            let mut name = format!("docker.io/own/n{}:{}", dice.roll(processes * 2), words[which]);
            let (arguments, gives): (Vec<&str>, Option<bool>) = match dice.roll(10) {
                0 | 1 => (vec!["load", "-q", archive], None),
                2..=4 => (vec!["tag", &keep, &name], Some(true)),
                5 => (vec!["rm", &name], Some(false)),
                6 => (vec!["untag", &name], Some(false)),
                7 => (vec!["inspect", id], None),
                8 => (vec!["images"], None),
                _ => (vec!["gc"], None),
            };
            if gives.is_some() && running.iter().any(|other| other.name == name) {
                continue;
            }
            let child = place.command(&arguments).spawn().unwrap();
            let command = arguments[0].to_owned();
            if gives.is_none() {
                name.clone_from(&command);
            }
            running.push(Running { child, command, start: Instant::now(), name, gives });
        }
        std::thread::sleep(Duration::from_millis(1));
        let mut position = 0;
        while position < running.len() {
            if running[position].child.try_wait().unwrap().is_none() {
                position += 1;
                continue;
            }
            let ended = running.swap_remove(position);
            let (number, slowest) = took.entry(ended.command).or_default();
            *number += 1;
            *slowest = ended.start.elapsed().max(*slowest);
            let outcome = wait_within(ended.child, Duration::from_secs(1));
            let there = expected.get(&ended.name).copied().unwrap_or(false);
            match ended.gives {
                Some(gives) => {
                    // Taking away what is not there is a definite no.
                    let wanted = i32::from(!gives && !there);
                    assert_eq!(outcome.code, Some(wanted), "{}: {outcome:?}", ended.name);
                    expected.insert(ended.name, gives);
                }
                // A collection may find writers at work all the time; it says so.
                None if ended.name == "gc" => {
                    assert!(is_done_or_busy(&outcome), "{outcome:?}");
                    busy += usize::from(outcome.code != Some(0));
                }
                None => assert_eq!(outcome.code, Some(0), "{}: {outcome:?}", ended.name),
            }
        }
    }
    println!("{took:?}; {busy} collections found writers all the time");
    let listed = place.run(&["images", "--format", "json"]).ok().json();
    let listed: BTreeSet<String> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| format!("{}:{}", entry["repository"].as_str().unwrap(), entry["tag"].as_str().unwrap()))
        .collect();
    for (name, there) in &expected {
        let familiar = name.strip_prefix("docker.io/").unwrap();
        assert_eq!(listed.contains(familiar) || listed.contains(name), *there, "{name}: {listed:#?}");
    }
    for word in words {
        assert!(listed.iter().any(|name| name.ends_with(&format!("keep/{word}:1"))), "{listed:#?}");
    }
    place.run(&["gc"]).ok();
    assert_eq!(place.check()["problems"], serde_json::json!([]));
    assert_eq!(place.images().len(), words.len());
    let longest = took.values().map(|(_, longest)| *longest).max().unwrap_or_default();
    (took.values().map(|(number, _)| number).sum(), longest)
}

fn is_done_or_busy(outcome: &Outcome) -> bool {
    outcome.code == Some(0)
        || (outcome.code == Some(2) && outcome.stderr.contains("in use by another process"))
}

#[test]
fn many_processes_at_once_lose_nothing_and_wait_for_nobody_long() {
    let (count, longest) = mix(8, Duration::from_secs(4));
    println!("{count} processes; the longest took {longest:?}");
    assert!(longest < Duration::from_secs(5) * 2, "{longest:?}");
}

#[test]
#[ignore = "takes a minute"]
fn thirty_two_processes_for_a_minute_lose_nothing_and_wait_for_nobody_long() {
    let (count, longest) = mix(32, Duration::from_secs(60));
    println!("{count} processes; the longest took {longest:?}");
    assert!(longest < Duration::from_secs(5), "{longest:?}");
}

/// Kills operations at random moments. What was reported done before stays done.
fn kill_randomly(kills: usize) {
    let place = Place::new();
    let words = ["a", "b", "c", "d"];
    let archives: Vec<(String, String)> = words.iter().map(|word| archive(&place, word)).collect();
    let mut dice = Dice(2_463_534_242);
    // For each name: whether it is there, or, after a kill, unknown.
    let mut names: BTreeMap<String, Option<bool>> = BTreeMap::new();
    let (mut killed, mut finished) = (0, 0);
    // How long those take that are not killed, by command.
    let mut usual: BTreeMap<String, Duration> = BTreeMap::new();
    for round in 0.. {
        if killed == kills {
            break;
        }
        let which = dice.roll(words.len());
        let own = format!("example.com/{}:1", words[which]);
        let other = format!("example.com/other-{}:{}", words[which], dice.roll(4));
        let (arguments, touched): (Vec<&str>, Vec<(&str, bool)>) = match dice.roll(9) {
            0..=2 => (vec!["load", "-q", &archives[which].0], vec![(&own, true)]),
            3 | 4 => (vec!["tag", &own, &other], vec![(&other, true)]),
            5 => (vec!["rm", &own], vec![(&own, false)]),
            6 => (vec!["rm", &other], vec![(&other, false)]),
            7 => (vec!["gc"], vec![]),
            _ => (vec!["prune"], vec![]),
        };
        let mut child = place.command(&arguments).spawn().unwrap();
        let start = Instant::now();
        // Most are killed on their way, some end before that.
        let usual = usual.entry(arguments[0].to_owned()).or_insert(Duration::from_millis(40));
        let moment = usual.mul_f64(dice.roll(1200) as f64 / 1000.0);
        let mut early = true;
        while early && start.elapsed() < moment {
            std::thread::sleep(Duration::from_micros(50));
            early = child.try_wait().unwrap().is_none();
        }
        if !early {
            // A load of what is there already is short.
            *usual = (*usual * 7 / 8).max(start.elapsed());
        }
        // SIGKILL: nothing is tidied up.
        let _ = child.kill();
        let outcome = wait_within(child, Duration::from_secs(10));
        let done = match outcome.code {
            Some(0) => Some(true),
            Some(_) => Some(false),
            None => None,
        };
        killed += usize::from(early && done.is_none());
        finished += usize::from(done.is_some());
        for (name, there) in touched {
            match done {
                Some(true) => drop(names.insert(name.to_owned(), Some(there))),
                Some(false) => {}
                None => drop(names.insert(name.to_owned(), None)),
            }
        }
        if round % 10 == 9 {
            let report = place.check();
            for problem in report["problems"].as_array().unwrap() {
                assert_eq!(problem["harmless"], true, "{problem}");
            }
            for (name, there) in &mut names {
                let outcome = place.run(&["inspect", "--format", "json", name]);
                let found = outcome.code == Some(0);
                if let Some(there) = there {
                    assert_eq!(found, *there, "{name} after {killed} kills: {}", outcome.stderr);
                }
                *there = Some(found);
            }
        }
    }
    place.run(&["gc"]).ok();
    assert_eq!(place.check()["problems"], serde_json::json!([]));
    println!("{killed} operations were killed, {finished} came to their end");
}

#[test]
fn what_was_reported_done_stays_done_whatever_is_killed() {
    kill_randomly(100);
}

#[test]
#[ignore = "takes minutes"]
fn what_was_reported_done_stays_done_through_a_thousand_kills() {
    kill_randomly(1000);
}
