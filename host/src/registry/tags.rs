//! The tags of a repository, page by page.

use std::collections::BTreeSet;

use super::answer::Answer;
use super::exchange::{Ask, Place};
use super::url::{shown, whole};
use super::{RegistryError, Repository};

/// Bytes of a page.
const PAGE_LIMIT: u64 = 4 << 20;
/// Pages of one list.
const MAX_PAGES: usize = 10_000;
/// Tags of one list: a registry could bring new ones for ever.
const MAX_TAGS: usize = 500_000;
/// Tags that are asked for at a time.
const PAGE: usize = 1000;

/// The tags of a repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tags {
    /// In the registry's order, each once.
    pub tags: Vec<String>,
    /// How many entries of the list were no tags.
    pub malformed: u64,
    /// Whether there are more than were asked for.
    pub more: bool,
}

impl Repository {
    /// Its tags, at most `limit`.
    ///
    /// # Errors
    ///
    /// [`RegistryError::Refused`] where there is no such repository, [`RegistryError::Endless`] for pages that go
    /// in a circle or bring nothing; any other where it could not be told.
    pub fn tags(&self, limit: usize) -> Result<Tags, RegistryError> {
        let mut all = Tags::default();
        let mut seen = BTreeSet::new();
        let mut pages = BTreeSet::new();
        let first = self.target(&format!("tags/list?n={}", limit.clamp(1, PAGE)));
        let mut place = Place::Own(first);
        loop {
            let ask = Ask { place, ..Ask::get(String::new(), self.pulling()) };
            let answer = self.registry.send(ask)?.expect(&[200])?;
            let (base, shown, links) = (answer.base(), answer.shown(), answer.all("link"));
            let endless = |what, limit| RegistryError::Endless { url: shown.clone(), what, limit };
            pages.insert(base.clone());
            let next = self.next_page(&answer, &base, &links)?;
            let bytes = answer.bytes(PAGE_LIMIT)?;
            let page = self.registry.sandbox().read_tags(&bytes)?;
            let page =
                page.map_err(|error| RegistryError::Answer { url: shown.clone(), reason: error.reason })?;
            all.malformed += u64::from(page.malformed);
            let before = all.tags.len();
            for tag in page.tags {
                if seen.insert(tag.clone()) {
                    all.tags.push(tag);
                }
            }
            if all.tags.len() > limit || (all.tags.len() == limit && next.is_some()) {
                all.tags.truncate(limit);
                all.more = true;
                return Ok(all);
            }
            let Some(next) = next else { return Ok(all) };
            // A page that was read before, or one without anything new, would go on for ever.
            if pages.contains(&whole(&next)) || all.tags.len() == before {
                return Err(endless("pages: they go in a circle", pages.len()));
            }
            if all.tags.len() >= MAX_TAGS {
                return Err(endless("tags", MAX_TAGS));
            }
            if pages.len() >= MAX_PAGES {
                return Err(endless("pages", MAX_PAGES));
            }
            place = Place::At(next);
        }
    }

    /// The page after this one, which has to be the registry's own.
    pub(super) fn next_page(
        &self,
        answer: &Answer,
        base: &str,
        links: &[String],
    ) -> Result<Option<crate::types::registries::Url>, RegistryError> {
        if links.is_empty() {
            return Ok(None);
        }
        let Some(next) = self.registry.sandbox().next_page(base, links)? else { return Ok(None) };
        if self.registry.is_own(&next) {
            return Ok(Some(next));
        }
        Err(RegistryError::ForbiddenPlace {
            host: answer.host(),
            found: shown(&next),
            reason: "the next page of a list is somewhere else",
        })
    }
}
