use consign_guest::component::Component;
pub use consign_guest::wit::exports::consign::image::selection::*;

pub fn choose(entries: &[Descriptor], criteria: &Criteria) -> Choice {
    <Component as Guest>::choose(entries.to_vec(), criteria.clone())
}
