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

pub struct Set(consign::sandbox::DigestSet<'static>);

impl Set {
    pub fn new() -> Self {
        Set(sandbox().digest_set().unwrap())
    }

    pub fn add(&mut self, digest: &str) -> Result<(), DigestError> {
        self.0.add(digest).unwrap()
    }

    pub fn remove(&mut self, digest: &str) -> Result<(), DigestError> {
        self.0.remove(digest).unwrap()
    }

    pub fn lookup(&mut self, text: &str) -> Result<String, LookupError> {
        self.0.lookup(text).unwrap()
    }

    pub fn all(&mut self) -> Vec<String> {
        self.0.all().unwrap()
    }

    pub fn short_code_table(&mut self, length: u32) -> Vec<(String, String)> {
        self.0.short_code_table(length).unwrap()
    }
}
