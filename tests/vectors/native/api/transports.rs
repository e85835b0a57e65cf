use consign_guest::component::Component;
pub use consign_guest::wit::exports::consign::image::transports::*;

pub fn transport_of(text: &str) -> Option<Transport> {
    <Component as Guest>::transport_of(text.to_owned())
}

pub fn ask_storage(text: &str) -> Option<StorageQuestion> {
    <Component as Guest>::ask_storage(text.to_owned())
}

pub fn parse(text: &str, storage: Option<StorageAnswer>) -> Result<ImageReference, TransportError> {
    <Component as Guest>::parse(text.to_owned(), storage)
}

pub fn format(image: &ImageReference) -> String {
    <Component as Guest>::format(image.clone())
}

pub fn string_within_transport(image: &ImageReference) -> String {
    <Component as Guest>::string_within_transport(image.clone())
}

pub fn policy(image: &ImageReference, explicit_path: Option<&str>) -> Option<PolicyScope> {
    <Component as Guest>::policy(image.clone(), explicit_path.map(str::to_owned))
}
