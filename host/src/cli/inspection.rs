//! The document of `docker image inspect` and `podman image inspect`: docker's members in docker's order, what
//! podman has beside them, and consign's own under `Consign`.

use anyhow::Result;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use consign::store::{About, Sizes};
use consign::types::manifests::{ContainerConfig, Document, Healthcheck, HistoryEntry};
use consign::types::resolution::Resolved;

use super::document;
use super::image::{self, Opened};
use super::session::Session;
use super::template::Data;

/// Members that hold maps: a key that is not there is no mistake.
const MAPS: [&str; 5] = ["Labels", "Annotations", "annotations", "ExposedPorts", "Volumes"];

/// Members that hold lists: `null` is an empty one.
const LISTS: [&str; 9] =
    ["RepoTags", "RepoDigests", "Env", "Cmd", "Entrypoint", "OnBuild", "Shell", "Layers", "Test"];

/// Members that the JSON leaves out where they are empty, as docker and podman do. Templates find them.
const OMITTED: [&str; 3] = ["Variant", "OsVersion", "HealthCheck"];
/// The same within `Config`.
const OMITTED_OF_CONFIG: [&str; 8] = [
    "ExposedPorts",
    "Healthcheck",
    "ArgsEscaped",
    "NetworkDisabled",
    "MacAddress",
    "StopSignal",
    "StopTimeout",
    "Shell",
];

/// The document, with every member there is.
pub struct Inspection(Value);

impl Inspection {
    /// What the JSON shows.
    pub fn json(mut self) -> Value {
        if let Some(document) = self.0.as_object_mut() {
            // The name that templates may use, too.
            document.shift_remove("ID");
            leave_out(document, &OMITTED);
            if let Some(config) = document.get_mut("Config").and_then(Value::as_object_mut) {
                leave_out(config, &OMITTED_OF_CONFIG);
            }
        }
        self.0
    }

    /// What a template says something of.
    pub fn data(&self) -> Data<'_> {
        Data { value: &self.0, maps: &MAPS, lists: &LISTS }
    }
}

fn leave_out(members: &mut Map<String, Value>, names: &[&str]) {
    members.retain(|name, value| {
        let empty = match value {
            Value::Null => true,
            Value::Bool(value) => !*value,
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::Object(members) => members.is_empty(),
            Value::Number(_) => false,
        };
        !(empty && names.contains(&name.as_str()))
    });
}

/// Puts the document together.
pub fn inspect(session: &Session, opened: &Opened, resolved: &Resolved) -> Result<Inspection> {
    let config = image::config(session, opened, resolved)?;
    let names = opened.names(session, resolved)?;
    let about = opened.about(resolved)?;
    let stored = about.is_some();
    let About { metadata, children, holders, sizes } = match about {
        Some(about) => about,
        None => {
            let unpacked = opened.layer_sizes(resolved)?.into_iter().flatten().sum();
            About { sizes: Sizes { unpacked, shared: 0 }, ..About::default() }
        }
    };
    let tagged = metadata.last_updated.map(Timestamp::try_from).transpose()?;
    let annotations = annotations(session, opened, resolved)?;
    let container = config.config.as_ref();
    let labels = labels(container);
    let parent = metadata.parent.map(|id| id.to_string()).or_else(|| config.parent.clone());
    let last = config.history.last().and_then(|step| step.comment.clone());
    let comment = config.comment.clone().filter(|text| !text.is_empty()).or(last);
    let mut members = Map::new();
    let mut put = |key: &str, value: Value| drop(members.insert(key.to_owned(), value));
    put("Id", json!(resolved.config.digest));
    put("ID", json!(resolved.config.digest));
    put("RepoTags", json!(names.tags));
    put("RepoDigests", json!(names.digests));
    put("Parent", json!(parent.unwrap_or_default()));
    put("Comment", json!(comment.unwrap_or_default()));
    put("Created", json!(config.created));
    put("DockerVersion", json!(config.docker_version.as_deref().unwrap_or_default()));
    put("Author", json!(config.author.as_deref().unwrap_or_default()));
    put("Config", container.map_or(Value::Null, of_container));
    put("Architecture", json!(config.platform.architecture));
    put("Variant", json!(config.platform.variant.as_deref().unwrap_or_default()));
    put("Os", json!(config.platform.os));
    put("OsVersion", json!(config.platform.os_version.as_deref().unwrap_or_default()));
    put("Size", json!(sizes.unpacked));
    put("VirtualSize", json!(sizes.unpacked));
    put("GraphDriver", json!({"Data": null, "Name": "consign"}));
    put("RootFS", json!({"Type": config.rootfs_type, "Layers": config.diff_ids}));
    put("Metadata", json!({"LastTagTime": tagged.map(|time| time.to_string())}));
    put("Digest", json!(resolved.manifest.as_ref().map_or("", |manifest| &manifest.digest)));
    put("Version", json!(config.docker_version.as_deref().unwrap_or_default()));
    put("Labels", labels);
    put("Annotations", Value::Object(annotations));
    put("ManifestType", json!(resolved.manifest.as_ref().map_or("", |manifest| &manifest.media_type)));
    put("User", json!(container.map_or("", |container| &container.user)));
    put("History", config.history.iter().map(step).collect());
    put(
        "HealthCheck",
        container.and_then(|container| container.healthcheck.as_ref()).map_or(Value::Null, healthcheck),
    );
    put(
        "Consign",
        json!({
            "Target": document::descriptor(&resolved.target),
            "Indexes": resolved.indexes.iter().map(document::descriptor).collect::<Vec<_>>(),
            "Manifest": resolved.manifest.as_ref().map(document::descriptor),
            "Config": document::descriptor(&resolved.config),
            "ChainID": resolved.layers.last().map(|layer| &layer.chain_id),
            "Sizes": {
                "Compressed": resolved.layers.iter().filter_map(|layer| layer.blob.as_ref()).map(|blob| blob.size).sum::<u64>(),
                "Unpacked": sizes.unpacked,
                "Shared": sizes.shared,
                "Unique": sizes.unpacked.saturating_sub(sizes.shared),
            },
            "Pins": holders,
            "Dangling": stored && children.is_empty() && names.tags.is_empty() && names.digests.is_empty(),
            "Children": children.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "BuiltLocally": metadata.built_locally,
        }),
    );
    Ok(Inspection(Value::Object(members)))
}

/// The annotations of the image's manifest.
fn annotations(session: &Session, opened: &Opened, resolved: &Resolved) -> Result<Map<String, Value>> {
    let Some(manifest) = &resolved.manifest else { return Ok(Map::new()) };
    let bytes = image::content(opened, manifest)?;
    let parsed = session.sandbox().parse_manifest(&bytes, Some(&manifest.media_type))?;
    Ok(match parsed {
        Ok(Document::Manifest(manifest)) => {
            manifest.annotations.into_iter().map(|(key, value)| (key, Value::String(value))).collect()
        }
        _ => Map::new(),
    })
}

/// As podman writes a step; what is absent is left out.
fn step(step: &HistoryEntry) -> Value {
    let mut members = Map::new();
    let texts = [
        ("created", &step.created),
        ("author", &step.author),
        ("created_by", &step.created_by),
        ("comment", &step.comment),
    ];
    for (key, text) in texts {
        if let Some(text) = text {
            members.insert(key.to_owned(), json!(text));
        }
    }
    if step.empty_layer {
        members.insert("empty_layer".to_owned(), json!(true));
    }
    Value::Object(members)
}

fn labels(container: Option<&ContainerConfig>) -> Value {
    let labels = container.and_then(|container| container.labels.as_ref());
    labels.map_or(Value::Null, |labels| {
        labels.iter().map(|(key, value)| (key.clone(), json!(value))).collect::<Map<_, _>>().into()
    })
}

/// Docker's container config: lists that are absent are `null`.
fn of_container(config: &ContainerConfig) -> Value {
    let set = |names: &Option<Vec<String>>| {
        names.as_ref().map(|names| names.iter().map(|name| (name.clone(), json!({}))).collect::<Map<_, _>>())
    };
    json!({
        "Hostname": config.hostname,
        "Domainname": config.domainname,
        "User": config.user,
        "AttachStdin": config.attach_stdin,
        "AttachStdout": config.attach_stdout,
        "AttachStderr": config.attach_stderr,
        "ExposedPorts": set(&config.exposed_ports),
        "Tty": config.tty,
        "OpenStdin": config.open_stdin,
        "StdinOnce": config.stdin_once,
        "Env": config.env,
        "Cmd": config.cmd,
        "Healthcheck": config.healthcheck.as_ref().map(healthcheck),
        "ArgsEscaped": config.args_escaped,
        "Image": config.image,
        "Volumes": set(&config.volumes),
        "WorkingDir": config.working_dir,
        "Entrypoint": config.entrypoint,
        "NetworkDisabled": config.network_disabled,
        "MacAddress": config.mac_address,
        "OnBuild": config.on_build,
        "Labels": labels(Some(config)),
        "StopSignal": config.stop_signal,
        "StopTimeout": config.stop_timeout,
        "Shell": config.shell,
    })
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
