use super::sandbox;
pub use consign::types::digests::*;

pub fn parse(text: &str) -> Result<DigestParts, DigestError> {
    sandbox().parse_digest(text).unwrap()
}

pub fn is_well_formed(text: &str) -> bool {
    sandbox().is_well_formed_digest(text).unwrap()
}

pub fn compute(algorithm: Algorithm, bytes: &[u8]) -> String {
    sandbox().compute_digest(algorithm, bytes).unwrap()
}
