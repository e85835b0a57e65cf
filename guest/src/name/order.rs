//! The order of references.

use super::{format, parse};
use crate::prelude::*;
use crate::sort::stable_sort;
use crate::types::Rules;
use crate::wit::exports::consign::image::references::{Reading, Reference};

/// The references in canonical form: with tag and digest, with tag, with digest, name only, digest only, by
/// text within each. What is no reference follows, by text, as it came.
pub fn sort(texts: Vec<String>) -> Vec<String> {
    let mut ranked: Vec<(Rank, String)> = texts
        .into_iter()
        .map(|text| match parse(&text, Reading::Any, Rules::Docker) {
            Ok(reference) => (rank(&reference), format(&reference)),
            Err(_) => (Rank::NoReference, text),
        })
        .collect();
    stable_sort(&mut ranked, |a, b| a < b);
    ranked.into_iter().map(|(_, text)| text).collect()
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    TagAndDigest,
    Tag,
    Digest,
    NameOnly,
    DigestOnly,
    NoReference,
}

fn rank(reference: &Reference) -> Rank {
    match reference {
        Reference::Named(name) => match (&name.tag, &name.digest) {
            (Some(_), Some(_)) => Rank::TagAndDigest,
            (Some(_), None) => Rank::Tag,
            (None, Some(_)) => Rank::Digest,
            (None, None) => Rank::NameOnly,
        },
        Reference::Digest(_) => Rank::DigestOnly,
    }
}
