//! What a policy asks of an image, as its file has it.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::DocumentError;
use super::document::{At, Value};
use super::identity::Identity;
use crate::sandbox::Sandbox;

type Result<T> = std::result::Result<T, DocumentError>;

/// One requirement.
#[derive(Debug)]
pub(super) enum Requirement {
    Accept,
    Reject,
    SignedBaseLayer,
    SignedBy {
        keys: Vec<Key>,
        /// A `keyType` that nobody implements.
        unsupported: Option<&'static str>,
        identity: Identity,
    },
    SigstoreSigned {
        keys: Vec<Key>,
        /// A member that is not supported here.
        unsupported: Option<&'static str>,
        identity: Identity,
    },
}

/// A key, or several in one file.
#[derive(Debug)]
pub(super) enum Key {
    Path(String),
    /// The data, and the member it stands in.
    Data(Vec<u8>, String),
}

/// Members of `sigstoreSigned` that say who else has to vouch for a signature.
const UNSUPPORTED: [&str; 6] = [
    "fulcio",
    "pki",
    "rekorPublicKeyPath",
    "rekorPublicKeyPaths",
    "rekorPublicKeyData",
    "rekorPublicKeyDatas",
];

impl Requirement {
    /// Its type, as policies have it.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Requirement::Accept => "insecureAcceptAnything",
            Requirement::Reject => "reject",
            Requirement::SignedBaseLayer => "signedBaseLayer",
            Requirement::SignedBy { .. } => "signedBy",
            Requirement::SigstoreSigned { .. } => "sigstoreSigned",
        }
    }

    pub(super) fn read(at: At<'_, '_>, sandbox: &Sandbox) -> Result<Requirement> {
        match type_of(at)? {
            "insecureAcceptAnything" => at.exactly(["type"]).map(|_| Requirement::Accept),
            "reject" => at.exactly(["type"]).map(|_| Requirement::Reject),
            "signedBaseLayer" => {
                let [_, identity] = at.exactly(["type", "baseLayerIdentity"])?;
                let key = at.below("baseLayerIdentity");
                let node = identity.ok_or_else(|| at.missing("baseLayerIdentity"))?;
                Identity::read(At { key: &key, node, ..at }, sandbox)?;
                Ok(Requirement::SignedBaseLayer)
            }
            "signedBy" => signed_by(at, sandbox),
            "sigstoreSigned" => sigstore_signed(at, sandbox),
            other => {
                let known =
                    "`insecureAcceptAnything`, `reject`, `signedBy`, `sigstoreSigned` or `signedBaseLayer`";
                Err(at.value(known, format!("the type `{other}`")))
            }
        }
    }
}

/// The `type` of an object.
pub(super) fn type_of<'n>(at: At<'_, 'n>) -> Result<&'n str> {
    let members = at.members()?;
    let (_, node) = members.iter().find(|(key, _)| key == "type").ok_or_else(|| at.missing("type"))?;
    At { key: &at.below("type"), node, ..at }.string()
}

fn signed_by(at: At<'_, '_>, sandbox: &Sandbox) -> Result<Requirement> {
    const TYPES: [&str; 4] = ["GPGKeys", "signedByGPGKeys", "X509Certificates", "signedByX509CAs"];
    let names = ["type", "keyType", "keyPath", "keyPaths", "keyData", "signedIdentity"];
    let [_, key_type, path, paths, data, identity] = at.exactly(names)?;
    let key = at.below("keyType");
    let kind = At { key: &key, node: key_type.ok_or_else(|| at.missing("keyType"))?, ..at };
    let text = kind.string()?;
    let Some(name) = TYPES.iter().find(|name| **name == text) else {
        return Err(kind.value("`GPGKeys`", format!("`{text}`")));
    };
    let keys = keys(at, [("keyPath", path), ("keyPaths", paths), ("keyData", data), ("keyDatas", None)])?;
    let Some(keys) = keys else {
        return Err(at.value("one of `keyPath`, `keyPaths` and `keyData`", "none"));
    };
    let unsupported = (*name != "GPGKeys").then_some(*name);
    Ok(Requirement::SignedBy { keys, unsupported, identity: signed_identity(at, identity, sandbox)? })
}

fn sigstore_signed(at: At<'_, '_>, sandbox: &Sandbox) -> Result<Requirement> {
    let [fulcio, pki, one, two, three, four] = UNSUPPORTED;
    let names = [
        "type",
        "keyPath",
        "keyPaths",
        "keyData",
        "keyDatas",
        "signedIdentity",
        fulcio,
        pki,
        one,
        two,
        three,
        four,
    ];
    let [_, path, paths, data, datas, identity, others @ ..] = at.exactly(names)?;
    let keys = keys(at, [("keyPath", path), ("keyPaths", paths), ("keyData", data), ("keyDatas", datas)])?;
    let unsupported = UNSUPPORTED.into_iter().zip(others).find(|(_, node)| node.is_some());
    let unsupported = unsupported.map(|(name, _)| name);
    // Instead of a key there may be authorities, which are not supported.
    let keys = match (keys, unsupported) {
        (None, None) => {
            return Err(at.value("one of `keyPath`, `keyPaths`, `keyData` and `keyDatas`", "none"));
        }
        (keys, _) => keys.unwrap_or_default(),
    };
    Ok(Requirement::SigstoreSigned { keys, unsupported, identity: signed_identity(at, identity, sandbox)? })
}

fn signed_identity(
    at: At<'_, '_>,
    node: Option<&super::document::Node>,
    sandbox: &Sandbox,
) -> Result<Identity> {
    match node {
        None => Ok(Identity::MatchRepoDigestOrExact),
        Some(node) => Identity::read(At { key: &at.below("signedIdentity"), node, ..at }, sandbox),
    }
}

/// The keys of the one member that is there.
fn keys(
    at: At<'_, '_>,
    members: [(&'static str, Option<&super::document::Node>); 4],
) -> Result<Option<Vec<Key>>> {
    let mut there = members.into_iter().filter_map(|(name, node)| Some((name, node?)));
    let Some((name, node)) = there.next() else { return Ok(None) };
    if let Some((other, node)) = there.next() {
        let key = at.below(other);
        return Err(At { key: &key, node, ..at }.value(format!("no other key beside `{name}`"), "one"));
    }
    let key = at.below(name);
    let at = At { key: &key, node, ..at };
    let items: Vec<(String, At<'_, '_>)> = match &node.value {
        Value::List(items) if name.ends_with('s') => {
            items.iter().enumerate().map(|(n, node)| (format!("{key}[{n}]"), At { node, ..at })).collect()
        }
        _ if name.ends_with('s') => return Err(at.list().err().unwrap_or_else(|| at.missing(""))),
        _ => vec![(key.clone(), at)],
    };
    if items.is_empty() {
        return Err(at.value("at least one key", "none"));
    }
    let read = |(key, at): &(String, At<'_, '_>)| {
        let at = At { key, ..*at };
        let text = at.string()?;
        if name.starts_with("keyPath") {
            return match text {
                "" => Err(at.value("a path", "nothing")),
                path => Ok(Key::Path(path.to_owned())),
            };
        }
        match BASE64_STANDARD.decode(text.replace(['\r', '\n'], "")) {
            Ok(data) => Ok(Key::Data(data, key.clone())),
            Err(_) => Err(at.value("base64", "something else")),
        }
    };
    items.iter().map(read).collect::<Result<Vec<_>>>().map(Some)
}
