use super::sandbox;
pub use consign::types::local_images::*;

pub fn narrow(text: &str, criteria: &Criteria) -> Narrowing {
    sandbox().narrow_images(text, criteria).unwrap()
}

pub fn find(text: &str, images: &[LocalImage], criteria: &Criteria) -> Outcome {
    sandbox().find_image(text, images, criteria).unwrap()
}
