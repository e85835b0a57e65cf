use consign_guest::component::Component;
pub use consign_guest::wit::exports::consign::image::digests::*;

pub fn parse(text: &str) -> Result<DigestParts, DigestError> {
    <Component as Guest>::parse(text.to_owned())
}

pub fn is_well_formed(text: &str) -> bool {
    <Component as Guest>::is_well_formed(text.to_owned())
}

pub fn compute(algorithm: Algorithm, bytes: &[u8]) -> String {
    <Component as Guest>::compute(algorithm, bytes.to_vec())
}
