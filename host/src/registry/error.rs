//! What can go wrong between here and a registry. No error has a secret: URLs are told without their queries,
//! which may be signatures, and headers that are sent are not told at all.

use std::io;
use std::time::Duration;

use crate::digest::{Digest, DigestMismatch};
use crate::sandbox::SandboxError;
use crate::types::registries::RegistryProblem;

/// A registry did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// There is no connection, or it broke.
    #[error("no answer from `{host}`")]
    Unreachable {
        /// `host[:port]`.
        host: String,
        /// Why.
        source: io::Error,
    },
    /// Nothing came for too long.
    #[error("no answer from `{host}` in time: {what}")]
    TimedOut {
        /// `host[:port]`.
        host: String,
        /// What was waited for.
        what: String,
    },
    /// The certificate that is shown is not accepted, by one side or the other.
    #[error("`{host}`: {reason}")]
    Untrusted {
        /// `host[:port]`.
        host: String,
        /// Whose certificate, and why.
        reason: String,
    },
    /// What the request was to go through does not pass it on.
    #[error("wanted a way to `{host}` through the proxy `{proxy}`, which answered with status {status}")]
    ProxyRefused {
        /// `host:port` of the proxy.
        proxy: String,
        /// `host[:port]` of who was asked.
        host: String,
        /// Of HTTP; 407 where the proxy wants other credentials.
        status: u16,
    },
    /// The registry, or what it redirected to, said no.
    #[error("{method} `{url}`: status {status}{}", told(.problems))]
    Refused {
        /// As `GET`.
        method: String,
        /// Without its query.
        url: String,
        /// Of HTTP.
        status: u16,
        /// When to ask again, if it says so.
        after: Option<Duration>,
        /// What the registry says about it.
        problems: Vec<RegistryProblem>,
    },
    /// It asks for credentials, and there are none or not the right ones.
    #[error("`{host}` wants other credentials{}", told(.problems))]
    Unauthorized {
        /// `host[:port]`.
        host: String,
        /// Whether some were sent.
        sent: bool,
        /// What the registry says about it.
        problems: Vec<RegistryProblem>,
    },
    /// It wants to be left alone for longer than is waited.
    #[error(
        "`{host}` wants to be asked again in {after:?}, which is more than the {limit:?} that are waited"
    )]
    Busy {
        /// `host[:port]`.
        host: String,
        /// As it says.
        after: Duration,
        /// The most that is waited.
        limit: Duration,
    },
    /// It asks to be authenticated with in no way that is known here.
    #[error("`{host}` wants to be authenticated with by {offered}; `Basic` and `Bearer` are known here")]
    NoKnownChallenge {
        /// `host[:port]`.
        host: String,
        /// What it offers.
        offered: String,
    },
    /// It points where nothing is sent.
    #[error("`{host}` points to `{found}`: {reason}")]
    ForbiddenPlace {
        /// `host[:port]` of who points there.
        host: String,
        /// Without its query.
        found: String,
        /// Why nothing is sent there.
        reason: &'static str,
    },
    /// One redirect too many.
    #[error("`{host}` redirects more than {limit} times")]
    TooManyRedirects {
        /// `host[:port]`.
        host: String,
        /// How many are followed.
        limit: u32,
    },
    /// An answer is not what it should be.
    #[error("the answer of `{url}` is not valid: {reason}")]
    Answer {
        /// Without its query.
        url: String,
        /// What was wanted and what found.
        reason: String,
    },
    /// An answer is larger than is read.
    #[error("wanted at most {limit} bytes from `{url}`, found more")]
    TooLarge {
        /// Without its query.
        url: String,
        /// The most that is read.
        limit: u64,
    },
    /// Content is not as long as it should be.
    #[error("wanted {wanted} bytes for `{digest}`, found {found}")]
    SizeMismatch {
        /// The content.
        digest: Digest,
        /// Bytes announced.
        wanted: u64,
        /// Bytes found, or one more than announced.
        found: u64,
    },
    /// Content is another than was asked for.
    #[error(transparent)]
    DigestMismatch(#[from] DigestMismatch),
    /// Lists do not end.
    #[error("the list of `{url}` has more than {limit} {what}")]
    Endless {
        /// Without its query.
        url: String,
        /// What there is too much of.
        what: &'static str,
        /// How many are read.
        limit: usize,
    },
    /// A name cannot be a repository's or a registry's.
    #[error("wanted {wanted}, found `{found}`")]
    Name {
        /// What it should have been.
        wanted: &'static str,
        /// What it is.
        found: String,
    },
    /// A file of certificates or keys cannot be used.
    #[error("`{file}`: {reason}")]
    Certificate {
        /// The file.
        file: String,
        /// What was wanted, or why it cannot be read.
        reason: String,
    },
    /// A proxy cannot be one.
    #[error("`{variable}`: wanted a proxy's URL of `http` or `https`, found something else")]
    Proxy {
        /// The variable that names it.
        variable: String,
    },
    /// What is to be sent could not be read.
    #[error("reading what is to be sent failed")]
    Input {
        /// Why.
        source: io::Error,
    },
    /// The component did not answer.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
}

impl RegistryError {
    /// Whether this says that what was asked for is not there.
    pub fn is_absent(&self) -> bool {
        matches!(self, RegistryError::Refused { status: 404, .. })
    }

    /// As an error of reading.
    pub(crate) fn into_io(self) -> io::Error {
        io::Error::other(self)
    }
}

fn told(problems: &[RegistryProblem]) -> String {
    let mut text = String::new();
    for problem in problems {
        let separator = if text.is_empty() { ": " } else { "; " };
        let between = if problem.code.is_empty() || problem.message.is_empty() { "" } else { ", " };
        text.push_str(&format!("{separator}{}{between}{}", problem.code, problem.message));
    }
    text
}
