//! Signatures of what is copied.

use std::path::PathBuf;

use clap::Args;

/// What becomes of signatures, and who signs.
#[derive(Debug, Args)]
pub struct Signed {
    /// Leave signatures behind. Otherwise they go along, and what cannot have them, or is changed, is an error
    #[arg(long)]
    pub remove_signatures: bool,

    /// Sign what is written with this key of gpg's, by its fingerprint
    #[arg(long, value_name = "FINGERPRINT")]
    pub sign_by: Option<String>,

    /// The file with the key's passphrase, which gpg reads [default: gpg's agent has it, or asks for it]
    #[arg(long, value_name = "FILE", requires = "sign_by")]
    pub sign_passphrase_file: Option<PathBuf>,

    /// The name in full that is signed [default: the destination's]
    #[arg(long, value_name = "NAME", requires = "sign_by")]
    pub sign_identity: Option<String>,
}
