//! Builds the guest for wasm32 once for each world, encodes it as a component, refuses it if it imports
//! anything but `consign:image/content`, and precompiles those that run here for this target.
//!
//! These are built twice: to be fast, for precompiling, and to be small, for handing out.
//!
//! `CONSIGN_COMPONENT=FILE` (and `CONSIGN_COMPONENT_NAMES`, `CONSIGN_COMPONENT_SOURCES`, `CONSIGN_COMPONENT_PODMAN`)
//! use components, or core modules, built elsewhere.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use wit_component::{ComponentEncoder, DecodedWasm, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

#[path = "src/engine.rs"]
mod engine;
#[path = "build/link.rs"]
mod link;
#[path = "build/sections.rs"]
mod sections;

/// How a core WebAssembly module begins: the magic number and version 1.
const CORE_MODULE: &[u8] = b"\0asm\x01\0\0\0";

const WASM: &str = "wasm32-unknown-unknown";

/// A world of the WIT package, and the only interfaces a component of it may import.
struct World {
    /// Also the guest's feature that exports its interfaces.
    name: &'static str,
    override_variable: &'static str,
    imports: &'static [&'static str],
    /// Whether it runs here.
    runs: bool,
}

const WORLDS: [World; 4] = [
    World {
        name: "resolver",
        override_variable: "CONSIGN_COMPONENT",
        imports: &["consign:image/types", "consign:image/content"],
        runs: true,
    },
    World {
        name: "sources",
        override_variable: "CONSIGN_COMPONENT_SOURCES",
        imports: &["consign:image/types"],
        runs: true,
    },
    World {
        name: "podman",
        override_variable: "CONSIGN_COMPONENT_PODMAN",
        imports: &["consign:image/types"],
        runs: true,
    },
    World { name: "names", override_variable: "CONSIGN_COMPONENT_NAMES", imports: &[], runs: false },
];

/// How the guest is compiled: the same code, for one of two ends.
#[derive(Clone, Copy)]
enum Profile {
    /// For running here, precompiled.
    Fast,
    /// For handing out.
    Small,
}

impl Profile {
    /// Its name in Cargo.toml.
    fn name(self) -> &'static str {
        match self {
            Profile::Fast => "component",
            Profile::Small => "component-small",
        }
    }

    /// What a profile cannot say.
    fn flags(self) -> &'static [&'static str] {
        match self {
            // Every machine wasmtime compiles for has these.
            Profile::Fast => &["-Ctarget-feature=+simd128"],
            // Hashing in loops instead of unrolled: half the speed, 16 KB less.
            Profile::Small => &["--cfg", "sha2_backend_soft=\"compact\""],
        }
    }
}

fn main() -> Result<()> {
    let manifest_dir = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let out_dir = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=src/engine.rs");
    println!("cargo:rerun-if-changed=build");
    link::statically(&out_dir)?;
    for world in &WORLDS {
        println!("cargo:rerun-if-env-changed={}", world.override_variable);
        let given = env::var_os(world.override_variable).map(PathBuf::from);
        let component = |profile| match &given {
            Some(file) => read(world, &manifest_dir, file),
            None => build(world, profile, &manifest_dir, &out_dir),
        };
        let small = component(Profile::Small)?;
        check_imports(world, &small)?;
        fs::write(out_dir.join(format!("{}.wasm", world.name)), &small)?;
        if world.runs {
            let fast = component(Profile::Fast)?;
            check_imports(world, &fast)?;
            fs::write(out_dir.join(format!("{}.cwasm", world.name)), precompile(&fast)?)?;
        }
    }
    Ok(())
}

/// A component that was built elsewhere.
fn read(world: &World, manifest_dir: &Path, file: &Path) -> Result<Vec<u8>> {
    println!("cargo:rerun-if-changed={}", file.display());
    let bytes = fs::read(file)
        .with_context(|| format!("reading `{}` named by {}", file.display(), world.override_variable))?;
    // A core module is as good.
    if bytes.starts_with(CORE_MODULE) { encode(world, manifest_dir, bytes) } else { Ok(bytes) }
}

fn build(world: &World, profile: Profile, manifest_dir: &Path, out_dir: &Path) -> Result<Vec<u8>> {
    let guest = manifest_dir.join("../guest");
    ensure!(
        guest.join("Cargo.toml").exists(),
        "the guest's source is not at `{}`; set {} to a component file",
        guest.display(),
        world.override_variable
    );
    for path in ["../guest/src", "../guest/Cargo.toml", "../wit", "../Cargo.lock", "../Cargo.toml"] {
        println!("cargo:rerun-if-changed={path}");
    }
    ensure_target()?;

    // Beside the output directories, not in one: there is one for every set of features and flags, and the
    // guest is the same in all of them. Cargo's own lock keeps builds apart.
    let target_dir = out_dir.ancestors().nth(2).unwrap_or(out_dir).join("consign-guest-target");
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .current_dir(&guest)
        .args(["rustc", "--lib", "--crate-type", "cdylib", "--profile", profile.name(), "--target", WASM])
        .args(["--no-default-features", "--features", world.name])
        .arg("--target-dir")
        .arg(&target_dir);
    if manifest_dir.join("../Cargo.lock").exists() {
        cargo.arg("--locked");
    }
    // The outer build's flags are for another target and would change the component's bytes.
    for (name, _) in env::vars_os() {
        let Some(text) = name.to_str() else { continue };
        let keep = text == "CARGO_HOME"
            || text.starts_with("CARGO_NET_")
            || text.starts_with("CARGO_HTTP_")
            || text.starts_with("CARGO_REGISTRIES_")
            || text.starts_with("CARGO_SOURCE_")
            || text.starts_with("CARGO_TARGET_WASM32_");
        if (text.starts_with("CARGO_") && !keep)
            || matches!(
                text,
                "RUSTFLAGS"
                    | "RUSTDOCFLAGS"
                    | "RUSTC_WRAPPER"
                    | "RUSTC_WORKSPACE_WRAPPER"
                    | "TARGET"
                    | "HOST"
            )
        {
            cargo.env_remove(text);
        }
    }
    // Paths of this machine stay out of the component: the same sources give the same bytes.
    let root = manifest_dir.join("..").canonicalize()?;
    let mut flags: Vec<String> = profile.flags().iter().map(|flag| (*flag).to_owned()).collect();
    flags.push(format!("--remap-path-prefix={}=consign", root.display()));
    if let Some(home) = cargo_home() {
        flags.push(format!("--remap-path-prefix={}=cargo", home.display()));
    }
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
    let status = cargo.status().context("running cargo for the guest")?;
    ensure!(status.success(), "building the guest for {WASM} failed ({status})");

    let module = fs::read(target_dir.join(WASM).join(profile.name()).join("consign_guest.wasm"))
        .context("reading the guest's core module")?;
    encode(world, manifest_dir, module)
}

/// The module says what it imports; what it exports is its world.
fn encode(world: &World, manifest_dir: &Path, mut module: Vec<u8>) -> Result<Vec<u8>> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(manifest_dir.join("../wit")).context("reading the WIT package")?;
    let id = resolve.select_world(&[package], Some(world.name))?;
    embed_component_metadata(&mut module, &resolve, id, StringEncoding::UTF8)?;
    let component = ComponentEncoder::default()
        .module(&module)
        .and_then(|encoder| encoder.validate(true).debug_names(false).encode())
        .with_context(|| format!("encoding the `{}` component", world.name))?;
    sections::without_names(&component)
}

fn cargo_home() -> Option<PathBuf> {
    env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")))
}

/// The target's standard library must be installed. rust-toolchain.toml asks for it, but rustup
/// ignores that when `RUSTUP_AUTO_INSTALL=0`, so ask again.
fn ensure_target() -> Result<()> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let libdir = || -> Result<PathBuf> {
        let output = Command::new(&rustc).args(["--print", "target-libdir", "--target", WASM]).output()?;
        Ok(PathBuf::from(String::from_utf8(output.stdout)?.trim()))
    };
    if libdir()?.exists() {
        return Ok(());
    }
    println!("cargo:warning=installing the {WASM} target with rustup");
    let mut rustup = Command::new("rustup");
    rustup.args(["target", "add", WASM]);
    if let Ok(toolchain) = env::var("RUSTUP_TOOLCHAIN") {
        rustup.args(["--toolchain", &toolchain]);
    }
    let installed = rustup.status().is_ok_and(|status| status.success());
    if installed && libdir()?.exists() {
        return Ok(());
    }
    bail!(
        "the {WASM} standard library is not installed and rustup could not add it; either run \
         `rustup target add {WASM}`, or build the component elsewhere and set CONSIGN_COMPONENT, \
         CONSIGN_COMPONENT_NAMES, CONSIGN_COMPONENT_SOURCES and CONSIGN_COMPONENT_PODMAN to the files"
    )
}

/// Invariant: the component imports nothing but `consign:image/content` (and types).
fn check_imports(world: &World, component: &[u8]) -> Result<()> {
    let decoded = wit_component::decode(component).context("decoding the component")?;
    let DecodedWasm::Component(resolve, id) = decoded else {
        bail!("the `{}` component is a WIT package, not a component", world.name)
    };
    for key in resolve.worlds[id].imports.keys() {
        let name = resolve.name_world_key(key);
        let bare = name.split('@').next().unwrap_or_default();
        ensure!(
            world.imports.contains(&bare),
            "the `{}` component imports `{name}`; it may import {:?} only",
            world.name,
            world.imports
        );
    }
    Ok(())
}

fn precompile(component: &[u8]) -> Result<Vec<u8>> {
    let mut config = engine::config();
    config.target(&env::var("TARGET")?).map_err(|error| anyhow::anyhow!("{error:#}"))?;
    config.cranelift_opt_level(wasmtime::OptLevel::Speed);
    let engine = wasmtime::Engine::new(&config).map_err(|error| anyhow::anyhow!("{error:#}"))?;
    engine.precompile_component(component).map_err(|error| anyhow::anyhow!("{error:#}"))
}
