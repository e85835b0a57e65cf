//! Signing by GnuPG: keys and passphrases are its own, and never in this process.

use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::clock;
use crate::digest::Digest;

const PROGRAM: &str = "gpg";
/// Bytes of a signature.
const LIMIT: u64 = 1 << 20;
/// Bytes of what is said where there is none.
const SAID: u64 = 4 << 10;

/// Nothing was signed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SigningError {
    /// The program cannot be run, or not be spoken with.
    #[error("running `{PROGRAM}`")]
    Run {
        /// Why.
        source: std::io::Error,
    },
    /// What it gives is no signature.
    #[error("`{PROGRAM}`: wanted a signature of at most {limit} bytes, found more")]
    TooLarge {
        /// The most.
        limit: u64,
    },
    /// It did not sign.
    #[error("`{PROGRAM}` does not sign with the key `{key}`: {said}")]
    Refused {
        /// The key.
        key: String,
        /// What it says.
        said: String,
    },
}

/// A key of GnuPG's, and what images are signed as.
#[derive(Debug, Clone)]
pub struct Signer {
    /// The key, by its fingerprint or what else GnuPG takes.
    pub key: String,
    /// A file with its passphrase. `None`: GnuPG's agent has it or asks for it.
    pub passphrase_file: Option<PathBuf>,
    /// The name in full that images are signed as.
    pub identity: String,
}

impl Signer {
    /// A signature (simple signing) of the manifest or index with this digest.
    ///
    /// # Errors
    ///
    /// [`SigningError`] where GnuPG does not sign.
    pub fn sign(&self, manifest: &Digest) -> Result<Vec<u8>, SigningError> {
        let failed = |source| SigningError::Run { source };
        let mut command = Command::new(PROGRAM);
        command.args(["--batch", "--no-tty", "--quiet", "--local-user", &self.key, "--output", "-"]);
        if let Some(file) = &self.passphrase_file {
            command.args(["--pinentry-mode", "loopback", "--passphrase-file"]).arg(file);
        }
        command.arg("--sign").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(failed)?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let said = std::thread::spawn(move || {
            let mut said = Vec::new();
            if let Some(mut stderr) = stderr {
                // What is missing of it is no reason to fail for. The rest is heard, or it would end where it says more.
                let _ = stderr.by_ref().take(SAID).read_to_end(&mut said);
                let _ = std::io::copy(&mut stderr, &mut std::io::sink());
            }
            String::from_utf8_lossy(&said).trim().replace('\n', "; ")
        });
        if let Some(mut stdin) = stdin
            && let Err(error) = stdin.write_all(self.payload(manifest).as_bytes())
            // It says why it does not listen.
            && error.kind() != std::io::ErrorKind::BrokenPipe
        {
            return Err(failed(error));
        }
        let mut signature = Vec::new();
        let read = stdout.map_or(Ok(0), |stdout| stdout.take(LIMIT + 1).read_to_end(&mut signature));
        let status = child.wait().map_err(failed)?;
        read.map_err(failed)?;
        let said = said.join().unwrap_or_default();
        if signature.len() as u64 > LIMIT {
            return Err(SigningError::TooLarge { limit: LIMIT });
        }
        if status.success() && !signature.is_empty() {
            return Ok(signature);
        }
        let said = if said.is_empty() { "it does not say why".to_owned() } else { said };
        Err(SigningError::Refused { key: self.key.clone(), said })
    }

    /// What is signed (containers-signature(5)).
    fn payload(&self, manifest: &Digest) -> String {
        let now = clock::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        json!({
            "critical": {
                "identity": {"docker-reference": self.identity},
                "image": {"docker-manifest-digest": manifest.to_string()},
                "type": "atomic container signature",
            },
            "optional": {
                "creator": concat!("consign ", env!("CARGO_PKG_VERSION")),
                "timestamp": now.as_secs(),
            },
        })
        .to_string()
    }
}
