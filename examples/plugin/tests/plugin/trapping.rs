use std::thread;
use std::time::{Duration, Instant};

use embed::references::Reading;
use embed::types::Rules;
use embed::{Fault, Images};
use plugin::Plugin;

use crate::place::{LIMITS, Place, original, works};

/// A call that runs into the memory limit.
fn grow(plugin: &Plugin) -> Fault {
    let text = "a".repeat(LIMITS.memory);
    let answer = plugin.call(Images::default(), |resolver, store| {
        resolver.consign_image_references().call_parse(store, &text, Reading::AsWritten, Rules::Docker)
    });
    answer.value.unwrap_err()
}

/// A call that runs into the limit of instructions.
fn toil(plugin: &Plugin) -> Fault {
    let names: Vec<String> = (0..30_000).map(|number| format!("example.com/{:x}:1", number * 7919)).collect();
    let answer = plugin.call(Images::default(), |resolver, store| {
        resolver.consign_image_references().call_sort(store, &names)
    });
    answer.value.unwrap_err()
}

#[test]
fn a_fault_is_one_calls_alone_and_no_other_is_disturbed() {
    let place = Place::new("trap", original());
    let plugin = place.open();
    let start = Instant::now();
    thread::scope(|scope| {
        for thread in 0..6 {
            let plugin = &plugin;
            scope.spawn(move || {
                for _ in 0..5 {
                    match thread % 3 {
                        0 => assert!(matches!(grow(plugin), Fault::OutOfMemory(_))),
                        1 => assert!(matches!(toil(plugin), Fault::OutOfFuel(_))),
                        _ => {}
                    }
                    (0..10).for_each(|_| works(plugin));
                }
            });
        }
    });
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
    works(&plugin);
}

#[test]
fn content_that_panics_takes_its_own_call_with_it_and_no_other() {
    let place = Place::new("panic", original());
    let plugin = place.open();
    for _ in 0..2 {
        let call = || plugin.call(Images::default(), |_, _| -> wasmtime::Result<()> { panic!("on purpose") });
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)).is_err());
        works(&plugin);
    }
}
