//! policy.json: whether an image may be taken in, decided on its manifest before anything else of it is fetched
//! (containers-policy.json(5)).
//!
//! A [`Policy`] is the file. What holds for an image is found by the image's transport and by its identity in it,
//! the narrowest scope first; all requirements of that scope have to hold. [`Trust`] puts a policy, an image and the
//! places of its signatures together, and is what a load or a pull asks.
//!
//! The files are the machine's own and read here. What is signed, and by whom, is from strangers, and read
//! by the component, keys of OpenPGP included; the host verifies.

mod carrying;
mod decide;
mod document;
mod error;
mod identity;
mod openpgp;
mod registries_d;
mod requirement;
mod scope;
pub(crate) mod signatures;
mod signer;
mod sigstore;

use std::collections::BTreeMap;

use cap_std::fs::Dir;

pub use carrying::{Carrying, Staging};
pub use decide::{Decision, KeyFiles, Outcome, Subject, Trust, Verdict};
pub use error::{BadSignature, DocumentError, PolicyError, Refusal, SignaturesError, Undecided};
pub use registries_d::RegistriesD;
pub use signatures::{
    Attachments, DirectorySignatures, Lookaside, RegistrySignatures, Signature, Signatures, Storage,
};
pub use signer::{Signer, SigningError};

use crate::sandbox::Sandbox;
use crate::text_file;
use crate::types::transports::PolicyScope;
use document::At;
use requirement::Requirement;

/// What a policy file says.
#[derive(Debug)]
pub struct Policy {
    /// What the file is called for people.
    file: String,
    default: Vec<Requirement>,
    /// By transport, then by scope; the empty scope is what else there is of the transport.
    transports: BTreeMap<String, BTreeMap<String, Vec<Requirement>>>,
}

/// The part of a policy that holds for an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// What holds where nothing else does.
    Default,
    /// A scope of a transport; an empty one is the transport's own default.
    Transport {
        /// As `docker`.
        transport: String,
        /// As in the file.
        scope: String,
    },
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Scope::Default => f.write_str("default"),
            Scope::Transport { transport, scope } if scope.is_empty() => write!(f, "all of `{transport}`"),
            Scope::Transport { transport, scope } => write!(f, "`{transport}`, scope `{scope}`"),
        }
    }
}

impl Policy {
    /// Reads a policy's text. `file` is what errors call it.
    ///
    /// # Errors
    ///
    /// [`DocumentError`] for what is no policy: keys that are unknown, missing or there twice, values that cannot
    /// be. Whether key files are there is not looked at yet.
    pub fn parse(file: &str, text: &str, sandbox: &Sandbox) -> Result<Policy, DocumentError> {
        let root = document::json(file, text)?;
        let at = At { file, key: "", node: &root };
        let [default, transports] = at.exactly(["default", "transports"])?;
        let default = default.ok_or_else(|| at.missing("default"))?;
        let mut policy = Policy {
            file: file.to_owned(),
            default: requirements(At { key: "default", node: default, ..at }, sandbox)?,
            transports: BTreeMap::new(),
        };
        let Some(node) = transports else { return Ok(policy) };
        for (transport, node) in (At { key: "transports", node, ..at }).members()? {
            let at = At { key: &format!("transports.{transport}"), node, ..at };
            let mut scopes = BTreeMap::new();
            for (scope, node) in at.members()? {
                if let Some(wanted) = scope::problem(transport, scope) {
                    return Err(At { node, ..at }.value(wanted, format!("the scope `{scope}`")));
                }
                let key = at.below(&format!("`{scope}`")).replace('`', "\"");
                scopes.insert(scope.clone(), requirements(At { key: &key, node, ..at }, sandbox)?);
            }
            policy.transports.insert(transport.clone(), scopes);
        }
        Ok(policy)
    }

    /// Reads a file of a directory. `None`: it is not there. `path` is what errors call it.
    ///
    /// # Errors
    ///
    /// As [`Policy::parse`]; [`DocumentError::Read`] where it cannot be read or has more than a mebibyte.
    pub fn read(
        directory: &Dir,
        name: &str,
        path: &str,
        sandbox: &Sandbox,
    ) -> Result<Option<Policy>, DocumentError> {
        let failed = |source| DocumentError::Read { file: path.to_owned(), source };
        let Some(text) = text_file::read(directory, name).map_err(failed)? else { return Ok(None) };
        Policy::parse(path, &text, sandbox).map(Some)
    }

    /// What the file is called.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// What holds for an image of this transport: the identity's own scope, else the narrowest of those it is in,
    /// else the transport's, else the policy's.
    fn requirements(&self, transport: &str, image: &PolicyScope) -> (Scope, &[Requirement]) {
        if let Some(scopes) = self.transports.get(transport) {
            let all = std::iter::once(&image.identity).chain(&image.namespaces);
            let own = all.map(String::as_str).chain([""]);
            for scope in own {
                if let Some(found) = scopes.get(scope) {
                    let (transport, scope) = (transport.to_owned(), scope.to_owned());
                    return (Scope::Transport { transport, scope }, found);
                }
            }
        }
        (Scope::Default, &self.default)
    }
}

fn requirements(at: At<'_, '_>, sandbox: &Sandbox) -> Result<Vec<Requirement>, DocumentError> {
    let items = at.list()?;
    if items.is_empty() {
        return Err(at.value("at least one requirement", "none"));
    }
    let read = |(position, node)| {
        Requirement::read(At { key: &format!("{}[{position}]", at.key), node, ..at }, sandbox)
    };
    items.iter().enumerate().map(read).collect()
}
