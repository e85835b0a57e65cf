use super::Component;
use crate::prelude::*;
use crate::registry;
use crate::wit::exports::consign::image::registries::{
    AnswerError, Challenge, Guest, RegistryProblem, Span, TagPage, Token, Url,
};

impl Guest for Component {
    fn challenges(headers: Vec<String>) -> Vec<Challenge> {
        registry::challenges(&headers)
    }

    fn read_token(bytes: Vec<u8>) -> Result<Token, AnswerError> {
        registry::read_token(&bytes)
    }

    fn read_tags(bytes: Vec<u8>) -> Result<TagPage, AnswerError> {
        registry::read_tags(&bytes)
    }

    fn read_problems(bytes: Vec<u8>) -> Vec<RegistryProblem> {
        registry::read_problems(&bytes)
    }

    fn locate(base: String, reference: String) -> Option<Url> {
        registry::locate(&base, &reference)
    }

    fn next_page(base: String, links: Vec<String>) -> Option<Url> {
        registry::next_page(&base, &links)
    }

    fn read_range(header: String) -> Option<Span> {
        registry::read_range(&header)
    }

    fn read_date(header: String) -> Option<u64> {
        registry::read_date(&header)
    }
}
