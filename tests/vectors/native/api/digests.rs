use consign_guest::component::Component;
pub use consign_guest::wit::exports::consign::image::digests::*;

pub fn compute(algorithm: Algorithm, bytes: &[u8]) -> String {
    <Component as Guest>::compute(algorithm, bytes.to_vec())
}
