//! Finding the image within an index, nested indexes included.

use std::future::Future;
use std::pin::Pin;

use super::machine::Ask;
use super::{MAX_DEPTH, Reached, Trail, open_manifest, read_document, wanted};
use crate::wit::consign::image::types::{Descriptor, Platform, Rules};
use crate::wit::exports::consign::image::manifests::{Document, Index, Kind};
use crate::wit::exports::consign::image::platforms::Matcher;
use crate::wit::exports::consign::image::resolution::{Considered, Options, ResolveError, Verdict};
use crate::wit::exports::consign::image::selection::{Criteria, IndexFormat, Reason, Rule};
use crate::{manifest, platform, select};

/// A look into one outermost index.
pub(super) struct Within<'a> {
    ask: &'a Ask,
    trail: &'a mut Trail,
    wanted: &'a Platform,
    host_os: &'a str,
    rule: Rule,
    first_absent: Option<Descriptor>,
}

impl<'a> Within<'a> {
    pub(super) fn new(ask: &'a Ask, trail: &'a mut Trail, options: &'a Options) -> Self {
        let rule = match options.rules {
            Rules::Docker => Rule::Docker,
            Rules::Podman => Rule::Podman,
        };
        Within { ask, trail, wanted: wanted(options), host_os: &options.host.os, rule, first_absent: None }
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
            let first = self.trail.considered.len();
            let judged = index.entries.into_iter().zip(choice.reasons).zip(0..);
            self.trail.considered.extend(judged.map(|((entry, reason), position)| Considered {
                index: descriptor.digest.clone(),
                position,
                depth,
                entry,
                verdict: Verdict::PassedOver(reason),
            }));
            // Both peers make one choice; what else fits is known for the explanation only.
            for position in choice.order.into_iter().take(1) {
                let at = first + position as usize;
                let Some(considered) = self.trail.considered.get(at) else { continue };
                let entry = considered.entry.clone();
                let (verdict, reached) = self.try_entry(entry, depth).await?;
                if let Some(considered) = self.trail.considered.get_mut(at) {
                    considered.verdict = verdict;
                }
                if let Some(mut reached) = reached {
                    self.settle(first, at);
                    reached.indexes.insert(0, descriptor);
                    return Ok(Some(reached));
                }
            }
            Ok(None)
        })
    }

    /// Those that were outranked were outranked by the entry that was taken, which need not be the one
    /// that looked best at first.
    fn settle(&mut self, first: usize, taken: usize) {
        let position = self.trail.considered.get(taken).map_or(0, |taken| taken.position);
        let depth = self.trail.considered.get(first).map_or(0, |entry| entry.depth);
        let Some(entries) = self.trail.considered.get_mut(first..) else { return };
        for entry in entries.iter_mut().filter(|entry| entry.depth == depth) {
            if let Verdict::PassedOver(reason @ (Reason::Best | Reason::Outranked(_))) = &mut entry.verdict {
                *reason = Reason::Outranked(position);
            }
        }
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
                    Err(ResolveError::Incomplete(absence)) => {
                        self.first_absent.get_or_insert(absence.target);
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
