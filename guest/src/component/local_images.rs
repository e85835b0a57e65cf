use super::Component;
use crate::local_image;
use crate::prelude::*;
use crate::wit::exports::consign::image::local_images::{Criteria, Guest, LocalImage, Narrowing, Outcome};

impl Guest for Component {
    fn narrow(text: String, criteria: Criteria) -> Narrowing {
        local_image::narrow(&text, &criteria)
    }

    fn find(text: String, images: Vec<LocalImage>, criteria: Criteria) -> Outcome {
        local_image::find(&text, &images, &criteria)
    }
}
