//! The command line, as clap reads it. Completions and man pages are generated from these definitions.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// A container-image store and resolver without a daemon.
#[derive(Debug, Parser)]
#[command(name = "consign", version, propagate_version = true, disable_help_subcommand = true)]
pub struct Arguments {
    /// The store's directory [default: $XDG_DATA_HOME/consign; for root /var/lib/consign]
    #[arg(long, global = true, env = "CONSIGN_ROOT", hide_env_values = true, value_name = "DIR")]
    pub root: Option<PathBuf>,

    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// What a reference means on a platform, and why
    Resolve(Resolve),
    /// An image's details, as docker inspect shows them
    Inspect(Inspect),
    /// List the images in the store
    #[command(visible_alias = "ls-images")]
    Images(Images),
    /// Take every image of an archive, a layout or a directory into the store
    Load(Load),
    /// Give an image another name
    Tag(Tag),
    /// Take names away; the images stay
    Untag(Untag),
    /// Remove images
    #[command(visible_alias = "rmi")]
    Rm(Rm),
    /// Check the store: every blob's digest, every reference between blobs
    Check(Check),
    /// Write the WebAssembly component to embed elsewhere
    Component(Component),
    /// Write a completion script for a shell
    Completions(Completions),
    /// Write the manual pages into a directory
    Man(Man),
}

/// How an answer is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Table,
    /// One JSON document with stable names
    Json,
}

/// Whose look-up rules apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Rules {
    /// As Docker and containerd choose
    Docker,
    /// As Podman, Buildah and skopeo choose
    Podman,
}

#[derive(Debug, Args)]
pub struct Wanted {
    /// The platform, os/architecture[/variant] [default: this machine's]
    #[arg(long, value_name = "PLATFORM")]
    pub platform: Option<String>,

    /// Whose rules choose from an index
    #[arg(long, value_name = "RULES", default_value = "docker")]
    pub rules: Rules,
}

#[derive(Debug, Args)]
pub struct Resolve {
    /// A name, an ID or the beginning of one in the store, or transport:reference
    #[arg(value_name = "IMAGE")]
    pub image: String,

    #[command(flatten)]
    pub wanted: Wanted,

    /// Say for every candidate why it won or lost
    #[arg(long)]
    pub explain: bool,

    /// How to show it
    #[arg(long, default_value = "table")]
    pub format: Format,

    /// Only the image ID
    #[arg(short, long, conflicts_with_all = ["explain", "format"])]
    pub quiet: bool,
}

#[derive(Debug, Args)]
pub struct Inspect {
    /// A name, an ID or the beginning of one in the store, or transport:reference
    #[arg(value_name = "IMAGE", required = true)]
    pub images: Vec<String>,

    #[command(flatten)]
    pub wanted: Wanted,

    /// The manifest's bytes as they are stored; an index's where the name means one and no platform is asked for
    #[arg(long)]
    pub raw: bool,

    /// The image config's bytes as they are stored
    #[arg(long, conflicts_with = "raw")]
    pub config: bool,

    /// How to show it; the document is JSON in any case
    #[arg(long, default_value = "json")]
    pub format: Format,
}

#[derive(Debug, Args)]
pub struct Images {
    /// Only names of this repository, name:tag, or pattern
    #[arg(value_name = "REFERENCE")]
    pub reference: Option<String>,

    /// Only image IDs
    #[arg(short, long)]
    pub quiet: bool,

    /// Show the digests the names point at
    #[arg(long)]
    pub digests: bool,

    /// Show IDs and digests in full
    #[arg(long)]
    pub no_trunc: bool,

    /// How to show it
    #[arg(long, default_value = "table", conflicts_with = "quiet")]
    pub format: Format,
}

#[derive(Debug, Args)]
pub struct Load {
    /// The archive, layout or directory, as a path or transport:path; - is standard input [default: -]
    #[arg(value_name = "SOURCE")]
    pub source: Option<String>,

    /// The archive, as with docker load
    #[arg(short, long, value_name = "FILE", conflicts_with = "source")]
    pub input: Option<PathBuf>,

    /// Only the images for this platform
    #[arg(long, value_name = "PLATFORM")]
    pub platform: Option<String>,

    /// A name for an image that comes without one
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,

    /// How to show what was loaded
    #[arg(long, default_value = "table")]
    pub format: Format,

    /// Only image IDs, no progress
    #[arg(short, long)]
    pub quiet: bool,
}

#[derive(Debug, Args)]
pub struct Tag {
    /// The image, by name or ID
    #[arg(value_name = "IMAGE")]
    pub image: String,

    /// The new names
    #[arg(value_name = "NAME", required = true)]
    pub names: Vec<String>,

    /// How to show it
    #[arg(long, default_value = "table")]
    pub format: Format,
}

#[derive(Debug, Args)]
pub struct Untag {
    /// The names to take away
    #[arg(value_name = "NAME", required = true)]
    pub names: Vec<String>,

    /// How to show it
    #[arg(long, default_value = "table")]
    pub format: Format,
}

#[derive(Debug, Args)]
pub struct Rm {
    /// The images, by name or ID
    #[arg(value_name = "IMAGE", required = true)]
    pub images: Vec<String>,

    /// Remove an image given by ID though it has several names; say nothing of images that are not there
    #[arg(short, long)]
    pub force: bool,

    /// How to show it
    #[arg(long, default_value = "table")]
    pub format: Format,
}

#[derive(Debug, Args)]
pub struct Check {
    /// How to show it
    #[arg(long, default_value = "table")]
    pub format: Format,
}

/// A world of the WIT package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum World {
    /// Pure functions and resolution driven by the host; imports nothing
    Names,
    /// The same, and resolution driven over consign:image/content
    Resolver,
}

#[derive(Debug, Args)]
pub struct Component {
    /// Which world
    #[arg(long, default_value = "resolver")]
    pub world: World,

    /// Where to write it; - is standard output
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    pub output: PathBuf,

    /// The core module inside it instead, for hosts without the component model; its exports follow the canonical ABI
    #[arg(long)]
    pub core: bool,

    /// Only print the digest
    #[arg(long, conflicts_with = "output")]
    pub digest: bool,

    /// Write the WIT package into this directory instead
    #[arg(long, value_name = "DIR", conflicts_with_all = ["world", "output", "core", "digest"])]
    pub wit: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    pub shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub struct Man {
    /// Where to write the pages; it must exist
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
}
