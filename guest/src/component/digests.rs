use super::Component;
use crate::digest;
use crate::wit::exports::consign::image::digests::{Algorithm, Digest, Guest};

impl Guest for Component {
    fn compute(algorithm: Algorithm, bytes: Vec<u8>) -> Digest {
        digest::compute(algorithm, &bytes)
    }
}
