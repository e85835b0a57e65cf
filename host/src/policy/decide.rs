//! Whether an image may be taken in.

use std::io;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::identity::Identity;
use super::openpgp::Keyring;
use super::requirement::{Key, Requirement};
use super::sigstore::PublicKey;
use super::{BadSignature, Policy, PolicyError, Refusal, Scope, Signature, Signatures, Undecided};
use crate::clock;
use crate::digest::Digest;
use crate::sandbox::{Sandbox, SandboxError};
use crate::types::ImageName;
use crate::types::signatures::{Attachment, SignatureForm};
use crate::types::transports::PolicyScope;

/// The media type of what sigstore signs, and the annotation that has the signature, in base64.
const SIMPLE_SIGNING: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";

/// Reads the key files that policies name, by their paths.
pub type KeyFiles = dyn Fn(&str) -> io::Result<Vec<u8>> + Send + Sync;

/// The image that is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// As people know it, with its transport.
    pub shown: String,
    /// As `docker`.
    pub transport: String,
    /// Where trust in it is looked up.
    pub scope: PolicyScope,
    /// What it is called, where it goes by a name: with either a tag or a digest.
    pub name: Option<ImageName>,
}

/// A policy, asked about one image.
pub struct Trust {
    /// The policy.
    pub policy: Arc<Policy>,
    /// The image.
    pub subject: Subject,
    /// Where its signatures are.
    pub signatures: Box<dyn Signatures>,
    /// Where key files are read.
    pub key_files: Box<KeyFiles>,
    /// Reads what is signed.
    pub sandbox: Arc<Sandbox>,
}

/// What came of it.
#[derive(Debug)]
pub struct Decision {
    /// The part of the policy that holds.
    pub scope: Scope,
    /// Of each requirement, in order.
    pub outcomes: Vec<Outcome>,
}

/// What came of one requirement.
#[derive(Debug)]
pub struct Outcome {
    /// The requirement's type.
    pub requirement: &'static str,
    /// Whether it holds.
    pub verdict: Verdict,
}

/// Whether a requirement holds.
#[derive(Debug)]
pub enum Verdict {
    /// It does.
    Accepted,
    /// It does not.
    Refused(Refusal),
    /// It cannot be told.
    Undecided(Undecided),
}

impl std::fmt::Debug for Trust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trust").field("policy", &self.policy.file).field("subject", &self.subject).finish()
    }
}

impl Trust {
    /// Asks whether the image with this manifest, or this index, may be taken in: up to the first requirement that
    /// does not hold.
    ///
    /// # Errors
    ///
    /// [`PolicyError::Refused`], and [`PolicyError::Undecided`] where that cannot be told: then it may not.
    pub fn admit(&self, manifest: &[u8]) -> Result<(), PolicyError> {
        let (scope, requirements) = self.requirements();
        let asked = Asked { trust: self, digest: Digest::of(manifest) };
        for (number, requirement) in (1..).zip(requirements) {
            let (image, scope) = (self.subject.shown.clone(), scope.to_string());
            let name = requirement.name();
            match asked.about(requirement) {
                Verdict::Accepted => {}
                Verdict::Refused(refusal) => {
                    return Err(PolicyError::Refused { image, scope, number, requirement: name, refusal });
                }
                Verdict::Undecided(source) => {
                    return Err(PolicyError::Undecided { image, scope, number, requirement: name, source });
                }
            }
        }
        Ok(())
    }

    /// The same, for people: asks every requirement.
    pub fn explain(&self, manifest: &[u8]) -> Decision {
        let (scope, requirements) = self.requirements();
        let asked = Asked { trust: self, digest: Digest::of(manifest) };
        let outcome = |requirement: &Requirement| Outcome {
            requirement: requirement.name(),
            verdict: asked.about(requirement),
        };
        Decision { scope, outcomes: requirements.iter().map(outcome).collect() }
    }

    fn requirements(&self) -> (Scope, &[Requirement]) {
        self.policy.requirements(&self.subject.transport, &self.subject.scope)
    }
}

impl Decision {
    /// The first requirement that does not hold, and its number from 1. `None`: all do.
    pub fn against(&self) -> Option<(usize, &Outcome)> {
        let mut outcomes = (1..).zip(&self.outcomes);
        outcomes.find(|(_, outcome)| !matches!(outcome.verdict, Verdict::Accepted))
    }
}

/// One manifest that is asked about.
struct Asked<'a> {
    trust: &'a Trust,
    /// By SHA-256: signatures speak of no other.
    digest: Digest,
}

type Checked = Result<Result<(), BadSignature>, Undecided>;

impl Asked<'_> {
    fn about(&self, requirement: &Requirement) -> Verdict {
        let answer = match requirement {
            Requirement::Accept => Ok(Ok(())),
            Requirement::Reject => Ok(Err(Refusal::Everything)),
            Requirement::SignedBaseLayer => Ok(Err(Refusal::Unimplemented)),
            Requirement::SignedBy { unsupported: Some(name), .. }
            | Requirement::SigstoreSigned { unsupported: Some(name), .. } => {
                Err(Undecided::Unsupported(name))
            }
            Requirement::SignedBy { keys, identity, .. } => self.signed_by(keys, identity),
            Requirement::SigstoreSigned { keys, identity, .. } => self.sigstore_signed(keys, identity),
        };
        match answer {
            Ok(Ok(())) => Verdict::Accepted,
            Ok(Err(refusal)) => Verdict::Refused(refusal),
            Err(undecided) => Verdict::Undecided(undecided),
        }
    }

    fn signed_by(&self, keys: &[Key], identity: &Identity) -> Result<Result<(), Refusal>, Undecided> {
        let mut keyring = Keyring::default();
        for key in keys {
            let (shown, bytes) = self.read(key)?;
            let added = keyring.add(&bytes, &self.trust.sandbox)?;
            added.map_err(|reason| Undecided::Key { key: shown, reason })?;
        }
        self.one_of(|signature| match signature {
            Signature::SimpleSigning(message) => Some(self.simple(&keyring, message, identity)),
            _ => None,
        })
    }

    fn sigstore_signed(&self, keys: &[Key], identity: &Identity) -> Result<Result<(), Refusal>, Undecided> {
        let mut trusted = Vec::new();
        for key in keys {
            let (shown, bytes) = self.read(key)?;
            let key = PublicKey::read(&bytes).map_err(|reason| Undecided::Key { key: shown, reason })?;
            trusted.push(key);
        }
        self.one_of(|signature| match signature {
            Signature::Sigstore(attachment) if attachment.media_type == SIMPLE_SIGNING => {
                Some(self.sigstore(&trusted, attachment, identity))
            }
            _ => None,
        })
    }

    /// Whether one of the image's signatures is good. `check` passes over those of another form.
    fn one_of(
        &self,
        mut check: impl FnMut(&Signature) -> Option<Checked>,
    ) -> Result<Result<(), Refusal>, Undecided> {
        let signatures = self.trust.signatures.of(&self.digest, &self.trust.sandbox)?;
        let mut bad = Vec::new();
        let mut others = 0;
        for signature in &signatures {
            match check(signature).transpose()? {
                None => others += 1,
                Some(Ok(())) => return Ok(Ok(())),
                Some(Err(reason)) => bad.push(reason),
            }
        }
        Ok(Err(if bad.is_empty() { Refusal::NoSignature { others } } else { Refusal::Signatures(bad) }))
    }

    fn simple(&self, keyring: &Keyring, message: &[u8], identity: &Identity) -> Checked {
        match keyring.verify(message, clock::now(), &self.trust.sandbox)? {
            Ok(payload) => Ok(self.claimed(&payload, SignatureForm::SimpleSigning, identity)?),
            Err(reason) => Ok(Err(reason)),
        }
    }

    fn sigstore(&self, keys: &[PublicKey], attachment: &Attachment, identity: &Identity) -> Checked {
        let invalid = |reason: &str| Ok(Err(BadSignature::Invalid(reason.to_owned())));
        let found = attachment.annotations.iter().find(|(name, _)| name == SIGNATURE);
        let Some((_, text)) = found else {
            return invalid("wanted the annotation `dev.cosignproject.cosign/signature`, found none");
        };
        let Ok(signature) = BASE64_STANDARD.decode(text.replace(['\r', '\n'], "")) else {
            return invalid("wanted base64 in `dev.cosignproject.cosign/signature`, found something else");
        };
        if !keys.iter().any(|key| key.verifies(&attachment.payload, &signature)) {
            return invalid("it is not made by a key that is trusted");
        }
        Ok(self.claimed(&attachment.payload, SignatureForm::Sigstore, identity)?)
    }

    /// Whether what is signed is this image.
    fn claimed(
        &self,
        payload: &[u8],
        form: SignatureForm,
        identity: &Identity,
    ) -> Result<Result<(), BadSignature>, SandboxError> {
        let sandbox = &self.trust.sandbox;
        let claim = match sandbox.read_claim(payload, form)? {
            Ok(claim) => claim,
            Err(problem) => {
                let reason = format!("byte {}: {}", problem.offset, problem.reason);
                return Ok(Err(BadSignature::Payload(reason)));
            }
        };
        if claim.manifest_digest != self.digest.to_string() {
            let (wanted, found) = (self.digest.clone(), shortened(&claim.manifest_digest));
            return Ok(Err(BadSignature::Manifest { wanted, found }));
        }
        let name = self.trust.subject.name.as_ref();
        if identity.matches(sandbox, name, &claim.reference)? {
            return Ok(Ok(()));
        }
        let wanted = match name {
            Some(name) => format!("{identity} of `{}`", crate::resolve::name(name)),
            None => format!("{identity}, and the image has no name"),
        };
        Ok(Err(BadSignature::Identity { wanted, found: shortened(&claim.reference) }))
    }

    /// A key's bytes, and what it is called for people.
    fn read(&self, key: &Key) -> Result<(String, Vec<u8>), Undecided> {
        match key {
            Key::Path(path) => match (self.trust.key_files)(path) {
                Ok(bytes) => Ok((format!("`{path}`"), bytes)),
                Err(source) => Err(Undecided::KeyFile { path: path.clone(), source }),
            },
            Key::Data(bytes, place) => {
                Ok((format!("`{}`, `{place}`", self.trust.policy.file), bytes.clone()))
            }
        }
    }
}

/// A text from a signature, of a length fit for an error.
fn shortened(text: &str) -> String {
    text.chars().take(300).collect()
}
