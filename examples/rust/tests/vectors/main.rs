//! The shared cases through the embedded component: the sources that also hold the command's own component and the
//! guest to them, over another `api`. Cases that need more of a host than content are not among them: those of the
//! interface `transports`, which look at files.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod api;
#[path = "../../../../tests/vectors/chain_ids.rs"]
mod chain_ids;
#[path = "../support/components.rs"]
mod components;
#[path = "../../../../tests/vectors/digests.rs"]
mod digests;
#[path = "../../../../tests/vectors/getimage.rs"]
mod getimage;
#[path = "../../../../tests/vectors/harness.rs"]
mod harness;
#[path = "../../../../tests/vectors/platforms.rs"]
mod platforms;
#[path = "../../../../tests/vectors/references.rs"]
mod references;
#[path = "../../../../tests/vectors/selection.rs"]
mod selection;

/// A file of cases that is missing counts as one without cases.
#[test]
fn there_are_cases() {
    for file in [
        "reference_parse.jsonl",
        "platform_parse.jsonl",
        "platform_match.jsonl",
        "platform_order.jsonl",
        "digest_parse.jsonl",
        "manifest_select.jsonl",
        "moby_getimage.jsonl",
        "history_chainid.jsonl",
    ] {
        assert!(!harness::cases(file).is_empty(), "{file}");
    }
}
