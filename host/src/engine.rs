//! One function decides how the component is compiled and run. `build.rs` includes this file to
//! precompile the component; the library uses it to run what was precompiled. A difference between
//! the two would make wasmtime refuse the precompiled code.

use wasmtime::Config;

/// The configuration both engines share.
pub fn config() -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        // A call is bounded by the work it does. Unlike a deadline that needs no thread to watch the clock,
        // and ends the same call at the same place on every machine.
        .consume_fuel(true)
        // One instance at a time, with little data: copying it is cheaper than an image file in memory.
        .memory_init_cow(false)
        // Traps are errors of their own kind, told apart by their code; nobody walks the guest's frames, and
        // the tables for that would be registered at every start.
        .wasm_backtrace_max_frames(None)
        .generate_address_map(false)
        .native_unwind_info(false)
        // Untrusted input never gets a native stack beyond this.
        .max_wasm_stack(1 << 20);
    config
}
