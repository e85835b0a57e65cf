//! Finding the image within an index, nested indexes included.

use core::future::Future;
use core::pin::Pin;

use super::machine::Ask;
use super::{MAX_DEPTH, Reached, open_manifest, read_document, wanted};
use crate::prelude::*;
use crate::types::{Descriptor, Platform, Rules};
use crate::wit::exports::consign::image::manifests::{Document, Index, Kind};
use crate::wit::exports::consign::image::platforms::Matcher;
use crate::wit::exports::consign::image::resolution::{Considered, Options, ResolveError, Verdict};
use crate::wit::exports::consign::image::selection::{Criteria, IndexFormat, Reason, Rule};
use crate::{manifest, platform, select};

/// A look into one outermost index.
pub(super) struct Within<'a> {
    ask: &'a Ask,
    wanted: &'a Platform,
    host_os: &'a str,
    rule: Rule,
    first_absent: Option<Descriptor>,
}

impl<'a> Within<'a> {
    pub(super) fn new(ask: &'a Ask, options: &'a Options) -> Self {
        let rule = match options.rules {
            Rules::Docker => Rule::Docker,
            Rules::Podman => Rule::Podman,
        };
        Within { ask, wanted: wanted(options), host_os: &options.host.os, rule, first_absent: None }
    }

    /// The first entry that fits and is not here.
    pub(super) fn first_absent(&mut self) -> Option<Descriptor> {
        self.first_absent.take()
    }

    /// The image in `index` for the wanted platform. `None` where nothing that fits is here.
    pub(super) async fn find(
        &mut self,
        descriptor: Descriptor,
        index: Index,
    ) -> Result<Option<Reached>, ResolveError> {
        self.look(descriptor, index, 0).await
    }

    /// Boxed, because it calls itself for nested indexes; at most [`MAX_DEPTH`] deep.
    fn look<'b>(
        &'b mut self,
        descriptor: Descriptor,
        index: Index,
        depth: u32,
    ) -> Pin<Box<dyn Future<Output = Result<Option<Reached>, ResolveError>> + 'b>> {
        Box::pin(async move {
            if depth >= MAX_DEPTH {
                return Err(ResolveError::Limit(("indexes in indexes".into(), u64::from(MAX_DEPTH))));
            }
            let criteria = Criteria {
                wanted: self.wanted.clone(),
                rule: self.rule,
                format: match index.kind {
                    Kind::DockerList => IndexFormat::DockerList,
                    _ => IndexFormat::OciIndex,
                },
                host_os: self.host_os.to_owned(),
            };
            let choice = select::choose(&index.entries, &criteria);
            // Both peers make one choice; what else fits is known for the explanation only.
            let best = choice.order.first().map(|best| *best as usize);
            let entry = best.and_then(|best| index.entries.get(best)).cloned();
            let judged = index.entries.into_iter().zip(choice.reasons).zip(0..);
            let first = self.ask.consider(judged.map(|((entry, reason), position)| Considered {
                index: descriptor.digest.clone(),
                position,
                depth,
                entry,
                verdict: Verdict::PassedOver(reason),
            }));
            let (Some(best), Some(entry)) = (best, entry) else { return Ok(None) };
            let (verdict, reached) = self.try_entry(entry, depth).await?;
            self.ask.judge(first + best, verdict);
            if let Some(mut reached) = reached {
                reached.indexes.insert(0, descriptor);
                return Ok(Some(reached));
            }
            Ok(None)
        })
    }

    async fn try_entry(
        &mut self,
        entry: Descriptor,
        depth: u32,
    ) -> Result<(Verdict, Option<Reached>), ResolveError> {
        if !manifest::is_document(&entry.media_type) {
            return Ok((Verdict::PassedOver(Reason::NotAnImage(entry.media_type)), None));
        }
        match read_document(self.ask, &entry).await? {
            None => {
                self.first_absent.get_or_insert(entry);
                Ok((Verdict::Absent, None))
            }
            Some(Document::Index(nested)) => {
                let found = self.look(entry, nested, depth + 1).await?;
                let verdict = if found.is_some() { Verdict::Chosen } else { Verdict::NothingWithin };
                Ok((verdict, found))
            }
            Some(Document::Manifest(parsed)) => {
                let mut reached = match open_manifest(self.ask, entry.clone(), parsed).await {
                    Ok(reached) => reached,
                    Err(ResolveError::Incomplete(target)) => {
                        self.first_absent.get_or_insert(target);
                        return Ok((Verdict::Absent, None));
                    }
                    Err(ResolveError::NotAnImage(_)) => {
                        return Ok((Verdict::PassedOver(Reason::NotAnImage(entry.media_type)), None));
                    }
                    Err(error) => return Err(error),
                };
                // Where the index states no platform the config has to; containers/image does not ask it.
                if entry.platform.is_none() && self.rule == Rule::Docker {
                    let stated = &reached.parsed.platform;
                    if !platform::matches(&Matcher::Only(self.wanted.clone()), stated, self.host_os) {
                        return Ok((Verdict::ConfigDisagrees(stated.clone()), None));
                    }
                }
                reached.entry_platform = entry.platform;
                Ok((Verdict::Chosen, Some(reached)))
            }
        }
    }
}
