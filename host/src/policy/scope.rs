//! Which scopes a transport can have.

use std::path::{Component, Path};

/// What should stand where this scope does; `None`: it can be one. Those of transports nobody knows are not
/// looked at, nor those of Docker references: what is none matches nothing.
pub(super) fn problem(transport: &str, scope: &str) -> Option<&'static str> {
    if scope.is_empty() {
        return None;
    }
    match transport {
        "dir" | "oci" | "oci-archive" | "sif" => {
            (!is_clean(scope)).then_some("an absolute path below `/` without `.`, `..` and doubled slashes")
        }
        "docker-archive" | "tarball" => Some("no scope but the empty one"),
        "docker-daemon" if scope.parse::<crate::digest::Digest>().is_ok() => {
            Some("a name: IDs have nothing that they are part of")
        }
        "containers-storage" if !scope.starts_with('[') => Some("a store in brackets first"),
        _ => None,
    }
}

/// Whether a path is written as it would be if it were looked up: two spellings would be two scopes. `/` is what
/// the empty scope means.
fn is_clean(scope: &str) -> bool {
    let path = Path::new(scope);
    let plain = path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    let joined: std::path::PathBuf = path.components().collect();
    scope != "/" && path.is_absolute() && plain && joined.as_os_str() == scope
}
