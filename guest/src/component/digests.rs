use core::cell::RefCell;

use super::Component;
use crate::digest;
use crate::digest_set::DigestSet;
use crate::prelude::*;
use crate::wit::exports::consign::image::digests::{
    Algorithm, Digest, DigestError, DigestParts, Guest, GuestDigestSet, LookupError,
};

impl Guest for Component {
    type DigestSet = RefCell<DigestSet>;

    fn parse(text: String) -> Result<DigestParts, DigestError> {
        digest::parse(&text)
    }

    fn is_well_formed(text: String) -> bool {
        digest::is_well_formed(&text)
    }

    fn compute(algorithm: Algorithm, bytes: Vec<u8>) -> Digest {
        digest::compute(algorithm, &bytes)
    }
}

impl GuestDigestSet for RefCell<DigestSet> {
    fn new() -> Self {
        RefCell::default()
    }

    fn add(&self, digest: String) -> Result<(), DigestError> {
        self.borrow_mut().add(digest)
    }

    fn remove(&self, digest: String) -> Result<(), DigestError> {
        self.borrow_mut().remove(&digest)
    }

    fn lookup(&self, text: String) -> Result<Digest, LookupError> {
        self.borrow().lookup(&text).map(str::to_owned)
    }

    fn all(&self) -> Vec<Digest> {
        self.borrow().all().map(str::to_owned).collect()
    }

    fn short_code_table(&self, length: u32) -> Vec<(Digest, String)> {
        let set = self.borrow();
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        set.short_codes(length)
            .into_iter()
            .map(|(digest, code)| (digest.to_owned(), code.to_owned()))
            .collect()
    }
}
