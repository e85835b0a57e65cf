//! Names, and how long images stay.

use clap::Args;

use super::values::Format;
use super::{LookedUp, Wanted};

#[derive(Debug, Args)]
pub struct Tag {
    /// The image, by name or ID
    #[arg(value_name = "IMAGE")]
    pub image: String,

    #[command(flatten)]
    pub looked_up: LookedUp,

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

    #[command(flatten)]
    pub looked_up: LookedUp,

    /// How to show it
    #[arg(long, default_value = "table")]
    pub format: Format,
}

#[derive(Debug, Args)]
pub struct Rm {
    /// The images, by name or ID
    #[arg(value_name = "IMAGE", required_unless_present = "all")]
    pub images: Vec<String>,

    /// Every image in the store, with its names
    #[arg(short, long, conflicts_with = "images")]
    pub all: bool,

    #[command(flatten)]
    pub looked_up: LookedUp,

    /// Say nothing of images that are not there
    #[arg(short, long)]
    pub ignore: bool,

    /// Remove an image given by ID though it has several names, and the last name of a pinned one; say nothing of
    /// images that are not there
    #[arg(short, long)]
    pub force: bool,

    /// Leave the images it was built on
    #[arg(long)]
    pub no_prune: bool,

    /// How to show it
    #[arg(long, default_value = "table")]
    pub format: Format,
}

#[derive(Debug, Args)]
pub struct Prune {
    /// Every image without a pin, not only those without a tag
    #[arg(short, long)]
    pub all: bool,

    /// Only images with until=TIME, label=KEY[=VALUE], label!=KEY[=VALUE]
    #[arg(long, value_name = "KEY=VALUE")]
    pub filter: Vec<String>,

    /// Do not ask
    #[arg(short, long)]
    pub force: bool,

    /// How to show it
    #[arg(long, default_value = "table")]
    pub format: Format,
}

#[derive(Debug, Args)]
pub struct Pin {
    /// The images, by name or ID
    #[arg(value_name = "IMAGE", required_unless_present = "list")]
    pub images: Vec<String>,

    /// Who needs them
    #[arg(long, value_name = "NAME", required_unless_present = "list")]
    pub holder: Option<String>,

    /// List pins instead; with --holder only those
    #[arg(short, long, conflicts_with = "images")]
    pub list: bool,

    #[command(flatten)]
    pub looked_up: LookedUp,

    #[command(flatten)]
    pub wanted: Wanted,

    /// How to show it
    #[arg(long, default_value = "table")]
    pub format: Format,
}

#[derive(Debug, Args)]
pub struct Unpin {
    /// The images, by name or ID
    #[arg(value_name = "IMAGE", required_unless_present = "all")]
    pub images: Vec<String>,

    /// Who no longer needs them
    #[arg(long, value_name = "NAME")]
    pub holder: String,

    /// All images this holder has pinned
    #[arg(long, conflicts_with = "images")]
    pub all: bool,

    #[command(flatten)]
    pub looked_up: LookedUp,

    #[command(flatten)]
    pub wanted: Wanted,

    /// How to show it
    #[arg(long, default_value = "table")]
    pub format: Format,
}
