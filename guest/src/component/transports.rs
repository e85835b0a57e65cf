use super::Component;
use crate::prelude::*;
use crate::transport_name;
use crate::wit::exports::consign::image::transports::{
    Guest, ImageReference, PolicyScope, StorageAnswer, StorageQuestion, Transport, TransportError,
};

impl Guest for Component {
    fn transport_of(text: String) -> Option<Transport> {
        transport_name::transport_of(&text)
    }

    fn ask_storage(text: String) -> Option<StorageQuestion> {
        transport_name::ask_storage(&text)
    }

    fn parse(text: String, storage: Option<StorageAnswer>) -> Result<ImageReference, TransportError> {
        transport_name::parse(&text, storage)
    }

    fn format(image: ImageReference) -> String {
        transport_name::format(&image)
    }

    fn string_within_transport(image: ImageReference) -> String {
        transport_name::string_within_transport(&image)
    }

    fn policy(image: ImageReference, explicit_path: Option<String>) -> Option<PolicyScope> {
        transport_name::policy(&image, explicit_path.as_deref())
    }
}
