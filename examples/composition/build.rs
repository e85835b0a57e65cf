//! Builds the two components beside this file for wasm32 and encodes them.

use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const WASM: &str = "wasm32-unknown-unknown";
const PROFILE: &str = "component";

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo:rerun-if-env-changed=CONSIGN_IMAGES");
    for path in ["build.rs", "images", "normalise", "../Cargo.toml", "../Cargo.lock", "../../wit"] {
        println!("cargo:rerun-if-changed={path}");
    }
    println!("cargo:rerun-if-changed=../../tests/fixtures/attested.oci.tar");
    for name in ["images", "normalise"] {
        fs::write(out.join(format!("{name}.wasm")), component(name, &out)?)?;
    }
    Ok(())
}

fn component(name: &str, out: &Path) -> Result<Vec<u8>, Box<dyn Error>> {
    // A directory of its own: the outer build holds the lock of its own one.
    let target = out.join("guests");
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(["build", "--locked", "--target", WASM, "--profile", PROFILE, "--package"])
        .arg(format!("consign-{name}"))
        .arg("--target-dir")
        .arg(&target);
    // The outer build's flags are for another target.
    for variable in ["CARGO_ENCODED_RUSTFLAGS", "RUSTFLAGS", "RUSTC_WORKSPACE_WRAPPER", "TARGET", "HOST"] {
        cargo.env_remove(variable);
    }
    let status = cargo.status()?;
    if !status.success() {
        return Err(format!("building `{name}` for {WASM}: {status}; is the target installed?").into());
    }
    let module = fs::read(target.join(WASM).join(PROFILE).join(format!("consign_{name}.wasm")))?;
    let encoder = wit_component::ComponentEncoder::default().module(&module)?;
    Ok(encoder.validate(true).encode()?)
}
