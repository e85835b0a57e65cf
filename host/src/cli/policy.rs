//! Signature policies as this machine is configured: policy.json, registries.d; and `consign policy explain`.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use consign::content::Content;
use consign::explicit_path;
use consign::policy::{Decision, Outcome, Policy, Scope, Signatures, Subject, Trust, Verdict};
use consign::pull::Place;
use consign::resolve::{self, name};
use consign::source::{Source, SourceContent};
use consign::types::transports::{ImageReference, Transport};
use consign::types::{Descriptor, ImageName, resolution};

use super::args::{Explain, Format, Reached, Rules, Trusted, Wanted};
use super::failure::{Code, Failure};
use super::session::{Session, absolute};
use super::signatures::{self, SignaturePlaces, docker, exact, open, reference, scope};
use super::{image, input, output};

pub(super) const SYSTEM: &str = "/etc/containers";
pub(super) const USER: &str = ".config/containers";
const FILE: &str = "policy.json";
/// Bytes of a key file.
const KEY_LIMIT: u64 = 1 << 20;

/// The policy that counts, and whom it asks about what.
pub struct Judge<'a> {
    session: &'a Session,
    policy: Arc<Policy>,
    places: &'a SignaturePlaces<'a>,
}

impl<'a> Judge<'a> {
    /// `None`: there is no policy, and everything is accepted.
    pub fn new(
        session: &'a Session,
        trusted: &Trusted,
        places: &'a SignaturePlaces<'a>,
    ) -> Result<Option<Judge<'a>>> {
        let own = absolute("HOME").map(|home| home.join(USER).join(FILE));
        let files = match &trusted.signature_policy {
            Some(path) => vec![path.clone()],
            None => own.into_iter().chain([Path::new(SYSTEM).join(FILE)]).collect(),
        };
        for path in files {
            if let Some(policy) = read(session, &path)? {
                return Ok(Some(Judge { session, policy: Arc::new(policy), places }));
            }
        }
        match &trusted.signature_policy {
            Some(path) => {
                Err(Failure::usage(format!("wanted a policy, found none: `{}`", path.display())).into())
            }
            None => Ok(None),
        }
    }

    /// Asks about an image that is pulled as `image` from this place.
    pub fn pulled(&self, image: &ImageName, place: &Place, reached: &Reached) -> Result<Trust> {
        let scope = scope(self.session, &docker(image), None)?;
        // Signatures are where the image comes from, trust is in what it is called.
        let signatures = self.places.at(place, reached)?;
        let subject = Subject {
            shown: format!("docker://{}", name(image)),
            transport: "docker".to_owned(),
            scope,
            name: Some(exact(image)),
        };
        Ok(self.trust(subject, signatures))
    }

    /// The same places, each with whom to ask there.
    pub fn places(&self, image: &ImageName, places: Vec<Place>, reached: &Reached) -> Result<Vec<Place>> {
        let place = |place: Place| {
            let trust = Some(Arc::new(self.pulled(image, &place, reached)?));
            Ok(Place { trust, ..place })
        };
        places.into_iter().map(place).collect()
    }

    /// Asks about what a source holds that was opened by this reference.
    pub fn source(&self, source: &dyn Source, reference: &ImageReference) -> Result<Trust> {
        let path = reference.path.as_deref().map(Path::new);
        let explicit = path.map(explicit).transpose()?;
        let explicit = explicit.as_ref().map(|path| path.display().to_string());
        let scope = scope(self.session, reference, Some(explicit.as_deref().unwrap_or_default()))?;
        let shown = self.session.sandbox().format_image_name(reference)?;
        let signatures = signatures::beside(source, reference)?;
        let transport = shown.split(':').next().unwrap_or_default().to_owned();
        let subject = Subject { transport, shown, scope, name: reference.name.as_ref().map(exact) };
        Ok(self.trust(subject, signatures))
    }

    fn trust(&self, subject: Subject, signatures: Box<dyn Signatures>) -> Trust {
        Trust {
            policy: self.policy.clone(),
            subject,
            signatures,
            key_files: Box::new(key_file),
            sandbox: self.session.sandbox_handle(),
        }
    }
}

/// A file, by its path. `None`: it is not there.
fn read(session: &Session, path: &Path) -> Result<Option<Policy>> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Some(file) = path.file_name().and_then(|name| name.to_str()) else { return Ok(None) };
    let Some(directory) = open(parent)? else { return Ok(None) };
    Ok(Policy::read(&directory, file, &path.display().to_string(), session.sandbox())?)
}

fn key_file(path: &str) -> io::Result<Vec<u8>> {
    input::read(Path::new(path), KEY_LIMIT)
}

fn explicit(path: &Path) -> Result<PathBuf> {
    let current = std::env::current_dir().context("finding the current directory")?;
    let text = path.to_str().with_context(|| format!("wanted UTF-8 in `{}`", path.display()))?;
    explicit_path::resolve(&current, text).with_context(|| format!("following `{}`", path.display()))
}

/// How a source is written with its transport. `path`: where it is, unless that is nowhere, as standard input.
pub fn reference_to(source: &dyn Source, path: Option<&Path>) -> Result<ImageReference> {
    let transport = source.transport().context("a source without a transport")?;
    Ok(ImageReference { path: path.map(|path| path.display().to_string()), ..reference(transport) })
}

/// What is asked about, and whom.
struct Question {
    source: Arc<dyn Source>,
    target: Descriptor,
    trust: Arc<Trust>,
}

/// What came of one manifest.
struct Answer {
    digest: String,
    decision: Decision,
}

pub fn explain(session: &Session, arguments: &Explain) -> Result<()> {
    let places = SignaturePlaces::new(session, arguments.trusted.registries_d.as_deref());
    let Some(judge) = Judge::new(session, &arguments.trusted, &places)? else {
        return show(arguments, None, &arguments.image, &[]);
    };
    let question = question(session, arguments, &judge)?;
    let content = Arc::new(SourceContent::new(question.source.clone(), session.sandbox_handle()));
    let mut answers = Vec::new();
    for digest in manifests(session, arguments, &question, &content)? {
        let bytes = resolve::read(&*content, &digest)?;
        let bytes =
            bytes.ok_or_else(|| Failure::no(format!("wanted `{}`, which is not there", digest.digest)))?;
        answers.push(Answer { digest: digest.digest, decision: question.trust.explain(&bytes) });
    }
    show(arguments, Some(&judge.policy), &question.trust.subject.shown, &answers)
}

fn question(session: &Session, arguments: &Explain, judge: &Judge<'_>) -> Result<Question> {
    let text = &arguments.image;
    let (called, reference) = match session.sandbox().transport_of(text)? {
        None => (Some(session.tag_or_digest(text)?), None),
        Some(Transport::Docker) => (image::reference(session, text)?.name, None),
        Some(transport) => (None, Some((transport, image::reference(session, text)?))),
    };
    let Some((transport, reference)) = reference else {
        let called = called.ok_or_else(|| Failure::usage(format!("wanted a name, found `{text}`")))?;
        let (image, place) = session.remote().found(session, &called, &arguments.reached)?;
        let target = image.roots().first().map(|root| root.descriptor.clone());
        let target = target.context("an image without a manifest")?;
        let trust = Arc::new(judge.pulled(&called, &place, &arguments.reached)?);
        return Ok(Question { source: Arc::new(image), target, trust });
    };
    let source: Arc<dyn Source> =
        Arc::from(image::open_source(session, transport, &reference, &arguments.reached)?);
    let position = consign::source::select(&*source, &image::selector(&reference))
        .with_context(|| format!("looking into `{text}`"))?;
    let root = source.roots().get(position).context("a source's roots changed while they were read")?;
    let target = root.descriptor.clone();
    let trust = Arc::new(judge.source(&*source, &reference)?);
    Ok(Question { source, target, trust })
}

/// The manifests that would be asked about: of an index that of the chosen image, or, where all of it is meant,
/// the index and all it lists.
fn manifests(
    session: &Session,
    arguments: &Explain,
    question: &Question,
    content: &Arc<SourceContent>,
) -> Result<Vec<Descriptor>> {
    if arguments.all_platforms {
        let mut walk = consign::source::Walk::new(&*question.source, session.sandbox());
        walk.start(&question.target)?;
        let mut all = Vec::new();
        while let Some(step) = walk.next()? {
            match &step.found {
                consign::source::Found::Index(_, index) => walk.descend(&step, index.entries.iter())?,
                consign::source::Found::Manifest(..) => {}
                _ => continue,
            }
            all.push(step.descriptor);
        }
        return Ok(all);
    }
    let wanted = Wanted { platform: arguments.platform.clone(), rules: Rules::Docker };
    let options = session.options(&wanted)?;
    let subject = resolution::Subject::Target(question.target.clone());
    let content: Arc<dyn Content> = content.clone();
    let resolved = resolve::resolve(session.sandbox(), content, &subject, &options)?.image;
    Ok(vec![resolved.manifest.unwrap_or_else(|| question.target.clone())])
}

fn show(arguments: &Explain, policy: Option<&Policy>, image: &str, answers: &[Answer]) -> Result<()> {
    let against = answers.iter().find_map(|answer| answer.decision.against());
    let undecided = matches!(against, Some((_, Outcome { verdict: Verdict::Undecided(_), .. })));
    if arguments.format == Format::Json {
        output::json(&json!({
            "image": image,
            "policy": policy.map(Policy::file),
            "accepted": against.is_none(),
            "manifests": answers.iter().map(entry).collect::<Vec<_>>(),
        }))?;
    } else if !arguments.quiet {
        let word = match (&against, undecided) {
            (None, _) => "accepted",
            (Some(_), false) => "refused",
            (Some(_), true) => "undecided",
        };
        match (policy, answers.first()) {
            (Some(policy), Some(answer)) => {
                let scope = &answer.decision.scope;
                output::lines([format!("{image}: {word} by `{}`, {scope}", policy.file())])?;
            }
            _ => output::lines([format!("{image}: {word}: there is no policy")])?,
        }
        if !answers.is_empty() {
            let rows: Vec<Vec<String>> = answers.iter().flat_map(rows).collect();
            output::table(&["MANIFEST", "NUMBER", "REQUIREMENT", "OUTCOME", "REASON"], &rows)?;
        }
    }
    match against {
        None => Ok(()),
        Some((number, outcome)) => {
            let code = if undecided { Code::Unknown } else { Code::No };
            let (_, reason) = told(&outcome.verdict);
            let message = format!(
                "`{image}` is not accepted: requirement {number}, `{}`: {}",
                outcome.requirement,
                reason.unwrap_or_default()
            );
            Err(Failure { code, message, hint: None }.into())
        }
    }
}

fn entry(answer: &Answer) -> Value {
    let scope = match &answer.decision.scope {
        Scope::Default => json!({"transport": null, "scope": null}),
        Scope::Transport { transport, scope } => json!({"transport": transport, "scope": scope}),
    };
    let requirement = |(number, outcome): (usize, &Outcome)| {
        let (word, reason) = told(&outcome.verdict);
        json!({"number": number, "type": outcome.requirement, "outcome": word, "reason": reason})
    };
    json!({
        "digest": answer.digest,
        "matched": scope,
        "accepted": answer.decision.against().is_none(),
        "decided-by": answer.decision.against().map(|(number, _)| number),
        "requirements": (1..).zip(&answer.decision.outcomes).map(requirement).collect::<Vec<_>>(),
    })
}

fn rows(answer: &Answer) -> impl Iterator<Item = Vec<String>> {
    (1..).zip(&answer.decision.outcomes).map(|(number, outcome): (usize, _)| {
        let (word, reason) = told(&outcome.verdict);
        let digest: String = answer.digest.chars().take(19).collect();
        let requirement = outcome.requirement.to_owned();
        vec![digest, number.to_string(), requirement, word.to_owned(), reason.unwrap_or_default()]
    })
}

/// The outcome in a word, and why, with all causes.
fn told(verdict: &Verdict) -> (&'static str, Option<String>) {
    match verdict {
        Verdict::Accepted => ("accepted", None),
        Verdict::Refused(refusal) => ("refused", Some(refusal.to_string())),
        Verdict::Undecided(error) => {
            let mut text = error.to_string();
            let mut cause = std::error::Error::source(error);
            while let Some(next) = cause {
                text.push_str(&format!(": {next}"));
                cause = next.source();
            }
            ("undecided", Some(text))
        }
    }
}
