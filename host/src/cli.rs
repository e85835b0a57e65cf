//! The command line: reads arguments, opens what they name by ambient paths, runs one operation, shows
//! what it answers. Nothing outside this module prints or takes a path.

mod args;
mod attachments;
mod cat;
mod certificates;
mod check;
mod component;
mod config;
mod containers_storage;
mod copy;
mod cp;
mod credentials;
mod delete;
mod destination;
mod diff;
mod docker_daemon;
mod document;
mod entry;
mod events;
mod exists;
mod failure;
mod files;
mod filter;
mod find;
mod gc;
mod generate;
mod history;
mod image;
mod images;
mod import;
mod input;
mod inspect;
mod inspection;
mod layers;
mod listing;
mod load;
mod login;
mod ls;
mod manifest;
mod name;
mod output;
mod pin;
mod policy;
mod progress;
mod prune;
mod pull;
mod push;
mod refusal;
mod registries;
mod remote;
mod remove;
mod replaced;
mod resolve;
mod save;
mod serve;
mod session;
mod short_names;
mod signatures;
mod sync;
mod tags;
mod template;
mod time;
mod tree;
mod unpack;

use std::process::ExitCode;

use anyhow::Result;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use args::{Arguments, Command, ComponentCommand, Policies, PoliciesCommand, Tags, TagsCommand};
use session::Session;

/// Runs the command that the process's arguments ask for.
pub fn main() -> ExitCode {
    let arguments = match Arguments::read() {
        Ok(arguments) => arguments,
        Err(error) => {
            // clap prints help and versions to standard output and mistakes to standard error. A closed
            // pipe is no mistake.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    raise_limit();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => ExitCode::from(failure::report(&error)),
    }
}

/// As many files may be open as the system lets this process have: layers may be many. What is allowed at first is meant for
/// programs that use select(2). Go's programs, and so docker and podman, do the same.
fn raise_limit() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        // Without it there are fewer.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let session = || {
        let session = Session::new(&arguments.globals)?;
        component::given(session, &arguments.globals.component)
    };
    match &arguments.command {
        // These only read, and answer in less time than closing takes: the system takes back what they
        // hold when the process ends.
        Command::Resolve(command) => resolve::run(Box::leak(Box::new(session()?)), command),
        Command::Inspect(command) => inspect::run(Box::leak(Box::new(session()?)), command),
        Command::Cat(command) => cat::run(Box::leak(Box::new(session()?)), command),
        Command::Ls(command) => ls::run(Box::leak(Box::new(session()?)), command),
        Command::Cp(command) => cp::run(&session()?, command),
        Command::Find(command) => find::run(&session()?, command),
        Command::Diff(command) => diff::run(&session()?, command),
        Command::Layers(command) => layers::run(&session()?, command),
        Command::Exists(command) => exists::run(&session()?, command),
        Command::Images(command) => images::run(&session()?, command),
        Command::History(command) => history::run(&session()?, command),
        Command::Tree(command) => tree::run(&session()?, command),
        Command::Load(command) => load::run(&session()?, command),
        Command::Pull(command) => pull::run(&session()?, command),
        Command::Push(command) => push::run(&session()?, command),
        Command::Copy(command) => copy::run(&session()?, command),
        Command::Sync(command) => sync::run(&session()?, command),
        Command::Login(command) => login::login(&session()?, command),
        Command::Logout(command) => login::logout(&session()?, command),
        Command::Tags(Tags { command: TagsCommand::List(command) }) => tags::list(&session()?, command),
        Command::Manifest(command) => manifest::run(&session()?, &command.command),
        Command::Delete(command) => delete::run(&session()?, command),
        Command::Serve(command) => serve::run(&session()?, command),
        Command::Policy(Policies { command: PoliciesCommand::Explain(command) }) => {
            policy::explain(&session()?, command)
        }
        Command::Save(command) => save::run(&session()?, command),
        Command::Import(command) => import::run(&session()?, command),
        Command::Unpack(command) => unpack::run(&session()?, command),
        Command::Tag(command) => name::tag(&session()?, command),
        Command::Untag(command) => name::untag(&session()?, command),
        Command::Rm(command) => remove::run(&session()?, command),
        Command::Prune(command) => prune::run(&session()?, command),
        Command::Pin(command) => pin::pin(&session()?, command),
        Command::Unpin(command) => pin::unpin(&session()?, command),
        Command::Gc(command) => gc::run(&session()?, command),
        Command::Events(command) => events::run(&session()?, command),
        Command::Check(command) => check::run(&session()?, command),
        Command::Component(command) => match &command.command {
            Some(ComponentCommand::Push(command)) => component::push(&session()?, command),
            None => component::run(command),
        },
        Command::Completions(command) => generate::completions(command),
        Command::Man(command) => generate::man(command),
    }
}
