//! `consign inspect`: an image's details, as `docker image inspect` shows them.

use anyhow::{Context, Result, anyhow};
use serde_json::{Map, Value, json};

use consign::resolve;
use consign::types::Descriptor;
use consign::types::manifests::{ContainerConfig, Healthcheck, ImageConfig};
use consign::types::resolution::{Options, Resolved};

use super::args::{Format, Inspect};
use super::failure::{Failure, Failures};
use super::image::{self, Opened};
use super::refusal::with_hint;
use super::session::Session;
use super::{document, output};

pub fn run(session: &Session, arguments: &Inspect) -> Result<()> {
    let options = session.options(&arguments.wanted)?;
    let mut documents = Vec::new();
    let mut failures = Vec::new();
    for text in &arguments.images {
        // As docker does: what is there is shown, whatever else is not.
        match one(session, arguments, &options, text) {
            Ok(Shown::Bytes(bytes)) => output::bytes(&bytes)?,
            Ok(Shown::Document(document)) => documents.push(document),
            Err(error) => failures.push(error),
        }
    }
    if !arguments.raw && !arguments.config {
        match arguments.format {
            Format::Json => output::json(&documents)?,
            Format::Table => {
                output::table(&["", ""], &documents.iter().flat_map(rows).collect::<Vec<_>>())?;
            }
        }
    }
    Failures::all(failures)
}

/// What one image is shown as.
enum Shown {
    /// Stored bytes.
    Bytes(Vec<u8>),
    /// The document of `docker image inspect`.
    Document(Value),
}

fn one(session: &Session, arguments: &Inspect, options: &Options, text: &str) -> Result<Shown> {
    let opened = image::open(session, text)?;
    if arguments.raw && options.platform.is_none() {
        let target = opened.target(session, options).map_err(|error| with_hint(error, &opened))?;
        return content(&opened, &target).map(Shown::Bytes);
    }
    let resolved = opened.resolve(session, options).map_err(|error| with_hint(error, &opened))?;
    if arguments.raw {
        let manifest = resolved.manifest.as_ref().ok_or_else(|| {
            Failure::no(format!("image `{}` has a config and no manifest here", resolved.config.digest))
        })?;
        return content(&opened, manifest).map(Shown::Bytes);
    }
    let config = content(&opened, &resolved.config)?;
    if arguments.config {
        return Ok(Shown::Bytes(config));
    }
    let parsed = session
        .sandbox()
        .parse_image_config(&config)?
        .map_err(|error| anyhow!("config `{}`: {}", resolved.config.digest, resolve::document(&error)))?;
    inspection(session, &opened, &resolved, &parsed).map(Shown::Document)
}

fn content(opened: &Opened, target: &Descriptor) -> Result<Vec<u8>> {
    resolve::read(opened.content(), target)
        .with_context(|| format!("reading `{}`", target.digest))?
        .ok_or_else(|| Failure::no(format!("wanted `{}`, which is not here", target.digest)).into())
}

fn inspection(
    session: &Session,
    opened: &Opened,
    resolved: &Resolved,
    config: &ImageConfig,
) -> Result<Value> {
    let names = opened.names(session, resolved)?;
    let sizes = resolved.layers.iter().filter_map(|layer| layer.blob.as_ref());
    let mut image = Map::new();
    let mut put = |key: &str, value: Value| drop(image.insert(key.to_owned(), value));
    put("Id", json!(resolved.config.digest));
    put("RepoTags", json!(names.tags));
    put("RepoDigests", json!(names.digests));
    put("Parent", json!(config.parent.as_deref().unwrap_or_default()));
    put("Comment", json!(config.comment.as_deref().unwrap_or_default()));
    put("Created", json!(config.created));
    put("DockerVersion", json!(config.docker_version.as_deref().unwrap_or_default()));
    put("Author", json!(config.author.as_deref().unwrap_or_default()));
    put("Config", config.config.as_ref().map_or(Value::Null, container));
    put("Architecture", json!(config.platform.architecture));
    if let Some(variant) = &config.platform.variant {
        put("Variant", json!(variant));
    }
    put("Os", json!(config.platform.os));
    if let Some(version) = &config.platform.os_version {
        put("OsVersion", json!(version));
    }
    put("Size", json!(sizes.map(|blob| blob.size).sum::<u64>()));
    put("RootFS", json!({"Type": config.rootfs_type, "Layers": config.diff_ids}));
    put("Metadata", json!({"LastTagTime": names.last_tagged}));
    put(
        "Consign",
        json!({
            "Target": document::descriptor(&resolved.target),
            "Indexes": resolved.indexes.iter().map(document::descriptor).collect::<Vec<_>>(),
            "Manifest": resolved.manifest.as_ref().map(document::descriptor),
            "Config": document::descriptor(&resolved.config),
            "ChainID": resolved.layers.last().map(|layer| &layer.chain_id),
            "History": config.history.iter().map(|step| json!({
                "created": step.created,
                "created_by": step.created_by,
                "author": step.author,
                "comment": step.comment,
                "empty_layer": step.empty_layer,
            })).collect::<Vec<_>>(),
        }),
    );
    Ok(Value::Object(image))
}

/// Docker's container config: lists that are absent are `null`, and what is marked so is left out when empty.
fn container(config: &ContainerConfig) -> Value {
    let set = |names: &Option<Vec<String>>| {
        names.as_ref().map(|names| names.iter().map(|name| (name.clone(), json!({}))).collect::<Map<_, _>>())
    };
    let mut document = Map::new();
    let mut put = |key: &str, value: Value| drop(document.insert(key.to_owned(), value));
    put("Hostname", json!(config.hostname));
    put("Domainname", json!(config.domainname));
    put("User", json!(config.user));
    put("AttachStdin", json!(config.attach_stdin));
    put("AttachStdout", json!(config.attach_stdout));
    put("AttachStderr", json!(config.attach_stderr));
    if let Some(ports) = set(&config.exposed_ports).filter(|ports| !ports.is_empty()) {
        put("ExposedPorts", Value::Object(ports));
    }
    put("Tty", json!(config.tty));
    put("OpenStdin", json!(config.open_stdin));
    put("StdinOnce", json!(config.stdin_once));
    put("Env", json!(config.env));
    put("Cmd", json!(config.cmd));
    if let Some(check) = &config.healthcheck {
        put("Healthcheck", healthcheck(check));
    }
    if config.args_escaped {
        put("ArgsEscaped", json!(true));
    }
    put("Image", json!(config.image));
    put("Volumes", json!(set(&config.volumes)));
    put("WorkingDir", json!(config.working_dir));
    put("Entrypoint", json!(config.entrypoint));
    if config.network_disabled {
        put("NetworkDisabled", json!(true));
    }
    if !config.mac_address.is_empty() {
        put("MacAddress", json!(config.mac_address));
    }
    put("OnBuild", json!(config.on_build));
    let labels = config
        .labels
        .as_ref()
        .map(|labels| labels.iter().map(|(key, value)| (key.clone(), json!(value))).collect::<Map<_, _>>());
    put("Labels", json!(labels));
    if !config.stop_signal.is_empty() {
        put("StopSignal", json!(config.stop_signal));
    }
    if let Some(timeout) = config.stop_timeout {
        put("StopTimeout", json!(timeout));
    }
    if let Some(shell) = config.shell.as_ref().filter(|shell| !shell.is_empty()) {
        put("Shell", json!(shell));
    }
    Value::Object(document)
}

/// Nanoseconds; what was not said is left out.
fn healthcheck(check: &Healthcheck) -> Value {
    let mut document = Map::new();
    if let Some(test) = &check.test {
        document.insert("Test".into(), json!(test));
    }
    let said = [
        ("Interval", check.interval),
        ("Timeout", check.timeout),
        ("StartPeriod", check.start_period),
        ("StartInterval", check.start_interval),
        ("Retries", check.retries),
    ];
    for (key, value) in said.into_iter().filter(|(_, value)| *value != 0) {
        document.insert(key.into(), json!(value));
    }
    Value::Object(document)
}

/// The document's members that are short enough for a table.
fn rows(document: &Value) -> Vec<Vec<String>> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Array(texts) => texts.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    };
    let shown =
        ["Id", "RepoTags", "RepoDigests", "Created", "Author", "Os", "Architecture", "Variant", "Size"];
    let mut rows: Vec<Vec<String>> = shown
        .iter()
        .filter_map(|key| document.get(*key).map(|value| vec![(*key).to_owned(), text(value)]))
        .collect();
    let container = ["User", "Env", "Entrypoint", "Cmd", "WorkingDir"];
    rows.extend(container.iter().filter_map(|key| {
        let value = document.get("Config")?.get(*key).filter(|value| !value.is_null())?;
        Some(vec![(*key).to_owned(), text(value)])
    }));
    let layers = document["RootFS"]["Layers"].as_array().map(Vec::as_slice).unwrap_or_default();
    rows.extend(layers.iter().map(|layer| vec!["Layer".to_owned(), text(layer)]));
    rows
}
