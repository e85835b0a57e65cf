use embed::{Fault, Limits};
use plugin::{Plugin, Refused};

use crate::components::component;
use crate::place::{LIMITS, Place, original, replaced, works};

/// Publishes a file, which is refused; the version before it stays. What was said.
#[track_caller]
fn refused(place: &Place, plugin: &Plugin, file: &[u8]) -> Refused {
    let version = plugin.version();
    place.publish(file);
    let refused = plugin.reload().unwrap_err();
    assert_eq!(plugin.version(), version);
    works(plugin);
    refused
}

#[test]
fn an_import_that_is_not_served_is_named() {
    let place = Place::new("import", original());
    let plugin = place.open();
    for (from, to) in
        [("consign:image/content", "consign:image/kontent"), ("consign:image/types", "consign:image/tapes")]
    {
        let file = replaced(original(), from.as_bytes(), to.as_bytes());
        let error = refused(&place, &plugin, &file);
        let Refused::Component(digest, embed::Refusal::Import(name)) = &error else { panic!("{error:?}") };
        assert_eq!(name, &format!("{to}@0.1.0"));
        assert!(error.to_string().contains(digest) && error.to_string().contains(to), "{error}");
    }
}

#[test]
fn a_component_of_another_world_is_refused_by_the_export_it_lacks() {
    let place = Place::new("world", original());
    let plugin = place.open();
    let error = refused(&place, &plugin, &component("names")).to_string();
    // Whichever of them is looked for first.
    let lacking = ["local-images", "lookup", "podman-names", "pull-goals", "short-names"];
    assert!(lacking.iter().any(|name| error.contains(&format!("consign:image/{name}@"))), "{error}");
}

#[test]
fn what_is_no_component_is_refused() {
    let place = Place::new("bytes", original());
    let plugin = place.open();
    let half = &original()[..original().len() / 2];
    // An instruction is another one: the file as a whole does not validate.
    let mut changed = original().to_vec();
    let middle = changed.len() / 2;
    changed[middle..middle + 64].fill(0xff);
    let module = b"\0asm\x01\0\0\0";
    for file in [&b""[..], b"not a component", half, &changed, module] {
        let error = refused(&place, &plugin, file);
        assert!(matches!(&error, Refused::Component(_, embed::Refusal::Unfit(_))), "{error:?}");
    }
    let error = refused(&place, &plugin, &vec![0; (16 << 20) + 1]);
    assert!(matches!(error, Refused::TooLarge), "{error:?}");
}

#[test]
fn a_component_that_cannot_answer_a_first_call_is_refused() {
    let place = Place::new("silent", original());
    let starved = |limits| Plugin::open(place.file(), limits).err().unwrap();
    let error = starved(Limits { fuel: 100, ..LIMITS });
    assert!(matches!(error, Refused::Silent(_, Fault::OutOfFuel(100))), "{error:?}");
    let error = starved(Limits { memory: 4096, ..LIMITS });
    assert!(matches!(error, Refused::Silent(_, Fault::OutOfMemory(4096))), "{error:?}");
}
