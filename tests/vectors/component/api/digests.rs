use super::sandbox;
pub use consign::types::digests::*;

pub fn compute(algorithm: Algorithm, bytes: &[u8]) -> String {
    sandbox().compute_digest(algorithm, bytes).unwrap()
}
