//! The components, from the command.

use std::env;
use std::process::{Command, Stdio};

/// The component of a world.
pub fn component(world: &str) -> Vec<u8> {
    consign(&["component", "--world", world])
}

/// What the command prints. `CONSIGN` names the command; by default cargo builds and runs it from the repository's
/// root.
pub fn consign(arguments: &[&str]) -> Vec<u8> {
    let mut command = match env::var_os("CONSIGN") {
        Some(command) => Command::new(command),
        None => {
            let mut cargo = Command::new("cargo");
            cargo.args(["run", "--locked", "--quiet", "--"]);
            cargo.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
            cargo
        }
    };
    let output = command.args(arguments).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", output.status);
    output.stdout
}
