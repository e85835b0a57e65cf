//! What an image is and which one is meant.

use clap::Args;

use super::values::{Format, Shape, Sort};
use super::{LookedUp, Reached, Wanted};

#[derive(Debug, Args)]
pub struct Resolve {
    /// A name, an ID or the beginning of one in the store, or transport:reference
    #[arg(value_name = "IMAGE")]
    pub image: String,

    #[command(flatten)]
    pub looked_up: LookedUp,

    #[command(flatten)]
    pub wanted: Wanted,

    #[command(flatten)]
    pub reached: Reached,

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
    pub looked_up: LookedUp,

    #[command(flatten)]
    pub wanted: Wanted,

    #[command(flatten)]
    pub reached: Reached,

    /// The manifest's bytes as they are stored; an index's where the name means one and no platform is asked for
    #[arg(long)]
    pub raw: bool,

    /// As docker and podman have it; there is nothing here but images
    #[arg(long, hide = true, value_parser = ["image", "all"])]
    pub r#type: Option<String>,

    /// As docker and podman have it; an image's size is always shown
    #[arg(short, long, hide = true)]
    pub size: bool,

    /// The image config's bytes as they are stored
    #[arg(long, conflicts_with = "raw")]
    pub config: bool,

    /// How to show it: json, table (the main members), or a Go template over the document
    #[arg(short, long, default_value = "json", value_name = "FORMAT")]
    pub format: Shape,
}

#[derive(Debug, Args)]
pub struct Exists {
    /// A name, an ID or the beginning of one in the store, or transport:reference
    #[arg(value_name = "IMAGE")]
    pub image: String,

    #[command(flatten)]
    pub looked_up: LookedUp,

    #[command(flatten)]
    pub reached: Reached,
}

#[derive(Debug, Args)]
pub struct Images {
    /// Only names of this repository, name:tag, or pattern
    #[arg(value_name = "REFERENCE")]
    pub reference: Option<String>,

    /// Also images without a name that others were built on
    #[arg(short, long)]
    pub all: bool,

    /// Only image IDs, each once
    #[arg(short, long)]
    pub quiet: bool,

    /// Show the digests the names point at
    #[arg(long)]
    pub digests: bool,

    /// Show IDs and digests in full
    #[arg(long)]
    pub no_trunc: bool,

    /// Show the names an image has had, the newest first
    #[arg(long)]
    pub history: bool,

    /// No header above the table
    #[arg(short, long)]
    pub noheading: bool,

    /// Only images that fit: before=IMAGE, dangling=BOOL, digest=DIGEST, id=PREFIX, intermediate=BOOL,
    /// label=KEY[=VALUE], label!=KEY[=VALUE], reference=PATTERN, since=IMAGE, until=TIME; several have to hold
    #[arg(short, long = "filter", value_name = "FILTER")]
    pub filters: Vec<String>,

    /// The order
    #[arg(long, default_value = "created")]
    pub sort: Sort,

    /// How to show it: table, json, or a Go template with the fields .ID .Repository .Tag .Digest .Platform
    /// .CreatedSince .CreatedAt .Size .History; `table TEMPLATE` aligns it under a header
    #[arg(long, default_value = "table", conflicts_with = "quiet", value_name = "FORMAT")]
    pub format: Shape,
}

#[derive(Debug, Args)]
pub struct History {
    /// A name, an ID or the beginning of one in the store, or transport:reference
    #[arg(value_name = "IMAGE")]
    pub image: String,

    #[command(flatten)]
    pub looked_up: LookedUp,

    #[command(flatten)]
    pub wanted: Wanted,

    #[command(flatten)]
    pub reached: Reached,

    /// Only image IDs
    #[arg(short, long)]
    pub quiet: bool,

    /// Show IDs and commands in full
    #[arg(long)]
    pub no_trunc: bool,

    /// Sizes and times for people
    #[arg(short = 'H', long, default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1,
          require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub human: bool,

    /// How to show it: table, json, or a Go template with the fields .ID .CreatedSince .CreatedAt .CreatedBy .Size
    /// .Comment; `table TEMPLATE` aligns it under a header
    #[arg(long, default_value = "table", conflicts_with = "quiet", value_name = "FORMAT")]
    pub format: Shape,
}

#[derive(Debug, Args)]
pub struct Tree {
    /// A name, an ID or the beginning of one in the store
    #[arg(value_name = "IMAGE")]
    pub image: String,

    #[command(flatten)]
    pub looked_up: LookedUp,

    #[command(flatten)]
    pub wanted: Wanted,

    /// What stands on the image instead of what it stands on
    #[arg(long)]
    pub whatrequires: bool,

    /// How to show it
    #[arg(long, default_value = "table")]
    pub format: Format,
}
