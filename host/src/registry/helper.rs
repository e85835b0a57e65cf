//! Credential helpers: programs that keep credentials (docker-credential-helpers).
//!
//! A helper is trusted to have the credentials, not to end or to say little: it gets a time and a size.

use std::io::{Read, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Credentials, Secret};

/// Bytes of an answer.
const ANSWER_LIMIT: u64 = 64 << 10;
/// What a helper calls the user of an identity token.
const TOKEN_USER: &str = "<token>";
/// What a helper says that has nothing; there is no other way to tell.
const NOT_FOUND: &str = "credentials not found";

/// A helper did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HelperError {
    /// There is no such program, or it cannot be run.
    #[error("`{program}` cannot be run")]
    Run {
        /// The program.
        program: String,
        /// Why.
        source: std::io::Error,
    },
    /// It did not end.
    #[error("`{program} {action}` did not end within {limit:?}")]
    TimedOut {
        /// The program.
        program: String,
        /// What it was asked for.
        action: &'static str,
        /// How long it was waited for.
        limit: Duration,
    },
    /// It failed, or said something that cannot be. What it said is not repeated.
    #[error("`{program} {action}`: wanted {wanted}, found {found}")]
    Answer {
        /// The program.
        program: String,
        /// What it was asked for.
        action: &'static str,
        /// What it should have said.
        wanted: &'static str,
        /// What it did.
        found: String,
    },
}

/// A credential helper.
#[derive(Debug, Clone)]
pub struct Helper {
    program: String,
    limit: Duration,
}

impl Helper {
    /// The helper `docker-credential-NAME`, which has this long to answer.
    ///
    /// # Errors
    ///
    /// [`HelperError::Run`] for a name that is a path.
    pub fn new(name: &str, limit: Duration) -> Result<Helper, HelperError> {
        let program = format!("docker-credential-{name}");
        if name.is_empty() || name.contains(['/', '\0']) {
            return Err(HelperError::Run { program, source: std::io::ErrorKind::InvalidFilename.into() });
        }
        Ok(Helper { program, limit })
    }

    /// The credentials of a server. `None`: it has none.
    ///
    /// # Errors
    ///
    /// [`HelperError`] where the helper does not answer, or not with credentials.
    pub fn get(&self, server: &str) -> Result<Option<Credentials>, HelperError> {
        let (success, answer) = self.run("get", server.as_bytes())?;
        if !success {
            let said = String::from_utf8_lossy(&answer);
            if said.contains(NOT_FOUND) {
                return Ok(None);
            }
            return Err(self.failed("get"));
        }
        let wanted =
            |found: &str| self.answer("get", "an object with `Username` and `Secret`", found.to_owned());
        let value: Value = serde_json::from_slice(&answer).map_err(|_| wanted("something else"))?;
        let text = |member: &str| value.get(member).and_then(Value::as_str);
        let (Some(username), Some(secret)) = (text("Username"), text("Secret")) else {
            return Err(wanted("something else"));
        };
        let secret = Secret::new(secret);
        Ok(Some(match username {
            TOKEN_USER => Credentials::Identity(secret),
            username => Credentials::Basic { username: username.to_owned(), password: secret },
        }))
    }

    /// Has it keep the credentials of a server.
    ///
    /// # Errors
    ///
    /// [`HelperError`] where it does not.
    pub fn store(&self, server: &str, credentials: &Credentials) -> Result<(), HelperError> {
        let (username, secret) = match credentials {
            Credentials::Basic { username, password } => (username.as_str(), password),
            Credentials::Identity(token) | Credentials::Bearer(token) => (TOKEN_USER, token),
        };
        let input = json!({"ServerURL": server, "Username": username, "Secret": secret.reveal()});
        let (success, _) = self.run("store", input.to_string().as_bytes())?;
        if success { Ok(()) } else { Err(self.failed("store")) }
    }

    /// Has it forget the credentials of a server. False: it had none.
    ///
    /// # Errors
    ///
    /// [`HelperError`] where it does not.
    pub fn erase(&self, server: &str) -> Result<bool, HelperError> {
        match self.run("erase", server.as_bytes())? {
            (true, _) => Ok(true),
            (false, answer) if String::from_utf8_lossy(&answer).contains(NOT_FOUND) => Ok(false),
            (false, _) => Err(self.failed("erase")),
        }
    }

    fn failed(&self, action: &'static str) -> HelperError {
        self.answer(action, "success", "a failure".to_owned())
    }

    fn answer(&self, action: &'static str, wanted: &'static str, found: String) -> HelperError {
        HelperError::Answer { program: self.program.clone(), action, wanted, found }
    }

    /// Whether it succeeded, and what it said.
    fn run(&self, action: &'static str, input: &[u8]) -> Result<(bool, Vec<u8>), HelperError> {
        let failed = |source| HelperError::Run { program: self.program.clone(), source };
        let mut command = Command::new(&self.program);
        command.arg(action).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(failed)?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        // Both ends on threads of their own, which end with the program: it may neither read nor write.
        let input = input.to_vec();
        if let Some(mut stdin) = stdin {
            std::thread::spawn(move || drop(stdin.write_all(&input)));
        }
        let (done, answer) = std::sync::mpsc::sync_channel(1);
        if let Some(stdout) = stdout {
            std::thread::spawn(move || {
                let mut answer = Vec::new();
                let read = stdout.take(ANSWER_LIMIT + 1).read_to_end(&mut answer);
                drop(done.send(read.map(|_| answer)));
            });
        }
        let deadline = Instant::now() + self.limit;
        let timed_out = || HelperError::TimedOut { program: self.program.clone(), action, limit: self.limit };
        let Ok(answer) = answer.recv_timeout(self.limit) else {
            end(&mut child);
            return Err(timed_out());
        };
        let answer = match answer {
            Ok(answer) if answer.len() as u64 <= ANSWER_LIMIT => answer,
            Ok(_) => {
                end(&mut child);
                return Err(self.answer(action, "at most 65536 bytes", "more".to_owned()));
            }
            Err(error) => {
                end(&mut child);
                return Err(failed(error));
            }
        };
        loop {
            match child.try_wait().map_err(failed)? {
                Some(status) => return Ok((status.success(), answer)),
                None if Instant::now() > deadline => {
                    end(&mut child);
                    return Err(timed_out());
                }
                None => std::thread::sleep(Duration::from_millis(2)),
            }
        }
    }
}

fn end(child: &mut Child) {
    // It may have ended by itself meanwhile.
    let _ = child.kill();
    let _ = child.wait();
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_helper_that_does_not_end_is_ended() {
        let directory = tempfile::tempdir().unwrap();
        // The second closes its output, and stays.
        for (at, script) in ["sleep 100", "exec >&-; exec sleep 100"].iter().enumerate() {
            let program = directory.path().join(format!("helper{at}"));
            std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
            std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
            let program = program.to_str().unwrap().to_owned();
            let helper = Helper { program, limit: Duration::from_millis(300) };
            let start = Instant::now();
            let error = helper.get("r.io").unwrap_err();
            assert!(matches!(error, HelperError::TimedOut { action: "get", .. }), "{error}");
            assert!(start.elapsed() < Duration::from_secs(10));
        }
    }
}
