//! The store as a server.

use std::path::PathBuf;

use clap::Args;

use super::values::Format;

#[derive(Debug, Args)]
pub struct Serve {
    /// Serve the store, and the additional ones, as a registry that is only read: HOST:PORT; port 0 is any that is free.
    /// Whoever reaches it can pull everything, unless --htpasswd says who may
    #[arg(long, value_name = "ADDRESS", required = true)]
    pub registry: String,

    /// Serve by HTTPS, with these certificates in PEM, the server's own first
    #[arg(long, value_name = "FILE", requires = "key")]
    pub cert: Option<PathBuf>,

    /// The certificate's private key in PEM
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub key: Option<PathBuf>,

    /// Ask for a user and a password of this file: `htpasswd -B` writes such, docker-registry reads them. It is read once.
    /// Without --cert they go over the network as they are
    #[arg(long, value_name = "FILE")]
    pub htpasswd: Option<PathBuf>,

    /// Connections at a time
    #[arg(long, value_name = "N", default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub connections: u32,

    /// How to show where it listens
    #[arg(long, default_value = "table")]
    pub format: Format,

    /// Say nothing of requests
    #[arg(short, long)]
    pub quiet: bool,
}
