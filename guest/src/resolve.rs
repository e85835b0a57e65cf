//! Resolution: from what a user typed to one image.
//!
//! Written once, as straight-line code over an [`Ask`] that has no I/O of its own: every question it
//! puts suspends it, so that whoever drives it (the `lookup` interface over `content`, the `resolution`
//! resource over an asynchronous host, a test) answers in its own time. See [`machine`].
//!
//! The order of look-ups is that of Docker's `GetImage` (moby, `daemon/images/image.go`): name, then ID,
//! then prefix of an ID; then the platform check on the config with the no-variant fallback; then the
//! stored indexes that hold the image.

pub mod machine;
mod within;

#[cfg(test)]
mod tests;

use crate::config;
use crate::name;
use crate::platform;
use crate::prelude::*;
use crate::types::{Descriptor, ImageName, Platform};
use crate::wit::exports::consign::image::manifests::{Document, ImageConfig, Manifest};
use crate::wit::exports::consign::image::platforms::Matcher;
use crate::wit::exports::consign::image::references::{Reading, Reference};
use crate::wit::exports::consign::image::resolution::{
    Layer, Matched, Mismatch, Options, Request, ResolveError, Resolved, Step, Subject,
};
use crate::{chain, manifest};
use machine::Ask;
use within::Within;

/// How many indexes may be around an image.
pub const MAX_DEPTH: u32 = 8;
/// How many documents one resolution may read.
pub const MAX_READS: u32 = 256;

/// Media types of the image configs an image may have (image-spec, media-types.md; Docker schema 2).
const CONFIGS: [&str; 2] =
    ["application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"];

/// An image that was reached: its documents, and how.
pub(crate) struct Reached {
    pub(crate) indexes: Vec<Descriptor>,
    pub(crate) manifest: Option<(Descriptor, Manifest)>,
    pub(crate) config: Descriptor,
    pub(crate) parsed: ImageConfig,
    /// The platform of the index entry that led here.
    pub(crate) entry_platform: Option<Platform>,
}

/// Resolves `subject`. The only suspension points are the questions put to `ask`.
pub async fn resolve(ask: Ask, subject: Subject, options: Options) -> Result<Resolved, ResolveError> {
    let (matched, target, reached) = reach(&ask, subject, &options).await?;
    answer(&ask, matched, target, reached).await
}

/// The image that `subject` means, for the platform.
async fn reach(
    ask: &Ask,
    subject: Subject,
    options: &Options,
) -> Result<(Matched, Descriptor, Reached), ResolveError> {
    let (matched, target, reached) = match subject {
        Subject::Target(target) => match open(ask, &target, options).await? {
            Some(reached) => (Matched::Target, target, reached),
            None => return Err(ResolveError::Incomplete(target)),
        },
        Subject::Text(input) => {
            match name::parse(&input, Reading::Any, options.rules).map_err(ResolveError::Name)? {
                Reference::Digest(digest) => by_digest(ask, digest, options).await?,
                Reference::Named(named) => by_name(ask, named, &input, options).await?,
            }
        }
    };
    check_platform(ask, &reached, options).await?;
    Ok((matched, target, reached))
}

/// A whole digest: an image's ID, or the digest of a manifest or an index.
async fn by_digest(
    ask: &Ask,
    digest: String,
    options: &Options,
) -> Result<(Matched, Descriptor, Reached), ResolveError> {
    let found = ask.search(&digest).await?;
    ask.step(Step::Searched((digest.clone(), count(&found))));
    let target = found.into_iter().find(|found| found.digest == digest);
    let Some(target) = target else { return Err(ResolveError::NotFound(digest)) };
    match open(ask, &target, options).await? {
        Some(reached) => Ok((Matched::Digest(digest), target, reached)),
        None => Err(ResolveError::NotFound(digest)),
    }
}

/// A name; where it names nothing, the beginning of an ID.
async fn by_name(
    ask: &Ask,
    named: ImageName,
    input: &str,
    options: &Options,
) -> Result<(Matched, Descriptor, Reached), ResolveError> {
    let wanted = as_looked_up(named);
    let found = ask.find(&wanted).await?;
    ask.step(Step::LookedUp((wanted.clone(), found.is_some())));
    if let Some(target) = found {
        // A name that points at content which is gone does not hide an ID.
        if let Some(reached) = open(ask, &target, options).await? {
            return Ok((Matched::Name(wanted), target, reached));
        }
    }
    if let Some(target) = by_prefix(ask, input).await?
        && let Some(reached) = open(ask, &target, options).await?
    {
        return Ok((Matched::Prefix(target.digest.clone()), target, reached));
    }
    Err(ResolveError::NotFound(name::format(&Reference::Named(wanted))))
}

/// The image whose ID starts as the input has it.
async fn by_prefix(ask: &Ask, input: &str) -> Result<Option<Descriptor>, ResolveError> {
    let Some(prefix) = id_prefix(input) else { return Ok(None) };
    let found = ask.search(prefix).await?;
    ask.step(Step::Searched((prefix.to_owned(), count(&found))));
    only_one(found, prefix).map_err(ResolveError::Ambiguous)
}

/// The image that `prefix` means of those whose IDs start with it: the one with all of it for an ID, or
/// the only one. Where it could be several, their IDs.
pub(crate) fn only_one(mut found: Vec<Descriptor>, prefix: &str) -> Result<Option<Descriptor>, Vec<String>> {
    let exact = found.iter().position(|found| found.digest == prefix || encoded(&found.digest) == prefix);
    match (exact, found.len()) {
        (Some(exact), _) => Ok(Some(found.swap_remove(exact))),
        (None, 0 | 1) => Ok(found.pop()),
        (None, _) => Err(found.into_iter().map(|one| one.digest).collect()),
    }
}

/// The form names are kept in: a digest makes a tag beside it idle, and without either the tag is `latest`
/// (moby, reference store).
pub(crate) fn as_looked_up(named: ImageName) -> ImageName {
    if named.digest.is_some() { ImageName { tag: None, ..named } } else { name::tag_name_only(named) }
}

/// What an ID search may be asked for: hexadecimal digits, with an algorithm in front or without
/// (docker/distribution digestset, `Lookup`).
pub(crate) fn id_prefix(input: &str) -> Option<&str> {
    let digits = match input.split_once(':') {
        Some(("sha256" | "sha384" | "sha512", digits)) => digits,
        Some(_) => return None,
        None => input,
    };
    let hexadecimal = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    ((1..=128).contains(&digits.len()) && digits.bytes().all(hexadecimal)).then_some(input)
}

fn encoded(digest: &str) -> &str {
    digest.split_once(':').map_or(digest, |(_, encoded)| encoded)
}

fn count(found: &[Descriptor]) -> u32 {
    u32::try_from(found.len()).unwrap_or(u32::MAX)
}

/// Follows a descriptor to an image. `None` where the content that was pointed at is not here.
async fn open(ask: &Ask, target: &Descriptor, options: &Options) -> Result<Option<Reached>, ResolveError> {
    if CONFIGS.contains(&target.media_type.as_str()) {
        let Some(bytes) = ask.read(target).await? else {
            ask.step(Step::Dangling(target.clone()));
            return Ok(None);
        };
        let parsed =
            config::parse(&bytes).map_err(|error| ResolveError::Document((target.clone(), error)))?;
        return Ok(Some(Reached {
            indexes: Vec::new(),
            manifest: None,
            config: target.clone(),
            parsed,
            entry_platform: None,
        }));
    }
    let Some(document) = read_document(ask, target).await? else {
        ask.step(Step::Dangling(target.clone()));
        return Ok(None);
    };
    match document {
        Document::Manifest(manifest) => open_manifest(ask, target.clone(), manifest).await.map(Some),
        Document::Index(index) => {
            let mut within = Within::new(ask, options);
            match within.find(target.clone(), index).await? {
                Some(reached) => Ok(Some(reached)),
                None => {
                    let absent = within.first_absent();
                    match absent {
                        // What was asked for exists and fits; it is only not here.
                        Some(entry) => Err(ResolveError::Incomplete(entry)),
                        None => Err(mismatch(wanted(options), None)),
                    }
                }
            }
        }
    }
}

/// A manifest's config, read and parsed.
async fn open_manifest(
    ask: &Ask,
    descriptor: Descriptor,
    manifest: Manifest,
) -> Result<Reached, ResolveError> {
    if !CONFIGS.contains(&manifest.config.media_type.as_str()) {
        return Err(ResolveError::NotAnImage(descriptor));
    }
    let config = manifest.config.clone();
    let Some(bytes) = ask.read(&config).await? else { return Err(ResolveError::Incomplete(config)) };
    let parsed = config::parse(&bytes).map_err(|error| ResolveError::Document((config.clone(), error)))?;
    Ok(Reached {
        indexes: Vec::new(),
        manifest: Some((descriptor, manifest)),
        config,
        parsed,
        entry_platform: None,
    })
}

async fn read_document(ask: &Ask, target: &Descriptor) -> Result<Option<Document>, ResolveError> {
    let Some(bytes) = ask.read(target).await? else { return Ok(None) };
    let announced = (!target.media_type.is_empty()).then_some(target.media_type.as_str());
    if announced.is_some_and(|media_type| !manifest::is_document(media_type)) {
        return Err(ResolveError::NotAnImage(target.clone()));
    }
    manifest::parse(&bytes, announced)
        .map(Some)
        .map_err(|error| ResolveError::Document((target.clone(), error)))
}

/// The platform an index is resolved for.
fn wanted(options: &Options) -> &Platform {
    options.platform.as_ref().unwrap_or(&options.host)
}

/// Docker's check of the config against the platform that was asked for. An index that led here has
/// decided already; without a platform asked for there is nothing to check.
async fn check_platform(ask: &Ask, reached: &Reached, options: &Options) -> Result<(), ResolveError> {
    let Some(wanted) = &options.platform else { return Ok(()) };
    if !reached.indexes.is_empty() {
        return Ok(());
    }
    // Docker compares os, architecture and variant here.
    let stated = without_os_details(&reached.parsed.platform);
    let host_os = &options.host.os;
    let good = platform::matches(&Matcher::DockerWithFallback(wanted.clone()), &stated, host_os);
    ask.step(Step::ConfigPlatform((stated.clone(), good)));
    if good {
        return Ok(());
    }
    if let Some(index) = vouching_index(ask, &reached.config.digest, wanted, host_os).await? {
        ask.step(Step::Vouched(index));
        return Ok(());
    }
    Err(mismatch(wanted, Some((reached.config.digest.clone(), stated))))
}

fn mismatch(wanted: &Platform, image: Option<(String, Platform)>) -> ResolveError {
    ResolveError::Platform(Mismatch { wanted: wanted.clone(), image })
}

fn without_os_details(platform: &Platform) -> Platform {
    Platform { os_version: None, os_features: Vec::new(), ..platform.clone() }
}

/// A stored index that holds the image with this config under a platform that is good for `wanted`.
///
/// Whatever cannot be read is passed over: this look only ever adds a reason to say yes (moby,
/// `manifestMatchesPlatform`). Entries without a platform say nothing here.
async fn vouching_index(
    ask: &Ask,
    config: &str,
    wanted: &Platform,
    host_os: &str,
) -> Result<Option<Descriptor>, ResolveError> {
    let matcher = Matcher::Only(wanted.clone());
    for stored in ask.several(Request::Indexes(config.to_owned())).await? {
        let Ok(Some(Document::Index(index))) = read_document(ask, &stored).await else { continue };
        for entry in &index.entries {
            let Some(offered) = &entry.platform else { continue };
            // No fallback to a missing variant: an index states the variant.
            let fits = platform::matches(&matcher, &without_os_details(offered), host_os);
            if !manifest::is_manifest(&entry.media_type) || !fits {
                continue;
            }
            if let Ok(Some(Document::Manifest(manifest))) = read_document(ask, entry).await
                && manifest.config.digest == config
            {
                return Ok(Some(stored));
            }
        }
    }
    Ok(None)
}

/// Puts together what was learned: layers, chain IDs, platform.
async fn answer(
    ask: &Ask,
    matched: Matched,
    target: Descriptor,
    mut reached: Reached,
) -> Result<Resolved, ResolveError> {
    if reached.manifest.is_none() {
        reached.manifest = manifest_of(ask, &reached.config.digest).await?;
    }
    let diff_ids = &reached.parsed.diff_ids;
    let chain_ids =
        chain::ids(diff_ids).map_err(|error| ResolveError::Document((reached.config.clone(), error)))?;
    let blobs = reached.manifest.as_ref().map(|(_, manifest)| manifest.layers.as_slice());
    if let Some(blobs) = blobs
        && blobs.len() != diff_ids.len()
    {
        let short = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        return Err(ResolveError::LayerCount((short(diff_ids.len()), short(blobs.len()))));
    }
    let layers = diff_ids
        .iter()
        .zip(chain_ids)
        .enumerate()
        .map(|(at, (diff_id, chain_id))| Layer {
            blob: blobs.and_then(|blobs| blobs.get(at)).cloned(),
            diff_id: diff_id.clone(),
            chain_id,
        })
        .collect();
    let stated = &reached.parsed.platform;
    let silent = stated.os.is_empty() && stated.architecture.is_empty();
    let platform = match reached.entry_platform {
        Some(entry) if silent => entry,
        _ => stated.clone(),
    };
    Ok(Resolved {
        matched,
        target,
        indexes: reached.indexes,
        manifest: reached.manifest.map(|(descriptor, _)| descriptor),
        config: reached.config,
        platform,
        layers,
    })
}

/// A manifest kept here for an image that was reached by its config; the newest that can be read.
async fn manifest_of(ask: &Ask, config: &str) -> Result<Option<(Descriptor, Manifest)>, ResolveError> {
    let stored = ask.several(Request::Manifests(config.to_owned())).await?;
    for descriptor in stored.into_iter().rev() {
        if let Ok(Some(Document::Manifest(manifest))) = read_document(ask, &descriptor).await
            && manifest.config.digest == config
        {
            return Ok(Some((descriptor, manifest)));
        }
    }
    Ok(None)
}
