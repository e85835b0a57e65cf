//! Indexes made and changed by hand.

use clap::{Args, Subcommand};

use super::registries::Reached;
use super::values::{Format, IndexType};
use super::{LookedUp, Push, Wanted};

#[derive(Debug, Args)]
pub struct Manifest {
    #[command(subcommand)]
    pub command: ManifestCommand,
}

#[derive(Debug, Subcommand)]
pub enum ManifestCommand {
    /// Make an index
    Create(ManifestCreate),
    /// Add images to an index
    Add(ManifestAdd),
    /// Say something else of an image in an index, or of the index
    Annotate(ManifestAnnotate),
    /// Take images out of an index
    Remove(ManifestRemove),
    /// Remove indexes; their images stay
    Rm(ManifestRm),
    /// Push an index with all its images
    Push(Box<ManifestPush>),
    /// Show an index, or a manifest, as it is
    Inspect(ManifestInspect),
    /// Whether there is such an index in the store
    Exists(ManifestExists),
}

/// Which images are listed.
#[derive(Debug, Args)]
pub struct Members {
    /// Of an index all images, and not the one for the platform
    #[arg(long, conflicts_with = "platform")]
    pub all: bool,

    #[command(flatten)]
    pub looked_up: LookedUp,

    #[command(flatten)]
    pub wanted: Wanted,

    #[command(flatten)]
    pub reached: Reached,

    /// No progress
    #[arg(short, long)]
    pub quiet: bool,
}

/// What an index says of an image, where that is not what the image says of itself.
#[derive(Debug, Default, Args)]
pub struct Stated {
    /// Its operating system
    #[arg(long, value_name = "OS")]
    pub os: Option<String>,

    /// Its architecture
    #[arg(long, value_name = "ARCHITECTURE")]
    pub arch: Option<String>,

    /// Its architecture's variant; an empty one is none
    #[arg(long, value_name = "VARIANT")]
    pub variant: Option<String>,

    /// The version of the operating system it needs
    #[arg(long, value_name = "VERSION")]
    pub os_version: Option<String>,

    /// Features of the operating system it needs; several separated by commas
    #[arg(long, value_name = "FEATURE", value_delimiter = ',')]
    pub os_features: Vec<String>,

    /// Features of the processor, which podman takes and OCI indexes have no place for
    #[arg(long, value_name = "FEATURE", value_delimiter = ',')]
    pub features: Vec<String>,

    /// An annotation
    #[arg(long, value_name = "KEY=VALUE")]
    pub annotation: Vec<String>,
}

#[derive(Debug, Args)]
pub struct ManifestCreate {
    /// The index's name
    #[arg(value_name = "LIST")]
    pub list: String,

    /// Images of the store, or transport:reference, which are taken into the store
    #[arg(value_name = "IMAGE")]
    pub images: Vec<String>,

    /// Add to the index of this name, if there is one
    #[arg(short, long)]
    pub amend: bool,

    /// An OCI index or a Docker manifest list
    #[arg(long = "type", value_name = "TYPE", default_value = "oci", conflicts_with = "amend")]
    pub kind: IndexType,

    /// An annotation of the index
    #[arg(long, value_name = "KEY=VALUE")]
    pub annotation: Vec<String>,

    /// What the index is, where it is of no images
    #[arg(long, value_name = "TYPE")]
    pub artifact_type: Option<String>,

    /// The image that the index refers to
    #[arg(long, value_name = "IMAGE")]
    pub subject: Option<String>,

    #[command(flatten)]
    pub members: Members,

    /// How to show the index
    #[arg(long, default_value = "table")]
    pub format: Format,
}

#[derive(Debug, Args)]
pub struct ManifestAdd {
    /// The index's name
    #[arg(value_name = "LIST")]
    pub list: String,

    /// Images of the store, or transport:reference, which are taken into the store
    #[arg(value_name = "IMAGE", required = true)]
    pub images: Vec<String>,

    #[command(flatten)]
    pub stated: Stated,

    #[command(flatten)]
    pub members: Members,

    /// How to show the index
    #[arg(long, default_value = "table")]
    pub format: Format,
}

#[derive(Debug, Args)]
pub struct ManifestAnnotate {
    /// The index's name
    #[arg(value_name = "LIST")]
    pub list: String,

    /// The image: the digest of its manifest, or a name
    #[arg(value_name = "IMAGE", required_unless_present = "index", conflicts_with = "index")]
    pub image: Option<String>,

    /// Say it of the index itself
    #[arg(long, conflicts_with_all = ["os", "arch", "variant", "os_version", "os_features", "features"])]
    pub index: bool,

    #[command(flatten)]
    pub stated: Stated,

    /// What the index is, where it is of no images
    #[arg(long, value_name = "TYPE", requires = "index")]
    pub artifact_type: Option<String>,

    /// The image that the index refers to
    #[arg(long, value_name = "IMAGE", requires = "index")]
    pub subject: Option<String>,

    #[command(flatten)]
    pub looked_up: LookedUp,

    /// How to show the index
    #[arg(long, default_value = "table")]
    pub format: Format,
}

#[derive(Debug, Args)]
pub struct ManifestRemove {
    /// The index's name
    #[arg(value_name = "LIST")]
    pub list: String,

    /// The images: digests of their manifests, or names
    #[arg(value_name = "IMAGE", required = true)]
    pub images: Vec<String>,

    #[command(flatten)]
    pub looked_up: LookedUp,

    /// How to show the index
    #[arg(long, default_value = "table")]
    pub format: Format,
}

#[derive(Debug, Args)]
pub struct ManifestRm {
    /// The indexes' names
    #[arg(value_name = "LIST", required = true)]
    pub lists: Vec<String>,

    /// How to show what was removed
    #[arg(long, default_value = "table")]
    pub format: Format,
}

#[derive(Debug, Args)]
pub struct ManifestPush {
    #[command(flatten)]
    pub push: Push,

    /// Remove the index from the store when it has been pushed
    #[arg(long, visible_alias = "purge")]
    pub rm: bool,
}

#[derive(Debug, Args)]
pub struct ManifestInspect {
    /// An index's name, or transport:reference
    #[arg(value_name = "IMAGE")]
    pub image: String,

    #[command(flatten)]
    pub looked_up: LookedUp,

    #[command(flatten)]
    pub reached: Reached,
}

#[derive(Debug, Args)]
pub struct ManifestExists {
    /// The index's name
    #[arg(value_name = "LIST")]
    pub list: String,
}
