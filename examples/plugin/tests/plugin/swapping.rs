use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use embed::content::Host;
use embed::resolution::{Options, ResolveError, Subject};
use embed::types::{ContentError, Descriptor, ImageName, Platform, Rules};
use plugin::Reloaded;

use crate::components::consign;
use crate::place::{Place, newest, original, tag, works};

#[test]
fn versions_go_by_the_digest_that_the_command_prints() {
    let place = Place::new("digest", original());
    let plugin = place.open();
    let printed = String::from_utf8(consign(&["component", "--digest"])).unwrap();
    assert_eq!(plugin.version(), printed.trim());
    assert_eq!(tag(&plugin).version, printed.trim());
    assert_eq!(plugin.reload().unwrap(), Reloaded::Same(printed.trim().to_owned()));
}

#[test]
fn versions_are_swapped_under_load_and_no_call_fails() {
    let place = Place::new("load", original());
    let plugin = place.open();
    let first = plugin.version();
    let done = AtomicBool::new(false);
    let calls = AtomicUsize::new(0);
    let callers = 4;
    let (swaps, seen) = thread::scope(|scope| {
        let caller = || {
            let mut seen = BTreeSet::new();
            while !done.load(Ordering::Relaxed) {
                let answer = tag(&plugin);
                // The answer is the one of the version that is said to have given it.
                let wanted = if answer.version == first { "latest" } else { "newest" };
                assert_eq!(answer.value.unwrap().as_deref(), Some(wanted));
                seen.insert(answer.version);
                calls.fetch_add(1, Ordering::Relaxed);
            }
            seen
        };
        let threads: Vec<_> = (0..callers).map(|_| scope.spawn(caller)).collect();
        let mut swaps = 0;
        for version in [&newest()[..], original(), &newest(), original()] {
            place.publish(version);
            assert!(matches!(plugin.reload(), Ok(Reloaded::Swapped { .. })));
            swaps += 1;
            // Each version is called before it is replaced.
            let before = calls.load(Ordering::Relaxed);
            while calls.load(Ordering::Relaxed) < before + 10 * callers {
                thread::yield_now();
            }
        }
        done.store(true, Ordering::Relaxed);
        let seen: BTreeSet<String> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        (swaps, seen)
    });
    assert_eq!((swaps, seen.len()), (4, 2));
    assert_eq!(plugin.version(), first);
}

/// Content that says when it is asked, and answers when it is told to.
struct Held {
    asked: mpsc::Sender<()>,
    go: mpsc::Receiver<()>,
}

impl Host for Held {
    fn find(&mut self, _: ImageName) -> Result<Option<Descriptor>, ContentError> {
        self.asked.send(()).unwrap();
        self.go.recv().unwrap();
        Ok(None)
    }

    fn search(&mut self, _: String) -> Result<Vec<Descriptor>, ContentError> {
        Ok(Vec::new())
    }

    fn read(&mut self, _: Descriptor) -> Result<Option<Vec<u8>>, ContentError> {
        Ok(None)
    }

    fn indexes(&mut self, _: String) -> Result<Vec<Descriptor>, ContentError> {
        Ok(Vec::new())
    }

    fn manifests(&mut self, _: String) -> Result<Vec<Descriptor>, ContentError> {
        Ok(Vec::new())
    }
}

#[test]
fn a_call_under_way_ends_on_the_version_it_began_on() {
    let place = Place::new("flight", original());
    let plugin = place.open();
    let first = plugin.version();
    let (asked, is_asked) = mpsc::channel();
    let (told, go) = mpsc::channel();
    let linux = Platform {
        os: "linux".to_owned(),
        architecture: "amd64".to_owned(),
        variant: None,
        os_version: None,
        os_features: Vec::new(),
    };
    let options = Options { platform: None, host: linux, rules: Rules::Docker };
    thread::scope(|scope| {
        let under_way = scope.spawn(|| {
            plugin.call(Held { asked, go }, |resolver, store| {
                let subject = Subject::Text("example.com/name".to_owned());
                let lookup = resolver.consign_image_lookup();
                let resolution = lookup.call_resolve(&mut *store, &subject, &options)?;
                resolver.consign_image_resolution().resolution().call_finish(store, resolution)
            })
        });
        is_asked.recv().unwrap();
        place.publish(&newest());
        plugin.reload().unwrap();
        let next = tag(&plugin);
        assert_eq!((next.value.unwrap().as_deref(), next.version != first), (Some("newest"), true));
        assert!(!under_way.is_finished());
        told.send(()).unwrap();
        let answer = under_way.join().unwrap();
        assert_eq!(answer.version, first);
        // The old version's own answer, with its own tag.
        let wanted = ResolveError::NotFound("example.com/name:latest".to_owned());
        assert_eq!(answer.value.unwrap().unwrap_err(), wanted);
    });
}

#[test]
fn a_new_file_is_noticed_once() {
    let place = Place::new("poll", original());
    let plugin = place.open();
    assert!(plugin.poll().is_none());
    place.publish(&newest());
    let first = plugin.version();
    let Some(Ok(Reloaded::Swapped { from, to })) = plugin.poll() else { panic!("not noticed") };
    assert_eq!((from, to), (first, plugin.version()));
    assert!(plugin.poll().is_none());
    // A file that is no version is told of once, and so is one that is there no more.
    place.publish(b"not a component");
    assert!(plugin.poll().unwrap().is_err());
    assert!(plugin.poll().is_none());
    std::fs::remove_file(place.file()).unwrap();
    assert!(plugin.poll().is_none());
    assert!(plugin.reload().is_err());
    place.publish(original());
    assert!(plugin.poll().unwrap().is_ok());
    works(&plugin);
}
