//! What can go wrong with a daemon.

use std::io;

use crate::registry::tls;

/// A daemon cannot be reached, or did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DaemonError {
    /// Nothing that a daemon can be at.
    #[error(
        "wanted unix://PATH, tcp://HOST:PORT, https://HOST:PORT, or http://HOST:PORT of this machine, found `{found}`"
    )]
    Address {
        /// As it was given.
        found: String,
    },
    /// A request did not come to an answer.
    #[error("the request `{path}` to the Docker daemon failed")]
    Request {
        /// What was asked for, without the version.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// Something answered that does not say which API it speaks.
    #[error("wanted a Docker daemon at `{address}`, found something else")]
    NoDaemon {
        /// Where.
        address: String,
    },
    /// The daemon refused.
    #[error("the Docker daemon answered `{path}` with {status}: {message}")]
    Refused {
        /// What was asked for, without the version.
        path: String,
        /// The status of HTTP.
        status: u16,
        /// What it said; printable, and not long.
        message: String,
    },
    /// An answer is not what it should be.
    #[error("the Docker daemon's answer to `{path}` is not one")]
    Answer {
        /// What was asked for, without the version.
        path: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The daemon took an archive, and did not like it.
    #[error("the Docker daemon did not take the image: {message}")]
    Load {
        /// What it said; printable, and not long.
        message: String,
    },
    /// An archive is much larger than the image that is in it.
    #[error("wanted at most {limit} bytes of an archive from the Docker daemon, found more")]
    Endless {
        /// Bytes read.
        limit: u64,
    },
}

pub(super) fn request(path: &str, error: ureq::Error) -> DaemonError {
    let source = match error {
        ureq::Error::Io(source) => match tls::refusal(&source) {
            Some(reason) => io::Error::new(source.kind(), reason),
            None => source,
        },
        ureq::Error::Timeout(_) => io::ErrorKind::TimedOut.into(),
        error => io::Error::other(error),
    };
    DaemonError::Request { path: path.to_owned(), source }
}

/// What a daemon said, fit to be shown.
pub(super) fn printable(text: &str) -> String {
    const MOST: usize = 1000;
    let shown = |character: char| if character.is_control() { ' ' } else { character };
    let mut text: String = text.trim().chars().take(MOST + 1).map(shown).collect();
    if let Some((end, _)) = text.char_indices().nth(MOST) {
        text.truncate(end);
        text.push('…');
    }
    text
}
