//! The command line, as clap reads it. Completions and man pages are generated from these definitions.

mod files;
mod values;

use std::path::PathBuf;

use clap::{Args, FromArgMatches, Parser, Subcommand};
use consign::layer::compress::Method;

pub use files::{Aspect, Cat, Cp, Diff, Find, Image, Layers, Listed, Ls, Type};
pub use values::{Form, Format, Lookup, Policy, Rules, Shape, Sort, World};

/// A container-image store and resolver without a daemon.
#[derive(Debug, Parser)]
#[command(name = "consign", version, propagate_version = true, disable_help_subcommand = true)]
pub struct Arguments {
    #[command(flatten)]
    pub globals: Globals,

    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
pub struct Globals {
    /// The store's directory [default: $XDG_DATA_HOME/consign; for root /var/lib/consign]
    #[arg(long, global = true, env = "CONSIGN_ROOT", hide_env_values = true, value_name = "DIR")]
    pub root: Option<PathBuf>,

    /// A store that is only read, looked into after the own one; several are looked into in order
    #[arg(long, global = true, value_name = "DIR")]
    pub additional_store: Vec<PathBuf>,
}

impl Arguments {
    /// Reads the process's arguments where they are those of a command that is done in a millisecond or two:
    /// defining all the other commands first would be a tenth of that. `None` for anything else, and where
    /// there is something to say about them.
    pub fn quickly() -> Option<Arguments> {
        let name = std::env::args_os().nth(1)?;
        match name.to_str()? {
            "resolve" => only("resolve", Command::Resolve),
            "inspect" => only("inspect", Command::Inspect),
            "images" => only("images", Command::Images),
            "history" => only("history", Command::History),
            "tag" => only("tag", Command::Tag),
            "ls" => only("ls", Command::Ls),
            "cat" => only("cat", Command::Cat),
            _ => None,
        }
    }
}

/// Reads the process's arguments as those of this command alone.
fn only<T: Args>(name: &'static str, command: fn(T) -> Command) -> Option<Arguments> {
    let definition = T::augment_args(clap::Command::new(name));
    let all = Globals::augment_args(clap::Command::new("consign")).subcommand(definition);
    let matches = all.try_get_matches_from(std::env::args_os()).ok()?;
    let globals = Globals::from_arg_matches(&matches).ok()?;
    let arguments = T::from_arg_matches(matches.subcommand_matches(name)?).ok()?;
    Some(Arguments { globals, command: command(arguments) })
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
    /// The steps an image was made by, the last one first
    History(History),
    /// The layers of an image as a tree, with the images that end on them
    Tree(Tree),
    /// The layers of an image: digests, sizes, and how much of them is wasted
    Layers(Layers),
    /// List what is in the directories of an image
    Ls(Ls),
    /// Write out files of an image
    Cat(Cat),
    /// Find files of an image by name, kind and size
    Find(Find),
    /// Copy files of an image out, to the file system or as a tar
    Cp(Cp),
    /// What differs between the files of two images, or what a layer changes
    Diff(Diff),
    /// Take every image of an archive, a layout or a directory into the store
    Load(Load),
    /// Pull images from registries, archives or directories
    Pull(Pull),
    /// Keep credentials for a registry
    Login(Login),
    /// Forget the credentials for a registry
    Logout(Logout),
    /// Tags in a registry
    Tags(Tags),
    /// Write images to an archive or a directory, for docker, podman, skopeo and consign
    Save(Save),
    /// Make an image of a root file system tarball
    Import(Import),
    /// Write an image's root file system, or a bundle for runc and crun, to a directory
    Unpack(Unpack),
    /// Give an image another name
    Tag(Tag),
    /// Take names away; the images stay
    Untag(Untag),
    /// Remove images
    #[command(visible_alias = "rmi")]
    Rm(Rm),
    /// Remove the images nobody needs
    Prune(Prune),
    /// Keep images from being removed, in somebody's name
    Pin(Pin),
    /// Take back pins
    Unpin(Unpin),
    /// Collect content nothing needs
    Gc(Gc),
    /// What happened to images, in podman's words
    Events(Events),
    /// Check the store: every blob's digest, every reference between blobs
    Check(Check),
    /// Write the WebAssembly component to embed elsewhere
    Component(Component),
    /// Write a completion script for a shell
    Completions(Completions),
    /// Write the manual pages into a directory
    Man(Man),
}

#[derive(Debug, Clone, Args)]
pub struct Wanted {
    /// The platform, os/architecture[/variant] [default: this machine's]
    #[arg(long, value_name = "PLATFORM")]
    pub platform: Option<String>,

    /// Whose rules choose from an index [default: those that go with --lookup]
    #[arg(long, value_name = "RULES", default_value = "docker", hide_default_value = true)]
    #[arg(default_value_ifs = [("lookup", "podman", "podman"), ("lookup", "podman-1", "podman")])]
    pub rules: Rules,
}

#[derive(Debug, Args)]
pub struct LookedUp {
    /// Whose order of looking names and IDs up is followed
    #[arg(long, value_name = "LOOKUP", default_value = "docker")]
    pub lookup: Lookup,
}

#[derive(Debug, Args)]
pub struct Resolve {
    /// A name, an ID or the beginning of one in the store, or transport:reference
    #[arg(value_name = "IMAGE")]
    pub image: String,

    #[command(flatten)]
    pub looked_up: LookedUp,

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
    pub looked_up: LookedUp,

    #[command(flatten)]
    pub wanted: Wanted,

    /// The manifest's bytes as they are stored; an index's where the name means one and no platform is asked for
    #[arg(long)]
    pub raw: bool,

    /// The image config's bytes as they are stored
    #[arg(long, conflicts_with = "raw")]
    pub config: bool,

    /// How to show it: json, table (the main members), or a Go template over the document
    #[arg(short, long, default_value = "json", value_name = "FORMAT")]
    pub format: Shape,
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
    /// .CreatedSince .CreatedAt .Size; `table TEMPLATE` aligns it under a header
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

/// How registries are reached, where that is not as this machine is configured.
#[derive(Debug, Clone, Args)]
pub struct Reached {
    /// Whether registries have to show a certificate of a known authority
    /// [default: true, but for those registries.conf calls insecure and those on this machine]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub tls_verify: Option<bool>,

    /// Certificates, as in a directory below certs.d
    #[arg(long, value_name = "DIR")]
    pub cert_dir: Option<PathBuf>,

    /// Who asks, USER[:PASSWORD]
    #[arg(long, value_name = "CREDENTIALS")]
    pub creds: Option<String>,

    /// The file with credentials [default: $REGISTRY_AUTH_FILE, or those of podman and docker]
    #[arg(long, value_name = "FILE")]
    pub authfile: Option<PathBuf>,

    /// How often a request is made again that failed on the way
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub retry: u32,
}

impl Default for Reached {
    fn default() -> Self {
        Reached { tls_verify: None, cert_dir: None, creds: None, authfile: None, retry: 3 }
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

    #[command(flatten)]
    pub looked_up: LookedUp,

    /// Whose rules choose from an index [default: those that go with --lookup]
    #[arg(long, value_name = "RULES", default_value = "docker", hide_default_value = true)]
    #[arg(default_value_ifs = [("lookup", "podman", "podman"), ("lookup", "podman-1", "podman")])]
    pub rules: Rules,

    /// Pull only an image with this label, key or key=value; it is looked at before layers are fetched
    #[arg(long, value_name = "LABEL")]
    pub require_label: Vec<String>,

    /// Write the digest of what was pulled into a file
    #[arg(long, value_name = "FILE")]
    pub digestfile: Option<PathBuf>,

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
pub struct Save {
    /// The images, by name or ID
    #[arg(value_name = "IMAGE", required = true)]
    pub images: Vec<String>,

    /// The archive, or, for oci-dir and docker-dir, a new or empty directory; - is standard output [default: -]
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

#[derive(Debug, Args)]
pub struct Gc {
    /// How to show it
    #[arg(long, default_value = "table")]
    pub format: Format,
}

#[derive(Debug, Args)]
pub struct Events {
    /// Only events from then on: RFC 3339, seconds since 1970, or so long ago, as 10m or 1h30m
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,

    /// Only events up to then; so long from now, where it is a duration
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,

    /// Only events with event=KIND, image=NAME|ID, type=image, or label=KEY[=VALUE]: an attribute of theirs, or a
    /// label of their image while that is in the store. Of labels all have to be there
    #[arg(long, short, value_name = "KEY=VALUE")]
    pub filter: Vec<String>,

    /// Go on with new events until --until; without --since only these
    #[arg(long, alias = "stream", default_value_t = false, action = clap::ArgAction::Set, num_args = 0..=1,
          require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub follow: bool,

    /// As podman has it; nothing is ever cut
    #[arg(long, hide = true, default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1,
          require_equals = true, default_missing_value = "true")]
    pub no_trunc: bool,

    /// How to show it: table, json, one document a line, or a Go template with the fields .ID .Name .Status .Type .Time
    /// .TimeNano .Attributes, and docker's .Action .Actor
    #[arg(long, default_value = "table", value_name = "FORMAT")]
    pub format: Shape,
}

#[derive(Debug, Args)]
pub struct Check {
    /// Only see whether everything is there and as long as it should be, without reading it
    #[arg(long, conflicts_with = "repair")]
    pub quick: bool,

    /// Put the store right: make a lost catalogue anew, take out what cannot be saved and content nothing needs
    #[arg(long)]
    pub repair: bool,

    /// Fetch content that is damaged or gone from this archive, layout or directory
    #[arg(long, value_name = "SOURCE", requires = "repair")]
    pub from: Vec<String>,

    /// How to show it
    #[arg(long, default_value = "table")]
    pub format: Format,
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
