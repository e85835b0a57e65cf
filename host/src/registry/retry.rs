//! Trying again: which failures pass, and how long to wait for that.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use super::answer::Answer;
use super::{Patience, Registry, RegistryError};

/// Whether a status says that it may be another one soon.
fn is_passing(status: u16) -> bool {
    matches!(status, 408 | 429 | 500 | 502 | 503 | 504)
}

/// Whether a failure may be a success soon. A registry that refuses connections is not there; one whose
/// certificate is wrong stays so.
fn passes(error: &RegistryError) -> bool {
    use std::io::ErrorKind::{
        BrokenPipe, ConnectionAborted, ConnectionReset, Interrupted, TimedOut, UnexpectedEof, WouldBlock,
    };
    match error {
        RegistryError::TimedOut { .. } => true,
        RegistryError::ProxyRefused { status, .. } => is_passing(*status),
        RegistryError::Unreachable { source, .. } => matches!(
            source.kind(),
            BrokenPipe
                | ConnectionAborted
                | ConnectionReset
                | Interrupted
                | TimedOut
                | UnexpectedEof
                | WouldBlock
        ),
        _ => false,
    }
}

impl Patience {
    /// How long to wait before trying again for the `attempt`th time, from 0.
    pub(super) fn pause(&self, attempt: u32) -> Duration {
        let doubled = self.pause.saturating_mul(1 << attempt.min(16));
        // From a half to one and a half: clients that failed together do not come back together.
        let chance = RandomState::new().hash_one(attempt) % 1024;
        let chance = u32::try_from(chance).unwrap_or_default();
        (doubled / 2 + doubled * chance / 1024).min(self.longest_pause)
    }
}

impl Registry {
    /// Runs an exchange again as long as it fails in a way that passes.
    pub(super) fn patiently(
        &self,
        repeatable: bool,
        mut exchange: impl FnMut() -> Result<Answer, RegistryError>,
    ) -> Result<Answer, RegistryError> {
        let patience = &self.0.access.patience;
        let mut attempt = 0;
        loop {
            let last = !repeatable || attempt >= patience.retries;
            let pause = match exchange() {
                Ok(answer) if is_passing(answer.status()) && !last => {
                    self.pause_asked(answer.retry_after()?, attempt, || answer.host())?
                }
                Err(error) if passes(&error) && !last => patience.pause(attempt),
                outcome => return outcome,
            };
            std::thread::sleep(pause);
            attempt += 1;
        }
    }

    /// How long to wait where a registry has said how long, or nothing.
    fn pause_asked(
        &self,
        asked: Option<Duration>,
        attempt: u32,
        host: impl FnOnce() -> String,
    ) -> Result<Duration, RegistryError> {
        let limit = self.0.access.patience.longest_pause;
        match asked {
            Some(after) if after > limit => Err(RegistryError::Busy { host: host(), after, limit }),
            Some(after) => Ok(after),
            None => Ok(self.0.access.patience.pause(attempt)),
        }
    }

    /// Does again what takes several requests, or sends a stream, as long as it fails in a way that passes.
    pub(crate) fn persistently<T>(
        &self,
        mut work: impl FnMut() -> Result<T, RegistryError>,
    ) -> Result<T, RegistryError> {
        let mut attempt = 0;
        loop {
            let error = match work() {
                Err(error) if attempt < self.0.access.patience.retries => error,
                outcome => return outcome,
            };
            let pause = match &error {
                RegistryError::Refused { status, after, .. } if is_passing(*status) => {
                    self.pause_asked(*after, attempt, || self.name().to_owned())?
                }
                // A token was good for the first request and had expired by the last.
                RegistryError::Unauthorized { .. } if attempt == 0 => Duration::ZERO,
                error if passes(error) => self.0.access.patience.pause(attempt),
                _ => return Err(error),
            };
            std::thread::sleep(pause);
            attempt += 1;
        }
    }

    /// How often reading a body may be taken up again without any progress.
    pub(super) fn resumptions(&self) -> u32 {
        self.0.access.patience.retries
    }

    /// Waits before taking up reading a body again.
    pub(super) fn pause(&self, attempt: u32) {
        std::thread::sleep(self.0.access.patience.pause(attempt));
    }
}
