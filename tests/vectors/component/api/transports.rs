use super::sandbox;
pub use consign::types::transports::*;

pub fn transport_of(text: &str) -> Option<Transport> {
    sandbox().transport_of(text).unwrap()
}

pub fn ask_storage(text: &str) -> Option<StorageQuestion> {
    sandbox().ask_storage(text).unwrap()
}

pub fn parse(text: &str, storage: Option<StorageAnswer>) -> Result<ImageReference, TransportError> {
    sandbox().parse_image_name(text, storage.as_ref()).unwrap()
}

pub fn format(image: &ImageReference) -> String {
    sandbox().format_image_name(image).unwrap()
}

pub fn string_within_transport(image: &ImageReference) -> String {
    sandbox().string_within_transport(image).unwrap()
}

pub fn policy(image: &ImageReference, explicit_path: Option<&str>) -> Option<PolicyScope> {
    sandbox().policy_scope(image, explicit_path).unwrap()
}
