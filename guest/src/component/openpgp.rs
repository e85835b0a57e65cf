use super::Component;
use crate::openpgp;
use crate::prelude::*;
use crate::wit::exports::consign::image::openpgp::{Guest, Key, Message};
use crate::wit::exports::consign::image::registries::AnswerError;

impl Guest for Component {
    fn read_message(bytes: Vec<u8>) -> Result<Message, AnswerError> {
        openpgp::read_message(&bytes)
    }

    fn read_keys(bytes: Vec<u8>) -> Result<Vec<Key>, AnswerError> {
        openpgp::read_keys(&bytes)
    }
}
