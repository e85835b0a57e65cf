//! `consign import`: a tarball of a root file system as an image.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use serde_json::json;

use consign::import::{self, Imported, Options};
use consign::load::Progress;
use consign::platform::default_platform;

use super::args::{Format, Import};
use super::failure::Failure;
use super::progress::Bars;
use super::session::Session;
use super::{document, name, output};

pub fn run(session: &Session, arguments: &Import) -> Result<()> {
    let platform = match &arguments.platform {
        Some(text) => session.platform(text)?,
        None => default_platform().clone(),
    };
    let mut options = Options::new(platform, created()?);
    options.name = arguments.name.as_deref().map(|text| name::new_name(session, text)).transpose()?;
    if let Some(message) = &arguments.message {
        options.message.clone_from(message);
    }
    for change in &arguments.change {
        options.config.change(change).map_err(|error| Failure::usage(format!("`--change`: {error}")))?;
    }
    let stdin = arguments.file == Path::new("-");
    let (mut input, from): (Box<dyn Read>, _) = if stdin {
        if output::typed() {
            return Err(Failure::usage("wanted a tarball, found a terminal on standard input")
                .hint("name the tarball, or pass it with < FILE")
                .into());
        }
        (Box::new(std::io::stdin().lock()), "standard input".to_owned())
    } else {
        let from = format!("`{}`", arguments.file.display());
        let file = open(&arguments.file).with_context(|| format!("opening {from}"))?;
        options.size = file.metadata().ok().filter(|metadata| metadata.is_file()).map(|known| known.len());
        (Box::new(file), from)
    };
    let store = session.store()?;
    let bars = (output::watched() && !arguments.quiet).then(Bars::new);
    let progress: &dyn Progress = bars.as_ref().map_or(&(), |bars| bars);
    let imported = import::import(&store, session.sandbox(), &mut *input, &options, progress);
    drop(bars);
    show(&imported.with_context(|| format!("importing {from}"))?, &options, arguments)
}

fn open(path: &Path) -> Result<File> {
    let text = path.to_string_lossy();
    let url = ["http://", "https://", "ftp://"].into_iter().any(|scheme| text.starts_with(scheme));
    if url && !path.exists() {
        return Err(Failure::usage("wanted a file or `-`, found a URL")
            .hint("fetch it first: curl -L URL | consign import -")
            .into());
    }
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(Failure::usage("wanted a tarball, found a directory")
            .hint("tar it first: tar -C DIR -c . | consign import -")
            .into());
    }
    Ok(file)
}

/// Now, or what `SOURCE_DATE_EPOCH` says (reproducible-builds.org): seconds since 1970.
fn created() -> Result<SystemTime> {
    const VARIABLE: &str = "SOURCE_DATE_EPOCH";
    let Some(text) = std::env::var_os(VARIABLE).filter(|text| !text.is_empty()) else {
        return Ok(consign::clock::now());
    };
    let text = text.to_string_lossy();
    let time = text.parse().ok().and_then(|seconds| UNIX_EPOCH.checked_add(Duration::from_secs(seconds)));
    time.ok_or_else(|| {
        Failure::usage(format!("{VARIABLE}: wanted seconds since 1970, found `{text}`")).into()
    })
}

fn show(imported: &Imported, options: &Options, arguments: &Import) -> Result<()> {
    match arguments.format {
        Format::Json if !arguments.quiet => output::json(&json!({
            "id": imported.id.to_string(),
            "manifest": document::descriptor(&imported.manifest),
            "layer": document::descriptor(&imported.layer),
            "diffId": imported.diff_id.to_string(),
            "platform": document::platform(&imported.platform),
            "name": options.name.as_ref().map(consign::resolve::name),
        })),
        _ => output::lines([imported.id.to_string()]),
    }
}
