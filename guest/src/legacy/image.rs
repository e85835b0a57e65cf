//! The v1 image (moby, `image.V1Image`).

use super::go;
use crate::config::{empty_container_config, read_container_config, read_time};
use crate::json::write::{ObjectWriter, array, string};
use crate::json::{Case, Reader, Result};
use crate::prelude::*;
use crate::wit::exports::consign::image::manifests::{ContainerConfig, Healthcheck};

/// A legacy image's `json`. Empty strings stand for members that are absent; a time that is absent is
/// Go's zero.
pub(super) struct V1Image {
    pub(super) id: String,
    pub(super) parent: String,
    pub(super) docker_version: String,
    comment: String,
    created: String,
    container: String,
    container_config: ContainerConfig,
    author: String,
    config: Option<ContainerConfig>,
    architecture: String,
    variant: String,
    os: String,
    size: i64,
}

impl V1Image {
    /// Keys match in any letter case; one there twice is refused.
    pub(super) fn read(text: &str) -> Result<V1Image> {
        const MEMBERS: [&str; 13] = [
            "id",
            "parent",
            "comment",
            "created",
            "container",
            "container_config",
            "docker_version",
            "author",
            "config",
            "architecture",
            "variant",
            "os",
            "Size",
        ];
        let mut image = V1Image {
            id: String::new(),
            parent: String::new(),
            docker_version: String::new(),
            comment: String::new(),
            created: "0001-01-01T00:00:00Z".into(),
            container: String::new(),
            container_config: empty_container_config(),
            author: String::new(),
            config: None,
            architecture: String::new(),
            variant: String::new(),
            os: String::new(),
            size: 0,
        };
        let mut reader = Reader::new(text);
        reader.record(&MEMBERS, Case::Folded, |reader, member| {
            match MEMBERS[member] {
                "id" => image.id = reader.string()?.into_owned(),
                "parent" => image.parent = reader.string()?.into_owned(),
                "comment" => image.comment = reader.string()?.into_owned(),
                "created" => image.created = go::time(&read_time(reader)?),
                "container" => image.container = reader.string()?.into_owned(),
                "container_config" => image.container_config = read_container_config(reader)?,
                "docker_version" => image.docker_version = reader.string()?.into_owned(),
                "author" => image.author = reader.string()?.into_owned(),
                "config" => image.config = Some(read_container_config(reader)?),
                "architecture" => image.architecture = reader.string()?.into_owned(),
                "variant" => image.variant = reader.string()?.into_owned(),
                "os" => image.os = reader.string()?.into_owned(),
                _ => image.size = reader.integer()?,
            }
            Ok(())
        })?;
        reader.end()?;
        Ok(image)
    }

    /// The image's step in the history of a config. Every legacy image has a layer. The order of the
    /// members is that of containers/image and of Docker up to 24; it decides the image's ID.
    pub(super) fn write_step(&self, out: &mut String) {
        let created_by = self.container_config.cmd.as_deref().unwrap_or_default().join(" ");
        let mut object = ObjectWriter::new(out);
        object
            .text("created", &self.created)
            .filled("author", &self.author)
            .filled("created_by", &created_by)
            .filled("comment", &self.comment);
        object.end();
    }

    /// The image as moby writes it back.
    pub(super) fn written(&self) -> String {
        let mut out = String::new();
        let mut object = ObjectWriter::new(&mut out);
        object.filled("id", &self.id).filled("parent", &self.parent).filled("comment", &self.comment);
        object
            .text("created", &self.created)
            .filled("container", &self.container)
            .member("container_config", |out| write_container_config(out, &self.container_config))
            .filled("docker_version", &self.docker_version)
            .filled("author", &self.author);
        if let Some(config) = &self.config {
            object.member("config", |out| write_container_config(out, config));
        }
        object
            .filled("architecture", &self.architecture)
            .filled("variant", &self.variant)
            .filled("os", &self.os);
        if self.size != 0 {
            object.plain("Size", self.size);
        }
        object.end();
        out
    }
}

fn write_container_config(out: &mut String, config: &ContainerConfig) {
    let mut object = ObjectWriter::new(out);
    object
        .text("Hostname", &config.hostname)
        .text("Domainname", &config.domainname)
        .text("User", &config.user)
        .plain("AttachStdin", config.attach_stdin)
        .plain("AttachStdout", config.attach_stdout)
        .plain("AttachStderr", config.attach_stderr);
    if config.exposed_ports.as_ref().is_some_and(|ports| !ports.is_empty()) {
        object.member("ExposedPorts", |out| write_set(out, config.exposed_ports.as_ref()));
    }
    object
        .plain("Tty", config.tty)
        .plain("OpenStdin", config.open_stdin)
        .plain("StdinOnce", config.stdin_once)
        .member("Env", |out| write_strings(out, config.env.as_ref()))
        .member("Cmd", |out| write_strings(out, config.cmd.as_ref()));
    if let Some(check) = &config.healthcheck {
        object.member("Healthcheck", |out| write_healthcheck(out, check));
    }
    if config.args_escaped {
        object.plain("ArgsEscaped", true);
    }
    object
        .text("Image", &config.image)
        .member("Volumes", |out| write_set(out, config.volumes.as_ref()))
        .text("WorkingDir", &config.working_dir)
        .member("Entrypoint", |out| write_strings(out, config.entrypoint.as_ref()));
    if config.network_disabled {
        object.plain("NetworkDisabled", true);
    }
    object
        .filled("MacAddress", &config.mac_address)
        .member("OnBuild", |out| write_strings(out, config.on_build.as_ref()))
        .member("Labels", |out| match &config.labels {
            None => out.push_str("null"),
            Some(labels) => {
                let mut object = ObjectWriter::new(out);
                for (key, value) in labels {
                    object.text(key, value);
                }
                object.end();
            }
        })
        .filled("StopSignal", &config.stop_signal);
    if let Some(seconds) = config.stop_timeout {
        object.plain("StopTimeout", seconds);
    }
    if config.shell.as_ref().is_some_and(|shell| !shell.is_empty()) {
        object.member("Shell", |out| write_strings(out, config.shell.as_ref()));
    }
    object.end();
}

fn write_healthcheck(out: &mut String, check: &Healthcheck) {
    let mut object = ObjectWriter::new(out);
    if check.test.as_ref().is_some_and(|test| !test.is_empty()) {
        object.member("Test", |out| write_strings(out, check.test.as_ref()));
    }
    for (name, number) in [
        ("Interval", check.interval),
        ("Timeout", check.timeout),
        ("StartPeriod", check.start_period),
        ("StartInterval", check.start_interval),
        ("Retries", check.retries),
    ] {
        if number != 0 {
            object.plain(name, number);
        }
    }
    object.end();
}

fn write_strings(out: &mut String, strings: Option<&Vec<String>>) {
    match strings {
        None => out.push_str("null"),
        Some(strings) => array(out, strings, |out, text| string(out, text)),
    }
}

fn write_set(out: &mut String, keys: Option<&Vec<String>>) {
    let Some(keys) = keys else { return out.push_str("null") };
    let mut object = ObjectWriter::new(out);
    for key in keys {
        object.member(key, |out| out.push_str("{}"));
    }
    object.end();
}
