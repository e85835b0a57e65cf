//! Images to and from archives, directories and root file systems.

use std::path::PathBuf;

use clap::Args;
use consign::layer::compress::Method;

use super::values::{Form, Format};
use super::{LookedUp, Reached, Trusted, Wanted};

#[derive(Debug, Args)]
#[command(mut_arg("signature_policy", |argument| argument.visible_alias("policy")))]
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

    #[command(flatten)]
    pub trusted: Trusted,

    /// How to show what was loaded
    #[arg(long, default_value = "table")]
    pub format: Format,

    /// Only image IDs, no progress
    #[arg(short, long)]
    pub quiet: bool,
}

#[derive(Debug, Args)]
pub struct Save {
    /// The images, by name or ID
    #[arg(value_name = "IMAGE", required = true)]
    pub images: Vec<String>,

    /// The archive, or, for oci-dir and docker-dir, a new or empty directory, or a docker-dir whose image makes way; - is
    /// standard output [default: -]
    #[arg(short, long, value_name = "PATH")]
    pub output: Option<PathBuf>,

    /// What to write
    #[arg(long, default_value = "docker-archive")]
    pub format: Form,

    #[command(flatten)]
    pub looked_up: LookedUp,

    #[command(flatten)]
    pub wanted: Wanted,

    /// Fail where images of an index are not in the store, instead of leaving them out
    #[arg(long, conflicts_with_all = ["platform", "sparse"])]
    pub all_platforms: bool,

    /// Keep an index as it is although it then names content that is not in the output
    #[arg(long)]
    pub sparse: bool,

    /// Compress layers that are not: gzip[:1-9] or zstd[:1-22]; manifests and indexes then have other digests
    #[arg(long, value_name = "FORMAT", num_args = 0..=1, default_missing_value = "gzip")]
    pub compress: Option<Method>,

    /// As podman has it; several images are always taken
    #[arg(short, long, hide = true)]
    pub multi_image_archive: bool,

    /// As podman has it; layers stay as they are unless --compress says otherwise
    #[arg(long, hide = true, conflicts_with = "compress")]
    pub uncompressed: bool,

    /// One more name for the image, when there is only one
    #[arg(long, value_name = "NAME")]
    pub additional_tag: Vec<String>,

    /// Fill a directory with hard links to the store's files; what changes them there changes the store
    /// [default: for root clones or copies, otherwise links]
    #[arg(long)]
    pub link: bool,

    /// How to show what was saved; a table only says where something had to be left out or changed
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub report: Format,

    /// No progress, and nothing about what had to be left out
    #[arg(short, long)]
    pub quiet: bool,
}

#[derive(Debug, Args)]
pub struct Unpack {
    /// A name, an ID or the beginning of one in the store, or transport:reference
    #[arg(value_name = "IMAGE")]
    pub image: String,

    /// A new or empty directory. A new one has its name when all is written, until then a hidden one beside it; one
    /// that is there is filled, and emptied again where that fails
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,

    #[command(flatten)]
    pub looked_up: LookedUp,

    #[command(flatten)]
    pub wanted: Wanted,

    #[command(flatten)]
    pub reached: Reached,

    /// Write an OCI runtime bundle: the root file system to DIR/rootfs, and DIR/config.json
    #[arg(long)]
    pub bundle: bool,

    /// Everything belongs to the caller; owners are recorded in user.rootlesscontainers, devices are empty files
    #[arg(long)]
    pub rootless: bool,

    /// Go on after an entry that cannot be written; the exit code is 1 then
    #[arg(short, long)]
    pub keep_going: bool,

    /// How to show what was written
    #[arg(long, default_value = "table")]
    pub format: Format,

    /// Do not say what could not be set
    #[arg(short, long, conflicts_with = "format")]
    pub quiet: bool,
}

#[derive(Debug, Args)]
pub struct Import {
    /// The tarball, plain or compressed with gzip or zstd; - is standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// A name for the image
    #[arg(value_name = "NAME")]
    pub name: Option<String>,

    /// A Dockerfile instruction for the image's config: CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD,
    /// STOPSIGNAL, USER, VOLUME or WORKDIR
    #[arg(short, long, value_name = "INSTRUCTION")]
    pub change: Vec<String>,

    /// The comment of the image's one step of history [default: Imported from -]
    #[arg(short, long, value_name = "TEXT")]
    pub message: Option<String>,

    /// The platform the image is for [default: this machine's]
    #[arg(long, value_name = "PLATFORM")]
    pub platform: Option<String>,

    /// How to show it
    #[arg(long, default_value = "table")]
    pub format: Format,

    /// Only the image ID, no progress
    #[arg(short, long)]
    pub quiet: bool,
}
