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

pub struct Set(<Component as Guest>::DigestSet);

impl Set {
    pub fn new() -> Self {
        Set(GuestDigestSet::new())
    }

    pub fn add(&mut self, digest: &str) -> Result<(), DigestError> {
        GuestDigestSet::add(&self.0, digest.to_owned())
    }

    pub fn remove(&mut self, digest: &str) -> Result<(), DigestError> {
        GuestDigestSet::remove(&self.0, digest.to_owned())
    }

    pub fn lookup(&mut self, text: &str) -> Result<String, LookupError> {
        GuestDigestSet::lookup(&self.0, text.to_owned())
    }

    pub fn all(&mut self) -> Vec<String> {
        GuestDigestSet::all(&self.0)
    }

    pub fn short_code_table(&mut self, length: u32) -> Vec<(String, String)> {
        GuestDigestSet::short_code_table(&self.0, length)
    }
}
