//! Images on their way from one place to another.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use consign::layer::compress::{Format as Compression, Method};
use consign::save::Kinds;

use super::ends::Ends;
use super::registries::Reached;
use super::values::Format;
use super::{LookedUp, Signed, Trusted, Wanted};

/// What becomes of an image on its way. Without any of these its bytes stay as they are.
#[derive(Debug, Args)]
pub struct Changed {
    /// Make manifests and indexes those of OCI (oci) or of Docker (v2s2); image IDs stay
    #[arg(short, long, value_name = "KINDS")]
    pub format: Option<Kinds>,

    /// Compress layers that are not compressed so: gzip[:1-9] or zstd[:1-22]
    #[arg(long, value_name = "FORMAT", conflicts_with = "compression_format")]
    pub compression: Option<Method>,

    /// The same, as podman has it: gzip or zstd
    #[arg(long, value_name = "FORMAT", value_parser = compression, visible_alias = "dest-compress-format")]
    pub compression_format: Option<Compression>,

    /// How hard to try
    #[arg(long, value_name = "LEVEL", requires = "compression_format", alias = "dest-compress-level")]
    pub compression_level: Option<u8>,
}

fn compression(text: &str) -> Result<Compression, String> {
    let method: Method = text.parse().map_err(|_| format!("wanted `gzip` or `zstd`, found `{text}`"))?;
    Ok(method.format())
}

#[derive(Debug, Args)]
pub struct Push {
    /// The image: a name, an ID or the beginning of one in the store
    #[arg(value_name = "IMAGE")]
    pub image: String,

    /// Where to: a name, docker://name, or transport:reference of an archive or a directory [default: the image's name]
    #[arg(value_name = "DESTINATION")]
    pub destination: Option<String>,

    #[command(flatten)]
    pub looked_up: LookedUp,

    #[command(flatten)]
    pub wanted: Wanted,

    /// Fail where images of an index are not in the store, instead of leaving them out
    #[arg(long, alias = "all", conflicts_with_all = ["platform", "sparse"])]
    pub all_platforms: bool,

    /// Keep an index as it is although it then names content that is not there
    #[arg(long)]
    pub sparse: bool,

    #[command(flatten)]
    pub changed: Changed,

    /// Write the digest of what was pushed into a file
    #[arg(long, value_name = "FILE")]
    pub digestfile: Option<PathBuf>,

    #[command(flatten)]
    pub signed: Signed,

    /// The directory that says where signatures are put [default: ~/.config/containers/registries.d, else
    /// /etc/containers/registries.d]
    #[arg(long, value_name = "DIR", alias = "registries.d")]
    pub registries_d: Option<PathBuf>,

    #[command(flatten)]
    pub reached: Reached,

    /// How to show what was pushed
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub report: Format,

    /// Only the digest, no progress
    #[arg(short, long)]
    pub quiet: bool,
}

/// Which images of an index are copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MultiArch {
    /// The one for the platform
    System,
    /// All
    All,
    /// None: the index alone, naming content that is not there
    IndexOnly,
}

/// What is copied of an index, and what stays as it is.
#[derive(Debug, Args)]
pub struct Extent {
    /// All images of an index
    #[arg(short, long, conflicts_with_all = ["platform", "multi_arch"])]
    pub all: bool,

    /// Which images of an index
    #[arg(long, value_name = "WHICH", default_value = "system")]
    pub multi_arch: MultiArch,

    /// Fail rather than change a digest
    #[arg(long)]
    pub preserve_digests: bool,
}

#[derive(Debug, Args)]
#[command(mut_arg("signature_policy", |argument| argument.visible_alias("policy")))]
pub struct Copy {
    /// The image: a name, an ID or the beginning of one in the store, or transport:reference
    #[arg(value_name = "SOURCE")]
    pub source: String,

    /// Where to: a name in the store, or transport:reference
    #[arg(value_name = "DESTINATION")]
    pub destination: String,

    #[command(flatten)]
    pub looked_up: LookedUp,

    #[command(flatten)]
    pub wanted: Wanted,

    #[command(flatten)]
    pub extent: Extent,

    #[command(flatten)]
    pub changed: Changed,

    /// Copy what is attached to it as well: cosign's signatures, attestations and bills of material by their tags, and what
    /// refers to it; between registries and OCI layouts
    #[arg(long)]
    pub attachments: bool,

    /// One more tag, for a destination in a registry, or name, for a docker archive
    #[arg(long, value_name = "NAME")]
    pub additional_tag: Vec<String>,

    /// Write the digest of what was written into a file
    #[arg(long, value_name = "FILE")]
    pub digestfile: Option<PathBuf>,

    #[command(flatten)]
    pub signed: Signed,

    #[command(flatten)]
    pub trusted: Trusted,

    #[command(flatten)]
    pub ends: Ends,

    /// How to show what was copied
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub report: Format,

    /// Only the digest, no progress
    #[arg(short, long)]
    pub quiet: bool,
}

#[derive(Debug, Args)]
#[command(mut_arg("signature_policy", |argument| argument.visible_alias("policy")))]
pub struct Sync {
    /// The list, in the shape of skopeo sync's YAML, or the same as TOML where its name ends in .toml
    #[arg(value_name = "LIST")]
    pub list: PathBuf,

    /// Where to: docker://HOST/PATH, oci:DIR or dir:DIR; below it each image has the last part of its name
    #[arg(value_name = "DESTINATION")]
    pub destination: String,

    /// Keep names in full below the destination, with their registries
    #[arg(long)]
    pub scoped: bool,

    /// Append this to every tag
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub append_suffix: Option<String>,

    #[command(flatten)]
    pub wanted: Wanted,

    #[command(flatten)]
    pub extent: Extent,

    #[command(flatten)]
    pub changed: Changed,

    #[command(flatten)]
    pub signed: Signed,

    /// Only say what would be copied
    #[arg(long)]
    pub dry_run: bool,

    /// Go on after an image that cannot be copied
    #[arg(short, long)]
    pub keep_going: bool,

    #[command(flatten)]
    pub trusted: Trusted,

    #[command(flatten)]
    pub ends: Ends,

    /// How to show what was copied
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub report: Format,

    /// Only digests, no progress
    #[arg(short, long)]
    pub quiet: bool,
}
