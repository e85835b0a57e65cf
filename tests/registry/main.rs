//! The registry client, against registries that behave and registries that do not.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod authentication;
mod certificate;
mod certificates;
mod hostile;
mod proxied;
mod proxy;
mod reading;
#[allow(dead_code)]
mod server;
mod signatures;
mod slow;
#[allow(dead_code)]
mod tls;
mod writing;

use std::sync::Arc;
use std::time::Duration;

use consign::registry::{Access, Credentials, Patience, Registry, Repository, Secret, Security};
use consign::sandbox::{Limits, Sandbox};
use server::Server;

/// How it is reached: without TLS, and without much waiting.
pub fn access() -> Access {
    Access {
        security: Security::Plain,
        patience: Patience {
            connect: Duration::from_secs(5),
            idle: Duration::from_millis(300),
            slowest: 1 << 10,
            retries: 2,
            pause: Duration::from_millis(5),
            longest_pause: Duration::from_secs(2),
        },
        ..Access::default()
    }
}

pub fn registry(server: &Server, access: Access) -> Registry {
    let sandbox = Arc::new(Sandbox::new(Limits::default()).unwrap());
    Registry::new(&server.name(), access, sandbox).unwrap()
}

/// The repository `a/b` of a server.
pub fn repository(server: &Server) -> Repository {
    registry(server, access()).repository("a/b").unwrap()
}

pub fn user() -> Credentials {
    Credentials::Basic { username: "user".into(), password: Secret::new("hunter2") }
}
