use super::Component;
use crate::prelude::*;
use crate::signature;
use crate::wit::exports::consign::image::registries::AnswerError;
use crate::wit::exports::consign::image::signatures::{
    Claim, Guest, KeptSignature, ListedSignature, SignatureForm,
};

impl Guest for Component {
    fn read_kept(bytes: Vec<u8>) -> Result<KeptSignature, AnswerError> {
        signature::read_kept(&bytes)
    }

    fn read_list(bytes: Vec<u8>) -> Result<Vec<ListedSignature>, AnswerError> {
        signature::read_list(&bytes)
    }

    fn read_claim(bytes: Vec<u8>, form: SignatureForm) -> Result<Claim, AnswerError> {
        signature::read_claim(&bytes, form)
    }
}
