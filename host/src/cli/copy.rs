//! `consign copy`: an image from anywhere to anywhere, as a stream: nothing is stored in between.

use std::sync::Arc;

use anyhow::{Context, Result};
use cap_std::fs::Dir;

use consign::load;
use consign::policy::{Signatures, Trust};
use consign::save::{Absent, Options, Origin, Wanted};
use consign::source::{self, Selector, Source};
use consign::types::resolution;
use consign::types::transports::Transport;

use super::args::{Changed, Copy, Extent, Lookup, MultiArch, Reached};
use super::destination::{Destination, Done, write_digest};
use super::failure::Failure;
use super::policy::Judge;
use super::push::{changed, find, show};
use super::session::{Session, spool};
use super::signatures::{self, SignaturePlaces};
use super::{attachments, image, progress};

pub fn run(session: &Session, arguments: &Copy) -> Result<()> {
    if arguments.attachments {
        // Before anything is copied.
        attachments::target(session, &arguments.source)?;
        attachments::target(session, &arguments.destination)?;
    }
    let choice = session.options(&arguments.wanted)?;
    let lookup = arguments.looked_up.lookup;
    let places = SignaturePlaces::new(session, arguments.trusted.registries_d.as_deref());
    let judge = Judge::new(session, &arguments.trusted, &places)?;
    let asked = Asked { reached: arguments.ends.source(), judge: judge.as_ref(), places: &places };
    let Opened { from, wanted, trust, signatures } =
        open(session, &arguments.source, lookup, &asked, &choice)?;
    let mut to = Destination::of(session, &arguments.destination, &arguments.ends.destination())?;
    for text in &arguments.additional_tag {
        to.add_tag(session, text)?;
    }
    let spool = spool();
    let options = options(&arguments.extent, &arguments.changed, choice, spool.as_ref())?;
    let carried = places.carried(signatures, &arguments.signed, &mut to)?;
    let options = Options { trust: trust.as_ref(), signatures: Some(&carried), ..options };
    let write = |progress: &dyn load::Progress| {
        copy(session, &from, &wanted, &options, arguments.extent.preserve_digests, &to, progress)
    };
    let mut done = progress::shown(arguments.quiet, "copied", "already there", write)
        .with_context(|| format!("copying `{}` to `{}`", arguments.source, arguments.destination))?;
    if arguments.attachments {
        let ends = attachments::Ends {
            source: &arguments.source,
            from: arguments.ends.source(),
            destination: &arguments.destination,
            to: arguments.ends.destination(),
        };
        let copy = |progress: &dyn load::Progress| {
            attachments::copy(session, &ends, &done, &options.choice, progress)
        };
        done.attachments = progress::shown(arguments.quiet, "copied", "already there", copy)?;
    }
    write_digest(arguments.digestfile.as_deref(), &done.written.digest)?;
    show(&done, &arguments.destination, arguments.report, arguments.quiet, "Copied image")
}

/// What is copied, and how.
pub fn options<'a>(
    extent: &Extent,
    changes: &Changed,
    choice: resolution::Options,
    spool: Option<&'a Dir>,
) -> Result<Options<'a>> {
    let which = if extent.all { MultiArch::All } else { extent.multi_arch };
    if extent.preserve_digests
        && (changes.format.is_some() || changed(changes, choice.clone())?.compress.is_some())
    {
        return Err(Failure::usage("digests cannot be kept where manifests or layers are changed").into());
    }
    Ok(Options {
        one: which == MultiArch::System,
        absent: if which == MultiArch::IndexOnly { Absent::Keep } else { Absent::Refuse },
        index_only: which == MultiArch::IndexOnly,
        spool,
        ..changed(changes, choice)?
    })
}

/// Copies, and holds the digest of what was written against that of what was read where they have to be the same.
pub fn copy(
    session: &Session,
    from: &Origin,
    wanted: &Wanted,
    options: &Options<'_>,
    preserve: bool,
    to: &Destination,
    progress: &dyn load::Progress,
) -> Result<Done> {
    if preserve && !to.keeps_digests() {
        return Err(Failure::usage("a docker archive keeps no manifests, and so no digests").into());
    }
    to.write(session, from, wanted, options, progress)
}

/// What an argument names, and who is asked about it. Of what is in the store nobody is: that was done when it came.
pub struct Opened {
    pub from: Origin,
    pub wanted: Wanted,
    pub trust: Option<Arc<Trust>>,
    /// Where its signatures are. The store keeps none.
    pub signatures: Box<dyn Signatures>,
}

/// How sources are reached, and who is asked about what they hold.
pub struct Asked<'a> {
    pub reached: Reached,
    pub judge: Option<&'a Judge<'a>>,
    pub places: &'a SignaturePlaces<'a>,
}

/// What an argument names, wherever it is.
pub fn open(
    session: &Session,
    text: &str,
    lookup: Lookup,
    asked: &Asked<'_>,
    choice: &resolution::Options,
) -> Result<Opened> {
    let Asked { reached, judge, places } = asked;
    let Some(transport) = session.sandbox().transport_of(text)? else {
        let found = find(session, text, lookup, choice)?;
        let wanted = Wanted { target: found.target, names: found.name.into_iter().collect() };
        let from = Origin::from(&*found.store);
        return Ok(Opened { from, wanted, trust: None, signatures: Box::new(()) });
    };
    let reference = image::reference(session, text)?;
    let (source, trust, signatures): (Arc<dyn Source>, _, _) = match (transport, &reference.name) {
        (Transport::Docker, Some(name)) => {
            let (image, place) = session.remote().found(session, name, reached)?;
            let trust = judge.map(|judge| judge.pulled(name, &place, reached)).transpose()?;
            (Arc::new(image), trust, places.at(&place, reached)?)
        }
        _ => {
            let source = image::open_source(session, transport, &reference, reached)?;
            let trust = judge.map(|judge| judge.source(&*source, &reference)).transpose()?;
            let signatures = signatures::beside(&*source, &reference)?;
            (Arc::from(source), trust, signatures)
        }
    };
    let selector = match transport {
        // It is the only one.
        Transport::Docker => Selector::Only,
        _ => image::selector(&reference),
    };
    let position = source::select(&*source, &selector).with_context(|| format!("looking into `{text}`"))?;
    let root = source.roots().get(position).context("a source's roots changed while they were read")?;
    let wanted = Wanted { target: root.descriptor.clone(), names: root.names.clone() };
    let from = Origin::source(source, session.sandbox_handle());
    Ok(Opened { from, wanted, trust: trust.map(Arc::new), signatures })
}
