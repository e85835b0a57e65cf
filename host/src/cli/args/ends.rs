//! How registries on both ends of a copy are reached: the options of one, twice, each with its end in front.

use std::path::PathBuf;

use clap::Args;

use super::Reached;

/// Declares the options of one end.
macro_rules! end {
    ($name:ident, $prefix:literal, $end:literal) => {
        #[derive(Debug, Args)]
        struct $name {
            #[arg(id = concat!($prefix, "_creds"), long = concat!($prefix, "-creds"))]
            #[arg(help = concat!("Who asks the ", $end, ", USER[:PASSWORD]"), value_name = "CREDENTIALS")]
            #[arg(conflicts_with = concat!($prefix, "_no_creds"))]
            creds: Option<String>,

            #[arg(id = concat!($prefix, "_no_creds"), long = concat!($prefix, "-no-creds"))]
            #[arg(help = concat!("Ask the ", $end, " as nobody"))]
            no_creds: bool,

            #[arg(id = concat!($prefix, "_authfile"), long = concat!($prefix, "-authfile"))]
            #[arg(help = concat!("The file with credentials for the ", $end), value_name = "FILE")]
            authfile: Option<PathBuf>,

            #[arg(id = concat!($prefix, "_cert_dir"), long = concat!($prefix, "-cert-dir"))]
            #[arg(help = concat!("Certificates for the ", $end, ", as in a directory below certs.d"))]
            #[arg(value_name = "DIR")]
            cert_dir: Option<PathBuf>,

            #[arg(id = concat!($prefix, "_tls_verify"), long = concat!($prefix, "-tls-verify"))]
            #[arg(help = concat!("Whether the ", $end, " has to show a certificate of a known authority"))]
            #[arg(value_name = "BOOL", num_args = 0..=1, require_equals = true)]
            #[arg(default_missing_value = "true")]
            tls_verify: Option<bool>,

            #[arg(id = concat!($prefix, "_daemon_host"), long = concat!($prefix, "-daemon-host"))]
            #[arg(help = concat!("The Docker daemon that a docker-daemon: ", $end, " is in [default: --daemon-host]"))]
            #[arg(value_name = "URL")]
            daemon_host: Option<String>,
        }

        impl $name {
            /// With what holds for both ends.
            fn reached(&self, authfile: Option<&PathBuf>, retry: u32) -> Reached {
                Reached {
                    tls_verify: self.tls_verify,
                    cert_dir: self.cert_dir.clone(),
                    creds: self.creds.clone(),
                    no_creds: self.no_creds,
                    authfile: self.authfile.as_ref().or(authfile).cloned(),
                    retry,
                    daemon_host: self.daemon_host.clone(),
                }
            }
        }
    };
}

end!(Source, "src", "source");
end!(Destination, "dest", "destination");

/// How registries on both ends are reached.
#[derive(Debug, Args)]
pub struct Ends {
    /// The file with credentials, for both ends [default: $REGISTRY_AUTH_FILE, or those of podman and docker]
    #[arg(long, value_name = "FILE")]
    authfile: Option<PathBuf>,

    #[command(flatten)]
    source: Source,

    #[command(flatten)]
    destination: Destination,

    /// How often a request is made again that failed on the way
    #[arg(long, alias = "retry-times", value_name = "N", default_value_t = 3)]
    retry: u32,
}

impl Ends {
    /// How the source is reached.
    pub fn source(&self) -> Reached {
        self.source.reached(self.authfile.as_ref(), self.retry)
    }

    /// How the destination is reached.
    pub fn destination(&self) -> Reached {
        self.destination.reached(self.authfile.as_ref(), self.retry)
    }
}
