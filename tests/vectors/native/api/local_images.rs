use consign_guest::component::Component;
pub use consign_guest::wit::exports::consign::image::local_images::*;

pub fn narrow(text: &str, criteria: &Criteria) -> Narrowing {
    <Component as Guest>::narrow(text.to_owned(), criteria.clone())
}

pub fn find(text: &str, images: &[LocalImage], criteria: &Criteria) -> Outcome {
    <Component as Guest>::find(text.to_owned(), images.to_vec(), criteria.clone())
}
