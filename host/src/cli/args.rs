//! The command line, as clap reads it. Completions and man pages are generated from these definitions.

mod archives;
mod copies;
mod ends;
mod files;
mod images;
mod lifetimes;
mod manifests;
mod policy;
mod registries;
mod serving;
mod signatures;
mod upkeep;
mod values;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, FromArgMatches, Parser, Subcommand};

pub use archives::{Import, Load, Save, Unpack};
pub use copies::{Changed, Copy, Extent, MultiArch, Push, Sync};
pub use files::{Aspect, Cat, Cp, Diff, Find, Image, Layers, Listed, Ls, Reach, Type};
pub use images::{Exists, History, Images, Inspect, Resolve, Tree};
pub use lifetimes::{Pin, Prune, Rm, Tag, Unpin, Untag};
pub use manifests::{
    Manifest, ManifestAdd, ManifestAnnotate, ManifestCommand, ManifestCreate, ManifestExists,
    ManifestInspect, ManifestPush, ManifestRemove, ManifestRm, Members, Stated,
};
pub use policy::{Explain, Policies, PoliciesCommand, Trusted};
pub use registries::{Delete, Login, Logout, Pull, Reached, Tags, TagsCommand, TagsList};
pub use serving::Serve;
pub use signatures::Signed;
pub use upkeep::{Check, Completions, Component, ComponentCommand, ComponentPush, Events, Gc, Man};
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

    /// The Docker daemon of docker-daemon:, as unix://PATH, tcp://HOST:PORT, http:// or https:// [default: unix:///var/run/docker.sock]
    #[arg(long, global = true, env = "DOCKER_HOST", hide_env_values = true, value_name = "URL")]
    pub daemon_host: Option<String>,

    /// Run this component in place of the built-in one of its world (resolver, sources, podman): a file, or
    /// docker://NAME
    #[arg(long, global = true, value_name = "COMPONENT")]
    pub component: Vec<String>,
}

impl Arguments {
    /// Reads the process's arguments.
    ///
    /// # Errors
    ///
    /// What there is to say about them: mistakes, and what `--help` and `--version` ask for.
    pub fn read() -> Result<Arguments, clap::Error> {
        let words = words(std::env::args_os());
        Arguments::quickly(&words).map_or_else(|| Arguments::try_parse_from(&words), Ok)
    }

    /// The arguments of a command that is done in a millisecond or two: defining all the other commands first
    /// would be a tenth of that. `None` for anything else, and where there is something to say about them.
    fn quickly(words: &[OsString]) -> Option<Arguments> {
        match words.get(1)?.to_str()? {
            "resolve" => only(words, "resolve", Command::Resolve),
            "inspect" => only(words, "inspect", Command::Inspect),
            "exists" => only(words, "exists", Command::Exists),
            "images" => only(words, "images", Command::Images),
            "history" => only(words, "history", Command::History),
            "tag" => only(words, "tag", Command::Tag),
            "ls" => only(words, "ls", Command::Ls),
            "cat" => only(words, "cat", Command::Cat),
            _ => None,
        }
    }
}

/// The words of a command line. docker and podman have the commands for images in a group as well:
/// `image COMMAND` is COMMAND, but `image ls` and `image list` are `images`.
fn words(all: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut words: Vec<OsString> = all.into_iter().collect();
    if words.len() > 2 && words[1] == "image" {
        words.remove(1);
        if words[1] == "ls" || words[1] == "list" {
            words[1] = "images".into();
        }
    }
    words
}

/// Reads the words as those of this command alone.
fn only<T: Args>(words: &[OsString], name: &'static str, command: fn(T) -> Command) -> Option<Arguments> {
    let definition = T::augment_args(clap::Command::new(name));
    let all = Globals::augment_args(clap::Command::new("consign")).subcommand(definition);
    let matches = all.try_get_matches_from(words).ok()?;
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
    /// Whether there is such an image: exit code 0 or 1
    Exists(Exists),
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
    /// Push an image to a registry, an archive or a directory
    Push(Push),
    /// Copy an image from anywhere to anywhere, without storing it in between
    Copy(Copy),
    /// Copy the images of a list, as skopeo sync does
    Sync(Sync),
    /// Keep credentials for a registry
    Login(Login),
    /// Forget the credentials for a registry
    Logout(Logout),
    /// Tags in a registry
    Tags(Tags),
    /// Make and change indexes, which list images
    Manifest(Manifest),
    /// Delete an image from a registry
    Delete(Delete),
    /// Serve the store to other tools and machines
    Serve(Serve),
    /// What the signature policy says
    Policy(Policies),
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
