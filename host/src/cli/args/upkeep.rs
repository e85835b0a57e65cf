//! The store's own upkeep, and what consign writes about itself.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Reached;
use super::values::{Format, Shape, World};

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

    /// Fetch content that is damaged or gone from this archive, layout or directory, or this image in a registry
    #[arg(long, value_name = "SOURCE", requires = "repair")]
    pub from: Vec<String>,

    #[command(flatten)]
    pub reached: Reached,

    /// How to show it
    #[arg(long, default_value = "table")]
    pub format: Format,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Component {
    #[command(subcommand)]
    pub command: Option<ComponentCommand>,

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

#[derive(Debug, Subcommand)]
pub enum ComponentCommand {
    /// Push the component into a registry, as wkg does
    Push(ComponentPush),
}

#[derive(Debug, Args)]
pub struct ComponentPush {
    /// Where to: a name, with or without docker://
    #[arg(value_name = "NAME")]
    pub name: String,

    /// Which world
    #[arg(long, default_value = "resolver")]
    pub world: World,

    /// Another component, in a file
    #[arg(long, value_name = "FILE", conflicts_with = "world")]
    pub file: Option<PathBuf>,

    /// Who made it
    #[arg(long, value_name = "NAME")]
    pub author: Option<String>,

    /// One more annotation of the manifest
    #[arg(long, value_name = "KEY=VALUE")]
    pub annotation: Vec<String>,

    /// Write the digest of what was pushed into a file
    #[arg(long, value_name = "FILE")]
    pub digestfile: Option<PathBuf>,

    #[command(flatten)]
    pub reached: Reached,

    /// How to show what was pushed
    #[arg(long, default_value = "table")]
    pub format: Format,

    /// Only the digest
    #[arg(short, long, conflicts_with = "format")]
    pub quiet: bool,
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
