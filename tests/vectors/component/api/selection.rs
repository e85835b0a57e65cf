use super::sandbox;
pub use consign::types::selection::*;

pub fn choose(entries: &[Descriptor], criteria: &Criteria) -> Choice {
    sandbox().choose(entries, criteria).unwrap()
}
