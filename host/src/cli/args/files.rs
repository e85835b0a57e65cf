//! Arguments of the commands that look into layers.

use clap::{Args, ValueEnum};

use super::{Format, LookedUp, Reached, Shape, Wanted};

/// How an image whose files are meant is found and read.
#[derive(Debug, Args)]
pub struct Reach {
    #[command(flatten)]
    pub looked_up: LookedUp,

    #[command(flatten)]
    pub wanted: Wanted,

    #[command(flatten)]
    pub reached: Reached,

    /// Keep nothing of layers that are read where they lie, and use nothing that was kept
    #[arg(long)]
    pub no_cache: bool,
}

/// An image whose files are meant.
#[derive(Debug, Args)]
pub struct Image {
    /// A name, an ID or the beginning of one in the store, or transport:reference
    #[arg(value_name = "IMAGE")]
    pub image: String,

    #[command(flatten)]
    pub reach: Reach,
}

/// How entries are listed.
#[derive(Debug, Args)]
pub struct Listed {
    /// With mode, owner, size, time and where links lead
    #[arg(short, long)]
    pub long: bool,

    /// Sizes for people
    #[arg(short = 'H', long, requires = "long")]
    pub human: bool,

    /// Paths as they are, each ended by a NUL instead of a line feed
    #[arg(short = '0', long, conflicts_with_all = ["long", "format"])]
    pub zero: bool,

    /// Only what this layer has, whiteouts among it: its number, 0 being the base layer, or the beginning of its digest,
    /// diff ID or chain ID
    #[arg(long, value_name = "LAYER")]
    pub layer: Option<String>,

    /// How to show it
    #[arg(long, default_value = "table")]
    pub format: Format,
}

#[derive(Debug, Args)]
pub struct Ls {
    #[command(flatten)]
    pub image: Image,

    /// What to list: files, or what is in directories [default: /]
    #[arg(value_name = "PATH")]
    pub paths: Vec<String>,

    /// Also names that begin with a dot
    #[arg(short, long, short_alias = 'A')]
    pub all: bool,

    /// Directories themselves, and links, instead of what is in them
    #[arg(short, long, conflicts_with = "recursive")]
    pub directory: bool,

    /// Everything below, by its whole path
    #[arg(short = 'R', long)]
    pub recursive: bool,

    #[command(flatten)]
    pub listed: Listed,
}

#[derive(Debug, Args)]
pub struct Find {
    #[command(flatten)]
    pub image: Image,

    /// Patterns: * and ? do not match /, ** does, [a-z] is one of these. With / in it it has to match the whole path,
    /// otherwise the name [default: *]
    #[arg(value_name = "GLOB")]
    pub globs: Vec<String>,

    /// Only this kind; several may be given
    #[arg(short, long = "type", value_name = "TYPE", value_delimiter = ',')]
    pub kinds: Vec<Type>,

    /// Only files of this many bytes, or more (+) or fewer (-) than that: 4096, +10M, -1k
    #[arg(long, value_name = "SIZE", allow_hyphen_values = true)]
    pub size: Option<String>,

    #[command(flatten)]
    pub listed: Listed,
}

/// Kinds, with the letters of find(1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Type {
    /// Regular files, hard links to them among these
    #[value(alias = "f")]
    File,
    /// Directories
    #[value(alias = "d")]
    Directory,
    /// Symbolic links
    #[value(alias = "l")]
    Symlink,
    /// Character devices
    #[value(alias = "c")]
    CharDevice,
    /// Block devices
    #[value(alias = "b")]
    BlockDevice,
    /// Named pipes
    #[value(alias = "p")]
    Fifo,
    /// Other names of a file
    #[value(alias = "h")]
    HardLink,
}

#[derive(Debug, Args)]
pub struct Cat {
    #[command(flatten)]
    pub image: Image,

    /// The files, from the image's root; links are followed within the image
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<String>,

    /// Read layers as a whole first, and hold them against the image: where they lie uncompressed outside the store, files
    /// are otherwise given as they are
    #[arg(long)]
    pub verify: bool,
}

#[derive(Debug, Args)]
pub struct Diff {
    /// The image; where it is the only one, what its top layer changes is shown
    #[arg(value_name = "IMAGE")]
    pub image: String,

    /// The image to compare it with
    #[arg(value_name = "OTHER")]
    pub other: Option<String>,

    #[command(flatten)]
    pub reach: Reach,

    /// What this layer changes of those below it: its number, 0 being the base layer, or the beginning of its digest,
    /// diff ID or chain ID
    #[arg(long, value_name = "LAYER", conflicts_with = "other")]
    pub layer: Option<String>,

    /// Only what is at or below this path
    #[arg(long, value_name = "PATH")]
    pub path: Option<String>,

    /// What may differ
    #[arg(long, value_name = "ASPECT", value_delimiter = ',')]
    pub ignore: Vec<Aspect>,

    /// Sizes, and what is another of what changed [default where two images are compared]
    #[arg(short, long)]
    pub long: bool,

    /// Only A, C or D and the path
    #[arg(short, long, conflicts_with_all = ["long", "format"])]
    pub quiet: bool,

    /// How to show it
    #[arg(long, default_value = "table")]
    pub format: Format,
}

/// What can be another of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Aspect {
    /// The content of files
    Content,
    /// Permission bits
    Mode,
    /// Owner and group
    Owner,
    /// When files were modified
    Time,
    /// Extended attributes
    Xattrs,
}

#[derive(Debug, Args)]
pub struct Layers {
    #[command(flatten)]
    pub image: Image,

    /// Show digests and commands in full
    #[arg(long)]
    pub no_trunc: bool,

    /// Only diff IDs, base layer first
    #[arg(short, long)]
    pub quiet: bool,

    /// How to show it: table, json, or a Go template with the fields .Layer .Digest .DiffID .ChainID .MediaType .Size
    /// .UncompressedSize .Entries .Wasted .CreatedBy; `table TEMPLATE` aligns it under a header
    #[arg(long, default_value = "table", conflicts_with = "quiet", value_name = "FORMAT")]
    pub format: Shape,
}

#[derive(Debug, Args)]
pub struct Cp {
    /// What to copy: IMAGE:PATH, where PATH begins with a slash; ending in /. it is what is in a directory
    #[arg(value_name = "IMAGE:PATH")]
    pub source: String,

    /// Where to: a new name, a file, or a directory that it is put into; - writes a tar to standard output
    #[arg(value_name = "DEST")]
    pub destination: std::path::PathBuf,

    #[command(flatten)]
    pub reach: Reach,

    /// Read layers as a whole first, and hold them against the image: where they lie uncompressed outside the store, files
    /// are otherwise given as they are
    #[arg(long)]
    pub verify: bool,

    /// Copy what a symbolic link leads to instead of the link
    #[arg(short = 'L', long)]
    pub follow_link: bool,

    /// Keep owners, as far as they may be set
    #[arg(short, long)]
    pub archive: bool,
}
