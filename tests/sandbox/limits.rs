use std::sync::Arc;
use std::time::{Duration, Instant};

use consign::sandbox::{Limits, Sandbox, SandboxError};
use consign::types::Rules;
use consign::types::resolution::{Options, Subject};

use crate::{OnFind, platform, works};

/// An index of at most 4 MiB with as many entries as fit.
fn large_index() -> Vec<u8> {
    let entry = |number: usize| {
        format!(
            r#"{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:{number:064x}","size":{number},"platform":{{"os":"linux","architecture":"a{number}"}},"annotations":{{"{}":"x"}}}}"#,
            "k".repeat(150)
        )
    };
    let entries: Vec<String> = (0..9_999).map(entry).collect();
    let index = format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, entries.join(","));
    assert!(index.len() > 3 << 20 && index.len() < 4 << 20, "{}", index.len());
    index.into_bytes()
}

const INDEX: Option<&str> = Some("application/vnd.oci.image.index.v1+json");

#[test]
fn too_little_memory_is_out_of_memory_and_the_next_call_works() {
    let sandbox = Sandbox::new(Limits { memory: 4 << 20, ..Limits::default() }).unwrap();
    let index = large_index();
    for _ in 0..3 {
        let error = sandbox.parse_manifest(&index, INDEX).unwrap_err();
        assert!(matches!(error, SandboxError::OutOfMemory { limit: 0x40_0000 }), "{error:?}");
        works(&sandbox);
    }
    // A text that does not even fit is no different.
    let error = sandbox.parse_reference(
        &"a".repeat(8 << 20),
        consign::types::references::Reading::Normalized,
        Rules::Docker,
    );
    assert!(matches!(error, Err(SandboxError::OutOfMemory { .. })), "{error:?}");
    works(&sandbox);
    // With what there is by default it is an index like any other.
    let parsed = Sandbox::new(Limits::default()).unwrap().parse_manifest(&index, INDEX).unwrap();
    assert!(parsed.is_ok(), "{parsed:?}");
}

#[test]
fn too_little_fuel_is_out_of_fuel_and_the_next_call_works() {
    let limit = 1_000_000;
    let sandbox = Sandbox::new(Limits { fuel: limit, ..Limits::default() }).unwrap();
    let names: Vec<String> =
        (0..200_000).map(|number| format!("example.com/{:x}:1", number * 7919)).collect();
    let start = Instant::now();
    let error = sandbox.sort_references(&names).unwrap_err();
    assert!(matches!(error, SandboxError::OutOfFuel { limit: found } if found == limit), "{error:?}");
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    works(&sandbox);
}

#[test]
fn waiting_for_content_is_not_the_guests_work() {
    let sandbox = Sandbox::new(Limits { fuel: 1_000_000, ..Limits::default() }).unwrap();
    let options = Options { platform: None, host: platform("amd64"), rules: Rules::Docker };
    let subject = Subject::Text("x".into());
    let slow = OnFind(|| {
        std::thread::sleep(Duration::from_millis(100));
        Ok(None)
    });
    let (answer, _) = sandbox.resolve(Arc::new(slow), &subject, &options).unwrap();
    assert!(answer.is_err(), "{answer:?}");
    works(&sandbox);
}

#[test]
fn a_resource_whose_instance_is_gone_says_so_and_others_go_on() {
    let sandbox = Sandbox::new(Limits { memory: 2 << 20, ..Limits::default() }).unwrap();
    let mut full = sandbox.digest_set().unwrap();
    let mut other = sandbox.digest_set().unwrap();
    let digest = |number: usize| format!("sha256:{number:064x}");
    let error = (0..100_000).find_map(|number| full.add(&digest(number)).err()).unwrap();
    assert!(matches!(error, SandboxError::OutOfMemory { .. }), "{error:?}");
    for _ in 0..2 {
        let error = full.all().unwrap_err();
        assert!(matches!(&error, SandboxError::Trap { reason } if reason.contains("earlier")), "{error:?}");
    }
    other.add(&digest(1)).unwrap().unwrap();
    assert_eq!(other.all().unwrap(), [digest(1)]);
    drop((full, other));
    works(&sandbox);
}

#[test]
fn threads_share_a_sandbox_and_one_that_is_out_of_memory_disturbs_no_other() {
    let sandbox = Sandbox::new(Limits { memory: 4 << 20, ..Limits::default() }).unwrap();
    let index = large_index();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (sandbox, index) = (&sandbox, &index);
            scope.spawn(move || {
                for _ in 0..10 {
                    if thread % 2 == 0 {
                        assert!(sandbox.parse_manifest(index, INDEX).is_err());
                    }
                    works(sandbox);
                }
            });
        }
    });
}

#[test]
fn sandboxes_side_by_side_have_each_their_own_limits() {
    let small = Sandbox::new(Limits { memory: 4 << 20, ..Limits::default() }).unwrap();
    let large = Sandbox::new(Limits::default()).unwrap();
    let index = large_index();
    for _ in 0..3 {
        assert!(matches!(small.parse_manifest(&index, INDEX), Err(SandboxError::OutOfMemory { .. })));
        assert!(large.parse_manifest(&index, INDEX).is_ok());
        drop(Sandbox::new(Limits::default()).unwrap());
        works(&small);
        works(&large);
    }
    drop(small);
    works(&large);
}
