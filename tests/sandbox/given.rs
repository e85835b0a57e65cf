//! Components that are compiled at run time: they answer in place of the built-in ones, under the same limits, whatever
//! they do.

use std::time::{Duration, Instant};

use consign::component::{NAMES, PODMAN, RESOLVER, SOURCES, core_module};
use consign::digest::Digest;
use consign::sandbox::{Limits, Sandbox, SandboxError};
use consign::types::Rules;
use consign::types::references::Reading;

use crate::{platform, works};

/// Bodies of functions, of any type: no locals, then this, then the end.
const LOOPS: &[u8] = b"\0\x03\x40\x0c\0\x0b\0\x0b";
const GROWS: &[u8] = b"\0\x03\x40\x41\x10\x40\0\x1a\x0c\0\x0b\0\x0b";
const TRAPS: &[u8] = b"\0\0\x0b";
/// Where no answer is: of a function that gives the place of one.
const ANSWERS_ANYWHERE: &[u8] = b"\0\x41\x7f\x0b";

/// An unsigned LEB128 number in front of `bytes`, and the number of bytes it has itself.
fn number(bytes: &[u8]) -> (usize, usize) {
    let length = bytes.iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
    let value = bytes[..length].iter().rev().fold(0, |value, byte| value << 7 | usize::from(byte & 0x7f));
    (value, length)
}

fn leb128(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 0x7f {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn section(id: u8, content: &[u8]) -> Vec<u8> {
    [&[id][..], &leb128(content.len()), content].concat()
}

/// What follows the preamble of a module or a component: IDs and contents.
fn sections(mut bytes: &[u8]) -> Vec<(u8, &[u8])> {
    let mut sections = Vec::new();
    bytes = &bytes[8..];
    while let Some((&id, after)) = bytes.split_first() {
        let (length, width) = number(after);
        sections.push((id, &after[width..width + length]));
        bytes = &after[width + length..];
    }
    sections
}

/// The function that a module exports under this name.
fn exported(module: &[u8], wanted: &str) -> usize {
    let (_, mut rest) = *sections(module).iter().find(|(id, _)| *id == 7).unwrap();
    let (count, width) = number(rest);
    rest = &rest[width..];
    for _ in 0..count {
        let (length, width) = number(rest);
        let name = &rest[width..width + length];
        rest = &rest[width + length..];
        let (index, width) = number(&rest[1..]);
        if name == wanted.as_bytes() {
            return index;
        }
        rest = &rest[1 + width..];
    }
    panic!("{wanted} is not exported");
}

/// How many functions a module imports, each with a module's and an own name.
fn imported(module: &[u8]) -> usize {
    let Some((_, mut rest)) = sections(module).into_iter().find(|(id, _)| *id == 2) else { return 0 };
    let (count, width) = number(rest);
    rest = &rest[width..];
    for _ in 0..count {
        for _ in 0..2 {
            let (length, width) = number(rest);
            rest = &rest[width + length..];
        }
        assert_eq!(rest[0], 0, "something else than a function");
        let (_, width) = number(&rest[1..]);
        rest = &rest[1 + width..];
    }
    count
}

/// The component, whose function does this instead.
fn with(component: &[u8], function: &str, body: &[u8]) -> Vec<u8> {
    let module = core_module(component).unwrap();
    let wanted = exported(module, function) - imported(module);
    let mut changed = module[..8].to_vec();
    for (id, content) in sections(module) {
        if id != 10 {
            changed.extend(section(id, content));
            continue;
        }
        let (count, width) = number(content);
        let (mut bodies, mut rest) = (leb128(count), &content[width..]);
        for at in 0..count {
            let (length, width) = number(rest);
            let own = &rest[width..width + length];
            let body = if at == wanted { body } else { own };
            bodies.extend(leb128(body.len()));
            bodies.extend(body);
            rest = &rest[width + length..];
        }
        changed.extend(section(10, &bodies));
    }
    let mut whole = component[..8].to_vec();
    let mut first = true;
    for (id, content) in sections(component) {
        let is_it = id == 1 && std::mem::take(&mut first);
        whole.extend(section(id, if is_it { &changed } else { content }));
    }
    whole
}

/// The component, with a core module beside what it has that is started `times` times.
fn beside(component: &[u8], module: &[u8], times: usize) -> Vec<u8> {
    let index = sections(component).iter().filter(|(id, _)| *id == 1).count();
    let mut whole = [component, &section(1, &[b"\0asm\x01\0\0\0", module].concat())].concat();
    let instance = [&[0][..], &leb128(index), &[0]].concat();
    whole.extend(section(2, &[leb128(times), instance.repeat(times)].concat()));
    whole
}

/// A module that loops as it is started: one type, one function, the start, its body.
fn starts_to_loop() -> Vec<u8> {
    let code = [&[1][..], &leb128(LOOPS.len()), LOOPS].concat();
    [section(1, b"\x01\x60\0\0"), section(3, b"\x01\0"), section(8, b"\0"), section(10, &code)].concat()
}

fn sandbox(components: &[&[u8]]) -> Result<Sandbox, SandboxError> {
    let components: Vec<Vec<u8>> = components.iter().map(|component| component.to_vec()).collect();
    Sandbox::with_components(Limits { fuel: 100_000_000, ..Limits::default() }, &components)
}

/// Why components are not taken.
#[track_caller]
fn refused(components: &[&[u8]]) -> String {
    match sandbox(components) {
        Err(SandboxError::Load { reason }) => reason,
        Err(error) => panic!("{error:?}"),
        Ok(_) => panic!("taken"),
    }
}

#[test]
fn a_given_component_answers_for_its_world_alone() {
    let all = sandbox(&[RESOLVER, SOURCES, PODMAN]).unwrap();
    works(&all);
    assert!(all.parse_digest(&Digest::of(b"x").to_string()).unwrap().is_ok());
    assert!(all.is_short_name("debian").unwrap());
    let broken = [
        with(RESOLVER, "consign:image/references@0.1.0#parse", TRAPS),
        with(SOURCES, "consign:image/digests@0.1.0#parse", TRAPS),
        with(PODMAN, "consign:image/short-names@0.1.0#is-short", TRAPS),
    ];
    for (world, component) in broken.iter().enumerate() {
        let sandbox = sandbox(&[component]).unwrap();
        let answers = [
            sandbox.parse_reference("debian:12", Reading::Normalized, Rules::Docker).err(),
            sandbox.parse_digest("sha256:").err(),
            sandbox.is_short_name("debian").err(),
        ];
        for (at, answer) in answers.iter().enumerate() {
            match answer {
                Some(SandboxError::Trap { .. }) => assert_eq!(at, world),
                Some(error) => panic!("{error:?}"),
                None => assert_ne!(at, world),
            }
        }
    }
}

#[test]
fn what_a_given_component_does_stays_within_the_limits() {
    let function = "consign:image/platforms@0.1.0#parse";
    for (body, wanted) in
        [(LOOPS, "OutOfFuel"), (GROWS, "OutOfMemory"), (TRAPS, "Trap"), (ANSWERS_ANYWHERE, "Trap")]
    {
        let sandbox = sandbox(&[&with(RESOLVER, function, body)]).unwrap();
        for _ in 0..2 {
            let start = Instant::now();
            let error = sandbox.parse_platform("linux/amd64", &platform("amd64")).unwrap_err();
            assert!(format!("{error:?}").starts_with(wanted), "{error:?}");
            assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
            works(&sandbox);
        }
    }
}

#[test]
fn starting_is_work_and_all_memories_count_together() {
    let asked = |component: &[u8]| {
        let sandbox = sandbox(&[component]).unwrap();
        sandbox.parse_reference("debian:12", Reading::Normalized, Rules::Docker).unwrap_err()
    };
    let error = asked(&beside(RESOLVER, &starts_to_loop(), 1));
    assert!(matches!(error, SandboxError::OutOfFuel { .. }), "{error:?}");
    // 128 MiB each: one fits, two do not.
    let memory = section(5, b"\x01\0\x80\x10");
    works(&sandbox(&[&beside(RESOLVER, &memory, 1)]).unwrap());
    let error = asked(&beside(RESOLVER, &memory, 2));
    assert!(matches!(error, SandboxError::OutOfMemory { .. }), "{error:?}");
    // A table of 64 Mi elements.
    let error = asked(&beside(RESOLVER, &section(4, b"\x01\x70\0\x80\x80\x80\x20"), 1));
    assert!(matches!(error, SandboxError::OutOfMemory { .. }), "{error:?}");
    // However little each takes.
    let error = asked(&beside(RESOLVER, &section(5, b"\x01\0\0"), 900));
    assert!(matches!(error, SandboxError::Load { .. }), "{error:?}");
}

/// The component, with one name for another of the same length.
fn renamed(component: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = component.to_vec();
    let mut at = 0;
    while let Some(found) = bytes[at..].windows(from.len()).position(|window| window == from.as_bytes()) {
        at += found;
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    }
    assert_ne!(bytes, component);
    bytes
}

#[test]
fn what_is_no_component_of_a_world_that_runs_is_refused() {
    for bytes in [&b""[..], b"consign", core_module(RESOLVER).unwrap()] {
        assert_eq!(refused(&[bytes]), "wanted a component, found something else");
    }
    for cut in [9, 100, RESOLVER.len() / 2, RESOLVER.len() - 1] {
        refused(&[&RESOLVER[..cut]]);
    }
    let reason = refused(&[NAMES]);
    assert!(
        reason.starts_with("wanted a component of the world `resolver`, `sources` or `podman`"),
        "{reason}"
    );
    assert!(reason.contains("`consign:image/references@0.1.0`"), "{reason}");
    let reason = refused(&[RESOLVER, PODMAN, RESOLVER]);
    assert_eq!(reason, "wanted one component of the world `resolver`, found two");
    for (from, to) in [
        ("consign:image/content@0.1.0", "consign:image/contend@0.1.0"),
        ("@0.1.0", "@0.2.0"),
        ("image/references", "image/reverences"),
    ] {
        let reason = refused(&[&renamed(RESOLVER, from, to)]);
        assert!(reason.contains("consign:image/") && !reason.contains("panicked"), "{reason}");
    }
    assert!(
        refused(&[&renamed(RESOLVER, "image/lookup", "image/lookdn")]).starts_with("wanted a component of")
    );
}
