//! `consign-embed COMPONENT ARCHIVE [NAME] [PLATFORM]`: which image of an OCI archive a name means on a platform,
//! and why. A COMPONENT of `-` is read from standard input.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::error::Error;
use std::fs::File;
use std::process::ExitCode;

use embed::resolution::{Options, Subject, Verdict};
use embed::selection::Reason;
use embed::types::{Platform, Rules};
use embed::{Component, Images, Instance, Limits};

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
    let [file, archive, rest @ ..] = arguments.as_slice() else {
        return Err("usage: consign-embed COMPONENT ARCHIVE [NAME] [PLATFORM]".into());
    };
    let mut instance = Component::new(&embed::component_bytes(file)?, Limits::default())?.instance();
    let images = Images::read(File::open(archive)?, &mut instance)?;
    let Some(name) = rest.first() else {
        for name in images.names().filter(|name| name.tag.is_some()) {
            println!("{}/{}:{}", name.domain, name.path, name.tag.as_deref().unwrap_or_default());
        }
        return Ok(());
    };
    let host = host();
    let wanted = rest.get(1).map(|text| platform(&mut instance, text, &host)).transpose()?;
    let options = Options { platform: wanted, host, rules: Rules::Docker };
    let (answer, explanation) = instance.resolve(images, &Subject::Text(name.clone()), &options)?;
    for entry in &explanation.considered {
        let platform = printable(&entry.entry.platform.as_ref().map(shown).unwrap_or_default());
        let digest = entry.entry.digest.get(..19).unwrap_or(&entry.entry.digest);
        println!("{:>3}  {digest}  {platform:<16} {}", entry.position, printable(&verdict(&entry.verdict)));
    }
    let image = answer.map_err(|error| format!("`{name}`: {error:?}"))?;
    println!("image     {}  {}", image.config.digest, printable(&shown(&image.platform)));
    println!("manifest  {}", image.manifest.map_or_else(|| "none".to_owned(), |manifest| manifest.digest));
    for layer in &image.layers {
        println!("layer     {}", layer.diff_id);
    }
    Ok(())
}

/// This machine, as the component's normal form has it.
fn host() -> Platform {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    Platform {
        os: std::env::consts::OS.to_owned(),
        architecture: architecture.to_owned(),
        variant: None,
        os_version: None,
        os_features: Vec::new(),
    }
}

fn platform(instance: &mut Instance, text: &str, host: &Platform) -> Result<Platform, Box<dyn Error>> {
    let parsed = instance.call(Images::default(), |resolver, store| {
        resolver.consign_image_platforms().call_parse(store, text, host)
    })?;
    parsed.map_err(|error| format!("platform `{text}`: {:?} at byte {}", error.problem, error.offset).into())
}

fn shown(platform: &Platform) -> String {
    let parts = [Some(&platform.os), Some(&platform.architecture), platform.variant.as_ref()];
    parts.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join("/")
}

/// What strangers wrote, without what a terminal would obey.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// What became of an entry, in words.
fn verdict(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Chosen => "chosen".to_owned(),
        Verdict::Absent => "fits, but its content is not here".to_owned(),
        Verdict::ConfigDisagrees(found) => format!("its config says `{}`", shown(found)),
        Verdict::NothingWithin => "an index with nothing in it that fits".to_owned(),
        Verdict::PassedOver(reason) => match reason {
            Reason::Best => "fits best".to_owned(),
            Reason::Outranked(other) => format!("fits, but entry {other} fits better or comes before it"),
            Reason::OtherOs(os) => format!("another operating system: `{os}`"),
            Reason::OtherArchitecture(architecture) => format!("another architecture: `{architecture}`"),
            Reason::OtherVariant(variant) => {
                format!("a variant this platform does not run: `{}`", variant.as_deref().unwrap_or_default())
            }
            Reason::OtherOsVersion(version) => {
                format!("another OS version: `{}`", version.as_deref().unwrap_or_default())
            }
            Reason::MissingOsFeatures(features) => format!("needs OS features: {}", features.join(", ")),
            Reason::NoPlatform => "names no platform".to_owned(),
            Reason::Attestation => "an attestation, not an image".to_owned(),
            Reason::NotAnImage(media_type) => format!("not an image: `{media_type}`"),
        },
    }
}
