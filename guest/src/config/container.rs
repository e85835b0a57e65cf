//! What a container of an image runs with (image-spec, config.md, "config"; moby, `container.Config`).

use super::MAX_STRINGS;
use crate::json::{Case, Reader, Result};
use crate::prelude::*;
use crate::sort::stable_sort;
use crate::wit::exports::consign::image::manifests::{ContainerConfig, Healthcheck};

/// A config that says nothing.
pub(crate) fn empty() -> ContainerConfig {
    ContainerConfig {
        hostname: String::new(),
        domainname: String::new(),
        user: String::new(),
        attach_stdin: false,
        attach_stdout: false,
        attach_stderr: false,
        exposed_ports: None,
        tty: false,
        open_stdin: false,
        stdin_once: false,
        env: None,
        cmd: None,
        healthcheck: None,
        args_escaped: false,
        image: String::new(),
        volumes: None,
        working_dir: String::new(),
        entrypoint: None,
        network_disabled: false,
        mac_address: String::new(),
        on_build: None,
        labels: None,
        stop_signal: String::new(),
        stop_timeout: None,
        shell: None,
    }
}

/// Reads a `config` or `container_config`.
pub(crate) fn read_container_config(reader: &mut Reader<'_>) -> Result<ContainerConfig> {
    const MEMBERS: [&str; 25] = [
        "Hostname",
        "Domainname",
        "User",
        "AttachStdin",
        "AttachStdout",
        "AttachStderr",
        "ExposedPorts",
        "Tty",
        "OpenStdin",
        "StdinOnce",
        "Env",
        "Cmd",
        "Healthcheck",
        "ArgsEscaped",
        "Image",
        "Volumes",
        "WorkingDir",
        "Entrypoint",
        "NetworkDisabled",
        "MacAddress",
        "OnBuild",
        "Labels",
        "StopSignal",
        "StopTimeout",
        "Shell",
    ];
    let mut config = empty();
    reader.record(&MEMBERS, Case::Folded, |reader, member| {
        match MEMBERS[member] {
            "Hostname" => config.hostname = reader.string()?.into_owned(),
            "Domainname" => config.domainname = reader.string()?.into_owned(),
            "User" => config.user = reader.string()?.into_owned(),
            "AttachStdin" => config.attach_stdin = reader.boolean()?,
            "AttachStdout" => config.attach_stdout = reader.boolean()?,
            "AttachStderr" => config.attach_stderr = reader.boolean()?,
            "ExposedPorts" => config.exposed_ports = Some(read_set(reader, "ports")?),
            "Tty" => config.tty = reader.boolean()?,
            "OpenStdin" => config.open_stdin = reader.boolean()?,
            "StdinOnce" => config.stdin_once = reader.boolean()?,
            "Env" => config.env = Some(reader.strings("variables", MAX_STRINGS)?),
            "Cmd" => config.cmd = Some(read_command(reader)?),
            "Healthcheck" => config.healthcheck = Some(read_healthcheck(reader)?),
            "ArgsEscaped" => config.args_escaped = reader.boolean()?,
            "Image" => config.image = reader.string()?.into_owned(),
            "Volumes" => config.volumes = Some(read_set(reader, "volumes")?),
            "WorkingDir" => config.working_dir = reader.string()?.into_owned(),
            "Entrypoint" => config.entrypoint = Some(read_command(reader)?),
            "NetworkDisabled" => config.network_disabled = reader.boolean()?,
            "MacAddress" => config.mac_address = reader.string()?.into_owned(),
            "OnBuild" => config.on_build = Some(reader.strings("triggers", MAX_STRINGS)?),
            "Labels" => {
                let mut labels = reader.string_map("labels", MAX_STRINGS)?;
                stable_sort(&mut labels, |(a, _), (b, _)| a < b);
                config.labels = Some(labels);
            }
            "StopSignal" => config.stop_signal = reader.string()?.into_owned(),
            "StopTimeout" => config.stop_timeout = Some(reader.integer()?),
            _ => config.shell = Some(read_command(reader)?),
        }
        Ok(())
    })?;
    Ok(config)
}

fn read_healthcheck(reader: &mut Reader<'_>) -> Result<Healthcheck> {
    const MEMBERS: [&str; 6] = ["Test", "Interval", "Timeout", "StartPeriod", "StartInterval", "Retries"];
    let mut check =
        Healthcheck { test: None, interval: 0, timeout: 0, start_period: 0, start_interval: 0, retries: 0 };
    reader.record(&MEMBERS, Case::Folded, |reader, member| {
        match MEMBERS[member] {
            "Test" => check.test = Some(reader.strings("arguments", MAX_STRINGS)?),
            "Interval" => check.interval = reader.integer()?,
            "Timeout" => check.timeout = reader.integer()?,
            "StartPeriod" => check.start_period = reader.integer()?,
            "StartInterval" => check.start_interval = reader.integer()?,
            _ => check.retries = reader.integer()?,
        }
        Ok(())
    })?;
    Ok(check)
}

/// A list of arguments; old builders wrote one string where there was one.
fn read_command(reader: &mut Reader<'_>) -> Result<Vec<String>> {
    if reader.at_string() {
        return Ok(vec![reader.string()?.into_owned()]);
    }
    reader.strings("arguments", MAX_STRINGS)
}

/// The keys of an object whose values are empty objects, ascending. A key there twice counts once.
fn read_set(reader: &mut Reader<'_>, what: &str) -> Result<Vec<String>> {
    let mut keys: Vec<String> = Vec::new();
    reader.keys(what, MAX_STRINGS, |key| keys.push(key.to_owned()))?;
    stable_sort(&mut keys, |a, b| a < b);
    keys.dedup();
    Ok(keys)
}
