use super::Component;
use crate::digest;
use crate::wit::exports::consign::image::digests::{Algorithm, Digest, DigestError, DigestParts, Guest};

impl Guest for Component {
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
