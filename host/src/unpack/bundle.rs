//! An OCI runtime bundle: the document that says how to start what was unpacked (runtime-spec, config.md; image-spec,
//! conversion.md).

mod user;

use std::io::Write as _;

use cap_std::fs::{Dir, OpenOptions};
use serde_json::{Value, json};

pub use user::{User, find_user};

use super::UnpackError;
use crate::types::manifests::{ContainerConfig, ImageConfig};

/// Where the root file system is in the bundle.
pub const ROOTFS: &str = "rootfs";
/// The document.
pub const CONFIG: &str = "config.json";

/// What Docker and podman leave a container by default.
const CAPABILITIES: [&str; 11] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_NET_BIND_SERVICE",
    "CAP_SETFCAP",
    "CAP_SETGID",
    "CAP_SETPCAP",
    "CAP_SETUID",
    "CAP_SYS_CHROOT",
];

const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// How the bundle is made.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// For a caller who is not root: what runs is in a user namespace in which the caller is root.
    pub rootless: Option<(u32, u32)>,
}

/// Writes `config.json` beside `rootfs`, which has been unpacked; users and groups are looked up in it.
///
/// # Errors
/// [`UnpackError::NotLinux`]; [`UnpackError::Bundle`] where the config cannot be converted, names a user who is not in
/// the image, or cannot be written.
pub fn write(bundle: &Dir, config: &ImageConfig, options: Options) -> Result<(), UnpackError> {
    let failed = |error: std::io::Error| UnpackError::Bundle { reason: error.to_string() };
    let rootfs = bundle.open_dir(ROOTFS).map_err(failed)?;
    let document = document(&rootfs, config, options)?;
    let mut text = serde_json::to_vec_pretty(&document)
        .map_err(|error| UnpackError::Bundle { reason: error.to_string() })?;
    text.push(b'\n');
    let mut new = OpenOptions::new();
    let mut file = bundle.open_with(CONFIG, new.write(true).create_new(true)).map_err(failed)?;
    file.write_all(&text).map_err(failed)
}

fn document(rootfs: &Dir, image: &ImageConfig, options: Options) -> Result<Value, UnpackError> {
    if image.platform.os != "linux" {
        return Err(UnpackError::NotLinux { os: image.platform.os.clone() });
    }
    let config = image.config.as_ref();
    let user = config.map_or("", |config| config.user.as_str());
    let user = find_user(rootfs, user).map_err(|reason| UnpackError::Bundle { reason })?;
    let list = |list: Option<&Option<Vec<String>>>| list.cloned().flatten().unwrap_or_default();
    let mut arguments = list(config.map(|config| &config.entrypoint));
    arguments.extend(list(config.map(|config| &config.cmd)));
    if arguments.is_empty() {
        arguments.push("sh".to_owned());
    }
    let directory = config.map_or("", |config| config.working_dir.as_str());
    // A relative one is refused by runtimes; it is meant from the root.
    let directory = format!("/{}", directory.trim_start_matches('/'));
    let mut process = json!({
        "terminal": true,
        "user": {"uid": user.uid, "gid": user.gid, "additionalGids": user.additional},
        "args": arguments,
        "env": environment(config, &user)?,
        "cwd": directory,
        "capabilities": {
            "bounding": CAPABILITIES,
            "effective": CAPABILITIES,
            "permitted": CAPABILITIES,
        },
        "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
        "noNewPrivileges": true,
    });
    if options.rootless.is_some() {
        // Only one user and one group are mapped.
        process["user"] = json!({"uid": user.uid, "gid": user.gid});
    }
    if user.additional.is_empty()
        && let Some(user) = process["user"].as_object_mut()
    {
        user.remove("additionalGids");
    }
    let hostname = config.map_or("", |config| config.hostname.as_str());
    Ok(json!({
        "ociVersion": "1.0.2",
        "process": process,
        "root": {"path": ROOTFS, "readonly": false},
        "hostname": if hostname.is_empty() { "consign" } else { hostname },
        "mounts": mounts(config, options),
        "annotations": annotations(image),
        "linux": linux(options),
    }))
}

/// The image's variables, the last of a name counting, with a path, a terminal and a home where it says none.
fn environment(config: Option<&ContainerConfig>, user: &User) -> Result<Vec<String>, UnpackError> {
    let mut variables: Vec<String> = vec![PATH.into(), "TERM=xterm".into()];
    if let Some(home) = &user.home {
        variables.push(format!("HOME={home}"));
    }
    for variable in config.iter().flat_map(|config| config.env.iter().flatten()) {
        let Some((name, _)) = variable.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            let reason = format!("wanted `NAME=value` among the image's variables, found `{variable}`");
            return Err(UnpackError::Bundle { reason });
        };
        let same = |known: &&mut String| known.split('=').next() == Some(name);
        match variables.iter_mut().find(same) {
            Some(known) => known.clone_from(variable),
            None => variables.push(variable.clone()),
        }
    }
    Ok(variables)
}

fn mounts(config: Option<&ContainerConfig>, options: Options) -> Vec<Value> {
    let mount = |destination: &str, kind: &str, source: &str, options: &[&str]| json!({"destination": destination, "type": kind, "source": source, "options": options});
    let rootless = options.rootless.is_some();
    let mut pts = vec!["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"];
    if !rootless {
        // The group is not mapped otherwise.
        pts.push("gid=5");
    }
    let mut mounts = vec![
        mount("/proc", "proc", "proc", &["nosuid", "noexec", "nodev"]),
        mount("/dev", "tmpfs", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
        mount("/dev/pts", "devpts", "devpts", &pts),
        mount("/dev/shm", "tmpfs", "shm", &["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
        mount("/dev/mqueue", "mqueue", "mqueue", &["nosuid", "noexec", "nodev"]),
    ];
    if rootless {
        // A user namespace may not mount the machine's.
        mounts.push(mount("/sys", "none", "/sys", &["rbind", "nosuid", "noexec", "nodev", "ro"]));
    } else {
        mounts.push(mount("/sys", "sysfs", "sysfs", &["nosuid", "noexec", "nodev", "ro"]));
        let cgroup = ["nosuid", "noexec", "nodev", "relatime", "ro"];
        mounts.push(mount("/sys/fs/cgroup", "cgroup", "cgroup", &cgroup));
    }
    for volume in config.iter().flat_map(|config| config.volumes.iter().flatten()) {
        mounts.push(mount(volume, "tmpfs", "none", &["rw", "nosuid", "nodev", "noexec", "relatime"]));
    }
    mounts
}

/// image-spec, conversion.md, "Annotation Fields"; labels count where both say something.
fn annotations(image: &ImageConfig) -> Value {
    let mut annotations = serde_json::Map::new();
    let mut set = |name: &str, value: &str| {
        if !value.is_empty() {
            annotations.insert(name.to_owned(), value.into());
        }
    };
    set("org.opencontainers.image.os", &image.platform.os);
    set("org.opencontainers.image.architecture", &image.platform.architecture);
    set("org.opencontainers.image.variant", image.platform.variant.as_deref().unwrap_or_default());
    set("org.opencontainers.image.os.version", image.platform.os_version.as_deref().unwrap_or_default());
    set("org.opencontainers.image.os.features", &image.platform.os_features.join(","));
    set("org.opencontainers.image.author", image.author.as_deref().unwrap_or_default());
    set("org.opencontainers.image.created", image.created.as_deref().unwrap_or_default());
    if let Some(config) = &image.config {
        set("org.opencontainers.image.stopSignal", &config.stop_signal);
        let ports = config.exposed_ports.as_deref().unwrap_or_default().join(",");
        set("org.opencontainers.image.exposedPorts", &ports);
        for (label, value) in config.labels.iter().flatten() {
            annotations.insert(label.clone(), value.as_str().into());
        }
    }
    Value::Object(annotations)
}

fn linux(options: Options) -> Value {
    let mut namespaces = vec!["pid", "ipc", "uts", "mount"];
    match options.rootless {
        Some(_) => namespaces.push("user"),
        None => namespaces.extend(["network", "cgroup"]),
    }
    let namespaces: Vec<Value> = namespaces.iter().map(|kind| json!({"type": kind})).collect();
    let mut linux = json!({
        "namespaces": namespaces,
        "maskedPaths": [
            "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
            "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware"
        ],
        "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
    });
    match options.rootless {
        Some((uid, gid)) => {
            linux["uidMappings"] = json!([{"containerID": 0, "hostID": uid, "size": 1}]);
            linux["gidMappings"] = json!([{"containerID": 0, "hostID": gid, "size": 1}]);
        }
        None => linux["resources"] = json!({"devices": [{"allow": false, "access": "rwm"}]}),
    }
    linux
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
