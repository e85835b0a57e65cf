//! Links the executable statically where that can be done with what the C compiler brings: finding and
//! binding three shared libraries costs 0.4 ms at every start, which is more than looking an image up.
//!
//! `-C target-feature=+crt-static` cannot be asked for from a manifest or a build script, and in a
//! configuration file it would forbid procedural macros. It chooses between two sets of libraries that are
//! linked the same way; so do the linker scripts written here, each standing for a shared library and
//! naming the archive.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

/// The shared libraries rustc names on GNU systems, and what to take in their place.
const LIBRARIES: [(&str, &str); 3] =
    [("libc.so", "libc.a"), ("libm.so", "libm.a"), ("libgcc_s.so", "libgcc_eh.a")];

/// Asks for a static executable at a fixed address, if the archives are there and nobody asked for something
/// else; otherwise leaves the executable dynamic and position-independent.
///
/// Moving the executable to wherever it lies costs 0.1 ms at every start, as much as reading a manifest. Heap,
/// stack and the component's memory lie elsewhere every time all the same.
pub fn statically(out_dir: &Path) -> Result<()> {
    let target = |key: &str| env::var(format!("CARGO_CFG_TARGET_{key}")).unwrap_or_default();
    let native = env::var("HOST")? == env::var("TARGET")?;
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    println!("cargo:rerun-if-env-changed=CC");
    println!("cargo:rustc-check-cfg=cfg(linked_statically)");
    if target("OS") != "linux" || target("ENV") != "gnu" || !native || chosen(&flags) {
        return Ok(());
    }
    let needed = LIBRARIES.iter().map(|(_, archive)| *archive).chain(["crt1.o"]);
    if needed.into_iter().any(|file| !comes_with_the_compiler(file)) {
        return Ok(());
    }
    let scripts = out_dir.join("static");
    fs::create_dir_all(&scripts)?;
    for (shared, archive) in LIBRARIES {
        fs::write(scripts.join(shared), format!("INPUT(-l:{archive})\n"))?;
    }
    // For this executable only: whatever else is linked with the library is none of ours to decide.
    println!("cargo:rustc-link-arg-bin=consign=-L{}", scripts.display());
    println!("cargo:rustc-link-arg-bin=consign=-no-pie");
    println!("cargo:rustc-link-arg-bin=consign=-static");
    // What the executable has to do differently then: `cli/remote.rs`.
    println!("cargo:rustc-cfg=linked_statically");
    Ok(())
}

/// Whether the flags already say how to link.
fn chosen(flags: &str) -> bool {
    ["crt-static", "relocation-model", "linker", "link-arg", "sanitizer"]
        .iter()
        .any(|word| flags.contains(word))
}

fn comes_with_the_compiler(file: &str) -> bool {
    let compiler = env::var_os("CC").unwrap_or_else(|| "cc".into());
    let answer = Command::new(compiler).arg(format!("-print-file-name={file}")).output();
    // A file the compiler does not know is printed as it was asked for.
    answer.is_ok_and(|output| {
        output.status.success() && Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_absolute()
    })
}
