//! Registries: what is fetched from them, and who asks.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::values::{Format, Policy, Rules};
use super::{LookedUp, Trusted};

/// How registries are reached, where that is not as this machine is configured.
#[derive(Debug, Clone, Args)]
pub struct Reached {
    /// Whether registries have to show a certificate of a known authority
    /// [default: true, but for those registries.conf calls insecure and those on this machine]
    #[arg(long, help_heading = "Registries", value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub tls_verify: Option<bool>,

    /// Certificates, as in a directory below certs.d
    #[arg(long, help_heading = "Registries", value_name = "DIR")]
    pub cert_dir: Option<PathBuf>,

    /// Who asks, USER[:PASSWORD]
    #[arg(long, help_heading = "Registries", value_name = "CREDENTIALS")]
    pub creds: Option<String>,

    /// Ask as nobody, whatever credentials are kept
    #[arg(long, help_heading = "Registries", conflicts_with = "creds")]
    pub no_creds: bool,

    /// The file with credentials [default: $REGISTRY_AUTH_FILE, or those of podman and docker]
    #[arg(long, help_heading = "Registries", value_name = "FILE")]
    pub authfile: Option<PathBuf>,

    /// How often a request is made again that failed on the way
    #[arg(long, help_heading = "Registries", value_name = "N", default_value_t = 3)]
    pub retry: u32,

    /// The Docker daemon, where it is another one than all of the command's.
    #[arg(skip)]
    pub daemon_host: Option<String>,
}

impl Default for Reached {
    fn default() -> Self {
        Reached {
            tls_verify: None,
            cert_dir: None,
            creds: None,
            no_creds: false,
            authfile: None,
            retry: 3,
            daemon_host: None,
        }
    }
}

#[derive(Debug, Args)]
pub struct Pull {
    /// Names, docker://name, or transport:reference of an archive or a directory
    #[arg(value_name = "IMAGE", required = true)]
    pub images: Vec<String>,

    /// When to ask the registry
    #[arg(long, value_name = "POLICY", default_value = "always")]
    pub policy: Policy,

    /// The platform, os/architecture[/variant]; several separated by commas [default: this machine's]
    #[arg(long, value_name = "PLATFORM", value_delimiter = ',')]
    pub platform: Vec<String>,

    /// Every image of an index, and what else it lists
    #[arg(long, conflicts_with = "platform")]
    pub all_platforms: bool,

    /// The operating system instead of this machine's
    #[arg(long, value_name = "OS", conflicts_with_all = ["platform", "all_platforms"])]
    pub os: Option<String>,

    /// The architecture instead of this machine's
    #[arg(long, value_name = "ARCH", conflicts_with_all = ["platform", "all_platforms"])]
    pub arch: Option<String>,

    /// The architecture's variant
    #[arg(long, value_name = "VARIANT", conflicts_with_all = ["platform", "all_platforms"])]
    pub variant: Option<String>,

    /// Every tag of the repository
    #[arg(short, long)]
    pub all_tags: bool,

    /// As docker and podman have it; the digests of what is fetched are always verified
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub disable_content_trust: Option<bool>,

    #[command(flatten)]
    pub looked_up: LookedUp,

    /// Whose rules choose from an index [default: those that go with --lookup]
    #[arg(long, value_name = "RULES", default_value = "docker", hide_default_value = true)]
    #[arg(default_value_ifs = [("lookup", "podman", "podman"), ("lookup", "podman-1", "podman")])]
    pub rules: Rules,

    /// Pull only an image with this label, key or key=value; it is looked at before layers are fetched
    #[arg(long, value_name = "LABEL")]
    pub require_label: Vec<String>,

    /// Leave undoing the layers to their first use: only then is it seen whether they have the diff IDs the config says,
    /// and are they indexed. The digests of what is fetched are verified in any case
    #[arg(long)]
    pub defer: bool,

    /// Write the digest of what was pulled into a file
    #[arg(long, value_name = "FILE")]
    pub digestfile: Option<PathBuf>,

    #[command(flatten)]
    pub trusted: Trusted,

    #[command(flatten)]
    pub reached: Reached,

    /// How to show what was pulled
    #[arg(long, default_value = "table")]
    pub format: Format,

    /// Only image IDs, no progress
    #[arg(short, long)]
    pub quiet: bool,
}

#[derive(Debug, Args)]
pub struct Login {
    /// The registry, host[:port] [default: docker.io]
    #[arg(value_name = "REGISTRY")]
    pub registry: Option<String>,

    /// The user; asked for on the terminal where it is not given
    #[arg(short, long, value_name = "USER")]
    pub username: Option<String>,

    /// Take the password from standard input instead of asking for it on the terminal
    #[arg(long)]
    pub password_stdin: bool,

    /// The file to keep it in [default: $REGISTRY_AUTH_FILE, or podman's]
    #[arg(long, value_name = "FILE")]
    pub authfile: Option<PathBuf>,

    /// Whether the registry has to show a certificate of a known authority
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub tls_verify: Option<bool>,

    /// Certificates, as in a directory below certs.d
    #[arg(long, value_name = "DIR")]
    pub cert_dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Logout {
    /// The registry, host[:port] [default: docker.io]
    #[arg(value_name = "REGISTRY", conflicts_with = "all")]
    pub registry: Option<String>,

    /// All registries
    #[arg(short, long)]
    pub all: bool,

    /// The file it is kept in [default: $REGISTRY_AUTH_FILE, or podman's]
    #[arg(long, value_name = "FILE")]
    pub authfile: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Tags {
    #[command(subcommand)]
    pub command: TagsCommand,
}

#[derive(Debug, Subcommand)]
pub enum TagsCommand {
    /// List the tags of a repository
    List(TagsList),
}

#[derive(Debug, Args)]
pub struct TagsList {
    /// The repository, with or without docker://
    #[arg(value_name = "REPOSITORY")]
    pub repository: String,

    /// At most so many
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,

    #[command(flatten)]
    pub reached: Reached,

    /// How to show it
    #[arg(long, default_value = "table")]
    pub format: Format,

    /// Only the tags
    #[arg(short, long, conflicts_with = "format")]
    pub quiet: bool,
}

#[derive(Debug, Args)]
pub struct Delete {
    /// docker://NAME[:TAG|@DIGEST]; all tags of the same image go along
    #[arg(value_name = "IMAGE")]
    pub image: String,

    #[command(flatten)]
    pub reached: Reached,

    /// How to show what was deleted
    #[arg(long, default_value = "table")]
    pub format: Format,
}
