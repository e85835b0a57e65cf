//! Where signatures of images are.

use std::io::{self, Read};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cap_std::fs::Dir;
use serde_json::{Map, Value, json};

use super::SignaturesError;
use crate::digest::Digest;
use crate::document::OCI_MANIFEST;
use crate::registry::{Registry, RegistryError, Repository};
use crate::sandbox::Sandbox;
use crate::types::Descriptor;
use crate::types::manifests::{Document, Manifest};
use crate::types::signatures::{Attachment, KeptSignature, ListedSignature};

/// Bytes of a signature.
const LIMIT: u64 = 4 << 20;
/// Signatures of one manifest from one place.
const MAX_SIGNATURES: usize = 128;
/// Bytes of all of them together.
const TOTAL: u64 = 32 << 20;
/// What a file begins with that holds a signature of one of these formats.
const SIMPLE: &[u8] = b"\0simple-signing\n";
const SIGSTORE: &[u8] = b"\0sigstore-json\n";
/// What cosign calls a manifest of signatures that refers to what it signs.
const SIGNATURE_ARTIFACT: &str = "application/vnd.dev.cosign.artifact.sig.v1+json";

/// A signature, as it was found: nothing of it is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signature {
    /// An OpenPGP message.
    SimpleSigning(Vec<u8>),
    /// A signature of sigstore, or something else that is attached to the image.
    Sigstore(Attachment),
    /// One of a format that is not known: its name.
    Other(String),
}

/// A place signatures are in.
pub trait Signatures: Send + Sync {
    /// Those of the manifest with this digest, in the place's own order; at most 128, of 32 MiB together.
    ///
    /// # Errors
    ///
    /// [`SignaturesError`] where they cannot be read, are more, or are no signatures. That there are none is no error.
    fn of(&self, manifest: &Digest, sandbox: &Sandbox) -> Result<Vec<Signature>, SignaturesError>;

    /// The same as files hold them, to be kept elsewhere.
    ///
    /// # Errors
    ///
    /// As [`of`](Signatures::of).
    fn kept(&self, manifest: &Digest, sandbox: &Sandbox) -> Result<Vec<Vec<u8>>, SignaturesError>;
}

/// Nowhere: what archives and layouts have.
impl Signatures for () {
    fn of(&self, _: &Digest, _: &Sandbox) -> Result<Vec<Signature>, SignaturesError> {
        Ok(Vec::new())
    }

    fn kept(&self, _: &Digest, _: &Sandbox) -> Result<Vec<Vec<u8>>, SignaturesError> {
        Ok(Vec::new())
    }
}

/// Several places, one after the other.
impl Signatures for Vec<Box<dyn Signatures>> {
    fn of(&self, manifest: &Digest, sandbox: &Sandbox) -> Result<Vec<Signature>, SignaturesError> {
        let mut all = Vec::new();
        for place in self {
            all.extend(place.of(manifest, sandbox)?);
        }
        Ok(all)
    }

    fn kept(&self, manifest: &Digest, sandbox: &Sandbox) -> Result<Vec<Vec<u8>>, SignaturesError> {
        let mut all = Vec::new();
        for place in self {
            all.extend(place.kept(manifest, sandbox)?);
        }
        Ok(all)
    }
}

/// Those in an image directory, `signature-1` and so on; of a manifest below an index `HEX.signature-1`.
pub struct DirectorySignatures {
    /// The image directory.
    pub directory: Dir,
    /// The digest of its `manifest.json`.
    pub root: Digest,
}

impl DirectorySignatures {
    fn numbered(&self, manifest: &Digest) -> Result<Vec<(String, Vec<u8>)>, SignaturesError> {
        numbered(|number| {
            let name = in_directory(manifest, manifest == &self.root, number);
            Ok((file(&self.directory, &name)?, name))
        })
    }
}

impl Signatures for DirectorySignatures {
    fn of(&self, manifest: &Digest, sandbox: &Sandbox) -> Result<Vec<Signature>, SignaturesError> {
        parsed(sandbox, self.numbered(manifest)?)
    }

    fn kept(&self, manifest: &Digest, _: &Sandbox) -> Result<Vec<Vec<u8>>, SignaturesError> {
        Ok(self.numbered(manifest)?.into_iter().map(|(_, bytes)| bytes).collect())
    }
}

/// A lookaside storage (registries.d): `REPOSITORY@ALGORITHM=HEX/signature-1` and so on.
pub struct Lookaside {
    /// The storage.
    pub storage: Storage,
    /// What comes before the `@`: within a directory, or of a URL its path.
    pub path: String,
}

/// Where a lookaside storage is.
pub enum Storage {
    /// On this machine. `None`: the directory is not there, and so are no signatures.
    Directory(Option<Dir>),
    /// On a server of HTTP.
    Server(Registry),
}

/// What comes before the number of a file with a signature.
pub(crate) const FILE: &str = "signature-";

/// The file of a signature, which are counted from 1.
pub(super) fn file_name(number: usize) -> String {
    format!("{FILE}{number}")
}

/// The file of a signature of a manifest in an image directory. `root`: the image is that manifest.
pub(crate) fn in_directory(manifest: &Digest, root: bool, number: usize) -> String {
    let prefix = if root { String::new() } else { format!("{}.", manifest.hex()) };
    format!("{prefix}{}", file_name(number))
}

/// Where in a lookaside storage signatures of a manifest are.
pub(super) fn lookaside_path(path: &str, manifest: &Digest) -> String {
    format!("{path}@{}={}", manifest.algorithm().name(), manifest.hex())
}

impl Lookaside {
    fn numbered(&self, manifest: &Digest) -> Result<Vec<(String, Vec<u8>)>, SignaturesError> {
        let of = lookaside_path(&self.path, manifest);
        numbered(|number| {
            let name = format!("{of}/{}", file_name(number));
            let bytes = match &self.storage {
                Storage::Directory(None) => None,
                Storage::Directory(Some(directory)) => file(directory, &name)?,
                Storage::Server(server) => server.get_file(&name, LIMIT)?,
            };
            Ok((bytes, name))
        })
    }
}

impl Signatures for Lookaside {
    fn of(&self, manifest: &Digest, sandbox: &Sandbox) -> Result<Vec<Signature>, SignaturesError> {
        parsed(sandbox, self.numbered(manifest)?)
    }

    fn kept(&self, manifest: &Digest, _: &Sandbox) -> Result<Vec<Vec<u8>>, SignaturesError> {
        Ok(self.numbered(manifest)?.into_iter().map(|(_, bytes)| bytes).collect())
    }
}

/// Where a registry says that it keeps signatures itself those, else those of the lookaside storage: as with the
/// peers never both.
pub struct RegistrySignatures {
    /// Where the image is.
    pub repository: Repository,
    /// Where its signatures are else.
    pub lookaside: Lookaside,
}

impl Signatures for RegistrySignatures {
    fn of(&self, manifest: &Digest, sandbox: &Sandbox) -> Result<Vec<Signature>, SignaturesError> {
        let Some(list) = self.repository.signatures(manifest)? else {
            return self.lookaside.of(manifest, sandbox);
        };
        let signature = |listed| match listed {
            ListedSignature::SimpleSigning(message) => Signature::SimpleSigning(message),
            ListedSignature::Other(name) => Signature::Other(name),
        };
        Ok(list.into_iter().map(signature).collect())
    }

    fn kept(&self, manifest: &Digest, sandbox: &Sandbox) -> Result<Vec<Vec<u8>>, SignaturesError> {
        let Some(list) = self.repository.signatures(manifest)? else {
            return self.lookaside.kept(manifest, sandbox);
        };
        let message = |listed| match listed {
            ListedSignature::SimpleSigning(message) => Some(message).filter(|message| is_simple(message)),
            ListedSignature::Other(_) => None,
        };
        Ok(list.into_iter().filter_map(message).collect())
    }
}

/// What cosign attaches to an image in its own repository: under the tag `sha256-HEX.sig`, and as manifests that
/// refer to it.
pub struct Attachments(pub Repository);

impl Signatures for Attachments {
    fn of(&self, manifest: &Digest, sandbox: &Sandbox) -> Result<Vec<Signature>, SignaturesError> {
        let tag = signature_tag(manifest);
        let mut found = Collected::default();
        match self.0.get_manifest(&tag)? {
            // What the registry calls it counts: so it is with the peers.
            Some(fetched) if fetched.media_type != OCI_MANIFEST => {
                return Err(attachments(
                    &tag,
                    format!("wanted `{OCI_MANIFEST}`, found `{}`", fetched.media_type),
                ));
            }
            Some(fetched) => self.add_layers(&read(sandbox, &tag, &fetched.bytes)?, &mut found)?,
            None => {}
        }
        let referrers = self.0.referrers(manifest, Some(SIGNATURE_ARTIFACT))?;
        // Those that hold none are asked for all the same. None is left out unsaid: who copies an image takes all along.
        found.expect(referrers.len())?;
        for referrer in referrers {
            if let Some(fetched) = self.0.get_manifest(&referrer.digest)? {
                self.add_layers(&read(sandbox, &referrer.digest, &fetched.bytes)?, &mut found)?;
            }
        }
        Ok(found.signatures)
    }

    fn kept(&self, manifest: &Digest, sandbox: &Sandbox) -> Result<Vec<Vec<u8>>, SignaturesError> {
        let found = self.of(manifest, sandbox)?.into_iter();
        Ok(found.filter_map(|signature| as_file(&signature)).collect())
    }
}

/// A signature of sigstore as containers/image keeps it in files. `None`: it is another.
fn as_file(signature: &Signature) -> Option<Vec<u8>> {
    let Signature::Sigstore(attachment) = signature else { return None };
    let annotations: Map<String, Value> =
        attachment.annotations.iter().map(|(key, value)| (key.clone(), json!(value))).collect();
    let document = json!({
        "mimeType": attachment.media_type,
        "payload": BASE64_STANDARD.encode(&attachment.payload),
        "annotations": annotations,
    });
    Some([SIGSTORE, document.to_string().as_bytes()].concat())
}

/// Whether a file is of a signature of simple signing, which is as it is, or says so.
pub(super) fn is_simple(bytes: &[u8]) -> bool {
    !bytes.starts_with(b"\0") || bytes.starts_with(SIMPLE)
}

impl Attachments {
    /// Adds all layers of a manifest of attachments; which of them are signatures their media types say.
    fn add_layers(
        &self,
        manifest: &Manifest,
        found: &mut Collected<Signature>,
    ) -> Result<(), SignaturesError> {
        found.expect(manifest.layers.len())?;
        for layer in &manifest.layers {
            found.count(layer.size)?;
            found.signatures.push(Signature::Sigstore(Attachment {
                media_type: layer.media_type.clone(),
                payload: self.payload(layer)?,
                annotations: layer.annotations.clone(),
            }));
        }
        Ok(())
    }

    fn payload(&self, layer: &Descriptor) -> Result<Vec<u8>, SignaturesError> {
        if layer.size > LIMIT {
            return Err(SignaturesError::TooMany { what: "bytes of a signature", limit: LIMIT as usize });
        }
        let digest: Digest =
            layer.digest.parse().map_err(|error| attachments(&layer.digest, format!("{error}")))?;
        let gone = || attachments(&layer.digest, "it is listed, and not there".to_owned());
        let mut reader = self.0.get_blob(&digest, layer.size)?.ok_or_else(gone)?;
        let mut payload = Vec::new();
        let read = reader.by_ref().take(LIMIT + 1).read_to_end(&mut payload);
        read.map_err(|source| match source.downcast::<RegistryError>() {
            Ok(error) => error.into(),
            Err(source) => SignaturesError::Read { name: layer.digest.clone(), source },
        })?;
        Ok(payload)
    }
}

/// The tag that cosign attaches signatures under.
pub(super) fn signature_tag(manifest: &Digest) -> String {
    format!("{}-{}.sig", manifest.algorithm().name(), manifest.hex())
}

fn attachments(name: &str, reason: String) -> SignaturesError {
    SignaturesError::Attachments { name: name.to_owned(), reason }
}

pub(super) fn read(sandbox: &Sandbox, name: &str, bytes: &[u8]) -> Result<Manifest, SignaturesError> {
    match sandbox.parse_manifest(bytes, Some(OCI_MANIFEST))? {
        Ok(Document::Manifest(manifest)) => Ok(manifest),
        Ok(Document::Index(_)) => Err(attachments(name, "wanted a manifest, found an index".to_owned())),
        Err(problem) => Err(attachments(name, crate::resolve::document(&problem))),
    }
}

/// Signatures from one place, within the bounds of their number and size.
struct Collected<T> {
    signatures: Vec<T>,
    bytes: u64,
}

impl<T> Default for Collected<T> {
    fn default() -> Self {
        Collected { signatures: Vec::new(), bytes: 0 }
    }
}

impl<T> Collected<T> {
    /// Whether so many more may come.
    fn expect(&self, more: usize) -> Result<(), SignaturesError> {
        if self.signatures.len().saturating_add(more) > MAX_SIGNATURES {
            return Err(SignaturesError::TooMany { what: "signatures", limit: MAX_SIGNATURES });
        }
        Ok(())
    }

    /// Counts the bytes of one that comes.
    fn count(&mut self, bytes: u64) -> Result<(), SignaturesError> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > TOTAL {
            return Err(SignaturesError::TooMany { what: "bytes of signatures", limit: TOTAL as usize });
        }
        Ok(())
    }
}

/// Signatures that are numbered from 1, up to the first that is not there, and what they are called.
fn numbered(
    read: impl Fn(usize) -> Result<(Option<Vec<u8>>, String), SignaturesError>,
) -> Result<Vec<(String, Vec<u8>)>, SignaturesError> {
    let mut found = Collected::default();
    loop {
        let (Some(bytes), name) = read(found.signatures.len() + 1)? else { return Ok(found.signatures) };
        found.expect(1)?;
        found.count(bytes.len() as u64)?;
        found.signatures.push((name, bytes));
    }
}

fn parsed(sandbox: &Sandbox, files: Vec<(String, Vec<u8>)>) -> Result<Vec<Signature>, SignaturesError> {
    let signature = |(name, bytes): (String, Vec<u8>)| {
        Ok(match sandbox.read_signature(&bytes)? {
            Ok(KeptSignature::SimpleSigning(offset)) => {
                let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
                Signature::SimpleSigning(bytes[start..].to_vec())
            }
            Ok(KeptSignature::Sigstore(attachment)) => Signature::Sigstore(attachment),
            Ok(KeptSignature::Other(name)) => Signature::Other(name),
            Err(problem) => return Err(SignaturesError::Kept { name, problem }),
        })
    };
    files.into_iter().map(signature).collect()
}

/// A file with a signature. `None`: it is not there.
fn file(directory: &Dir, name: &str) -> Result<Option<Vec<u8>>, SignaturesError> {
    let failed = |source| SignaturesError::Read { name: name.to_owned(), source };
    let mut bytes = Vec::new();
    let read = match directory.metadata(name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => Err(error),
        // Opening a pipe would wait for its writer.
        Ok(metadata) if !metadata.is_file() => Err(io::ErrorKind::InvalidInput.into()),
        Ok(_) => directory.open(name).and_then(|file| file.take(LIMIT + 1).read_to_end(&mut bytes)),
    };
    match read {
        Ok(_) if bytes.len() as u64 > LIMIT => Err(failed(io::ErrorKind::FileTooLarge.into())),
        Ok(_) => Ok(Some(bytes)),
        Err(error) => Err(failed(error)),
    }
}
