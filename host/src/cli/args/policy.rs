//! What is trusted, and asking about it.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Reached;
use super::values::Format;

/// Which policy counts, and where signatures are, where that is not as this machine is configured.
#[derive(Debug, Clone, Default, Args)]
pub struct Trusted {
    /// The policy that images have to satisfy [default: ~/.config/containers/policy.json, else
    /// /etc/containers/policy.json; without one everything is accepted]
    #[arg(long, value_name = "FILE")]
    pub signature_policy: Option<PathBuf>,

    /// The directory that says where signatures are [default: ~/.config/containers/registries.d, else
    /// /etc/containers/registries.d]
    #[arg(long, value_name = "DIR", alias = "registries.d")]
    pub registries_d: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Policies {
    #[command(subcommand)]
    pub command: PoliciesCommand,
}

#[derive(Debug, Subcommand)]
pub enum PoliciesCommand {
    /// Say whether the policy accepts an image, by which of its rules, and why
    Explain(Explain),
}

#[derive(Debug, Args)]
#[command(mut_arg("signature_policy", |argument| argument.visible_alias("policy")))]
pub struct Explain {
    /// The image, as it would be pulled or loaded: a name, or transport:reference
    #[arg(value_name = "IMAGE")]
    pub image: String,

    #[command(flatten)]
    pub trusted: Trusted,

    /// The platform, os/architecture[/variant] [default: this machine's]
    #[arg(long, value_name = "PLATFORM")]
    pub platform: Option<String>,

    /// Ask about an index and every image of it, as where all of it is taken
    #[arg(long, conflicts_with = "platform")]
    pub all_platforms: bool,

    #[command(flatten)]
    pub reached: Reached,

    /// How to show it
    #[arg(long, default_value = "table")]
    pub format: Format,

    /// Say nothing; the exit code tells
    #[arg(short, long, conflicts_with = "format")]
    pub quiet: bool,
}
