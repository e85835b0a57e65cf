//! `consign-composition resolve RESOLVER NAME [OUTPUT]` resolves a name over images that are within the component;
//! `consign-composition normalise NAMES TEXT [OUTPUT]` normalises one. RESOLVER and NAMES are consign's components,
//! `-` is standard input; the composed component is written to OUTPUT. `consign-composition parts DIR` writes the
//! components that are composed with them.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use composition::{IMAGES, NORMALISE, Normaliser, compose, interface};
use embed::resolution::{Options, Subject};
use embed::types::{Platform, Rules};
use embed::{Component, Images, Limits};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [parts, folder] = arguments.as_slice()
        && parts == "parts"
    {
        fs::write(Path::new(folder).join("images.wasm"), IMAGES)?;
        fs::write(Path::new(folder).join("normalise.wasm"), NORMALISE)?;
        return Ok(());
    }
    let [what, file, text, output @ ..] = arguments.as_slice() else {
        return Err(
            "usage: consign-composition resolve|normalise COMPONENT TEXT [OUTPUT], or parts DIR".into()
        );
    };
    let component = embed::component_bytes(file)?;
    let composed = match what.as_str() {
        "resolve" => compose(IMAGES, &component)?,
        "normalise" => compose(&component, NORMALISE)?,
        other => return Err(format!("wanted `resolve` or `normalise`, found `{other}`").into()),
    };
    let interface = interface(&composed)?;
    println!(
        "{} bytes, {} imports, exports {}",
        composed.len(),
        interface.imports.len(),
        interface.exports.join(" ")
    );
    if let Some(output) = output.first() {
        fs::write(output, &composed)?;
    }
    if what == "normalise" {
        println!("{}", Normaliser::new(&composed)?.normalise(text)??);
        return Ok(());
    }
    let host = Platform {
        os: "linux".to_owned(),
        architecture: "amd64".to_owned(),
        variant: None,
        os_version: None,
        os_features: Vec::new(),
    };
    let options = Options { platform: None, host, rules: Rules::Docker };
    // The host has nothing to offer, and is not asked.
    let mut instance = Component::new(&composed, Limits::default())?.instance();
    let (answer, _) = instance.resolve(Images::default(), &Subject::Text(text.clone()), &options)?;
    let image = answer.map_err(|error| format!("`{text}`: {error:?}"))?;
    println!("{} for {}/{}", image.config.digest, image.platform.os, image.platform.architecture);
    Ok(())
}
