//! The config of an imported image.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::Options;
use crate::digest::Digest;
use crate::document::add_platform;

/// What a container of the image runs with. Made with [`Config::change`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    pub(super) user: String,
    /// `port/protocol`.
    pub(super) exposed_ports: BTreeSet<String>,
    /// In the order in which they were first set.
    pub(super) env: Vec<(String, String)>,
    pub(super) entrypoint: Option<Vec<String>>,
    pub(super) cmd: Option<Vec<String>>,
    pub(super) volumes: BTreeSet<String>,
    pub(super) working_dir: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) stop_signal: String,
    pub(super) healthcheck: Option<Healthcheck>,
    pub(super) on_build: Vec<String>,
}

/// Durations are in nanoseconds; 0: not said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Healthcheck {
    pub(super) test: Vec<String>,
    pub(super) interval: u64,
    pub(super) timeout: u64,
    pub(super) start_period: u64,
    pub(super) start_interval: u64,
    pub(super) retries: u64,
}

impl Config {
    /// The image config's bytes (image-spec, config.md), with Docker's members where image-spec has none.
    pub(super) fn document(&self, options: &Options, created: &str, diff_id: &Digest) -> Vec<u8> {
        let mut document = Map::new();
        document.insert("created".into(), json!(created));
        add_platform(&mut document, &options.platform);
        document.insert("config".into(), self.container());
        let diff_ids = [diff_id.to_string()];
        document.insert("rootfs".into(), json!({"type": "layers", "diff_ids": diff_ids}));
        let step = json!({"created": created, "comment": options.message});
        document.insert("history".into(), json!([step]));
        Value::Object(document).to_string().into_bytes()
    }

    fn container(&self) -> Value {
        let mut config = Map::new();
        let mut add = |name: &str, value: Value, empty: bool| {
            if !empty {
                config.insert(name.into(), value);
            }
        };
        let set = |keys: &BTreeSet<String>| {
            Value::Object(keys.iter().map(|key| (key.clone(), json!({}))).collect())
        };
        let env: Vec<String> = self.env.iter().map(|(name, value)| format!("{name}={value}")).collect();
        add("User", json!(self.user), self.user.is_empty());
        add("ExposedPorts", set(&self.exposed_ports), self.exposed_ports.is_empty());
        add("Env", json!(env), env.is_empty());
        add("Entrypoint", json!(self.entrypoint), self.entrypoint.is_none());
        add("Cmd", json!(self.cmd), self.cmd.is_none());
        add("Volumes", set(&self.volumes), self.volumes.is_empty());
        add("WorkingDir", json!(self.working_dir), self.working_dir.is_empty());
        add("Labels", json!(self.labels), self.labels.is_empty());
        add("StopSignal", json!(self.stop_signal), self.stop_signal.is_empty());
        if let Some(check) = &self.healthcheck {
            add("Healthcheck", check.document(), false);
        }
        add("OnBuild", json!(self.on_build), self.on_build.is_empty());
        Value::Object(config)
    }
}

impl Healthcheck {
    fn document(&self) -> Value {
        let mut document = Map::new();
        document.insert("Test".into(), json!(self.test));
        for (name, number) in [
            ("Interval", self.interval),
            ("Timeout", self.timeout),
            ("StartPeriod", self.start_period),
            ("StartInterval", self.start_interval),
            ("Retries", self.retries),
        ] {
            if number != 0 {
                document.insert(name.into(), json!(number));
            }
        }
        Value::Object(document)
    }
}
