//! Completions and manual pages, from the argument definitions.

use anyhow::{Context, Result};
use clap::CommandFactory;

use super::args::{Arguments, Completions, Man};
use super::output;

pub fn completions(arguments: &Completions) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "consign", &mut script);
    output::bytes(&script)
}

pub fn man(arguments: &Man) -> Result<()> {
    clap_mangen::generate_to(Arguments::command(), &arguments.directory)
        .with_context(|| format!("writing manual pages into `{}`", arguments.directory.display()))
}
