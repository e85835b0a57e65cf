//! Signatures on their way with an image that is copied, and new ones.

use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;

use cap_std::fs::Dir;
use serde_json::json;

use super::signatures::{file_name, is_simple, lookaside_path, read, signature_tag};
use super::{Signatures, SignaturesError, Signer};
use crate::digest::Digest;
use crate::document::{OCI_CONFIG, described, media_type};
use crate::registry::Repository;
use crate::sandbox::Sandbox;
use crate::save::document::manifest_bytes;
use crate::save::output::NewFile;
use crate::types::Descriptor;
use crate::types::manifests::{Kind, Manifest};
use crate::types::signatures::KeptSignature;

/// What becomes of an image's signatures where it is copied.
pub struct Carrying {
    /// Where those are that it has.
    pub places: Box<dyn Signatures>,
    /// Whoever signs what is written.
    pub signer: Option<Signer>,
    /// Reads documents with signatures.
    pub sandbox: Arc<Sandbox>,
}

impl Carrying {
    /// Those the manifest or the index with this digest has, as files hold them.
    pub(crate) fn of(&self, manifest: &Digest) -> Result<Vec<Vec<u8>>, SignaturesError> {
        self.places.kept(manifest, &self.sandbox)
    }
}

/// Where signatures of what is put into a registry are put.
pub struct Staging {
    /// Opens the lookaside storage (registries.d: `lookaside-staging`), which is made where it is not there. `None`: it is
    /// on a server, which cannot be written to.
    pub storage: Option<Box<dyn Fn() -> io::Result<Dir> + Send + Sync>>,
    /// The repository's path within it.
    pub path: String,
    /// The repository that signatures of sigstore are attached in (`use-sigstore-attachments`). `None`: they are not.
    pub attachments: Option<Repository>,
}

impl Staging {
    /// Whether these signatures of a manifest can be put there; looked at before anything is.
    pub(crate) fn check(&self, manifest: &Digest, signatures: &[Vec<u8>]) -> Result<(), SignaturesError> {
        let simple = signatures.iter().filter(|signature| is_simple(signature)).count();
        if simple > 0 && self.storage.is_none() {
            return Err(SignaturesError::NoStaging);
        }
        if simple < signatures.len() && self.attachments.is_none() {
            return Err(SignaturesError::NotAttached { manifest: manifest.clone() });
        }
        Ok(())
    }

    /// Puts signatures beside the manifest with this digest: of simple signing these and no others, of sigstore these to
    /// those that are there.
    ///
    /// # Errors
    ///
    /// [`SignaturesError`] where they cannot be put there.
    pub fn keep(
        &self,
        manifest: &Digest,
        signatures: &[Vec<u8>],
        sandbox: &Sandbox,
    ) -> Result<(), SignaturesError> {
        self.check(manifest, signatures)?;
        let (simple, attached): (Vec<_>, Vec<_>) =
            signatures.iter().partition(|signature| is_simple(signature));
        if let (Some(storage), false) = (&self.storage, simple.is_empty()) {
            let path = lookaside_path(&self.path, manifest);
            let put = storage().and_then(|storage| replace(&storage, &path, &simple));
            put.map_err(|source| SignaturesError::Write { name: path, source })?;
        }
        match &self.attachments {
            Some(repository) if !attached.is_empty() => attach(repository, manifest, &attached, sandbox),
            _ => Ok(()),
        }
    }
}

/// Puts these signatures into a directory of a storage, and no others.
fn replace(storage: &Dir, path: &str, signatures: &[&Vec<u8>]) -> io::Result<()> {
    storage.create_dir_all(path)?;
    let directory = storage.open_dir(path)?;
    for (number, signature) in (1..).zip(signatures) {
        let name = file_name(number);
        let mut file = NewFile::create(&directory, Path::new(&name))?;
        file.write_all(signature)?;
        file.publish()?;
    }
    // Whoever reads goes on to the first that is not there.
    for number in signatures.len() + 1.. {
        match directory.remove_file(file_name(number)) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => break,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Adds signatures of sigstore to those under cosign's tag.
fn attach(
    repository: &Repository,
    manifest: &Digest,
    signatures: &[&Vec<u8>],
    sandbox: &Sandbox,
) -> Result<(), SignaturesError> {
    let tag = signature_tag(manifest);
    let known = repository.get_manifest(&tag)?;
    let known = known.map(|fetched| read(sandbox, &tag, &fetched.bytes)).transpose()?;
    let mut layers = known.map(|known| known.layers).unwrap_or_default();
    let before = layers.len();
    for signature in signatures {
        let Ok(KeptSignature::Sigstore(signature)) = sandbox.read_signature(signature)? else {
            return Err(SignaturesError::NotAttached { manifest: manifest.clone() });
        };
        let layer = Descriptor {
            annotations: signature.annotations,
            ..blob(repository, &signature.media_type, &signature.payload)?
        };
        if !layers.contains(&layer) {
            layers.push(layer);
        }
    }
    if layers.len() == before {
        return Ok(());
    }
    let payloads: Vec<&str> = layers.iter().map(|layer| layer.digest.as_str()).collect();
    let config = json!({
        "architecture": "", "os": "", "config": {}, "rootfs": {"type": "layers", "diff_ids": payloads},
    });
    let made = Manifest {
        kind: Kind::OciManifest,
        config: blob(repository, OCI_CONFIG, config.to_string().as_bytes())?,
        layers: Vec::new(),
        annotations: Vec::new(),
        artifact_type: None,
        subject: None,
    };
    let bytes = manifest_bytes(&made, &layers);
    Ok(repository.put_manifest(&tag, media_type(Kind::OciManifest), &bytes)?)
}

/// Has a repository have a blob.
fn blob(repository: &Repository, media_type: &str, bytes: &[u8]) -> Result<Descriptor, SignaturesError> {
    let digest = Digest::of(bytes);
    let size = bytes.len() as u64;
    if repository.head_blob(&digest)?.is_none() {
        repository.upload()?.finish_with(&digest, size, &mut io::Cursor::new(bytes))?;
    }
    Ok(described(media_type, &digest, size))
}
