//! What an instance may use, and the account that is kept of it.

use wasmtime::ResourceLimiter;

/// What one instance of the component may use.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of linear memory, of all its memories together; elements of tables count as eight bytes.
    pub memory: usize,
    /// Work one call may do, in WebAssembly instructions: wasmtime's fuel. The same call uses the same on
    /// every machine; a second is some billions. What the host's content takes is not counted.
    pub fuel: u64,
}

impl Default for Limits {
    /// 256 MiB and 10,000,000,000 instructions, a few seconds: a document at the size limit fits several
    /// times over.
    fn default() -> Self {
        Limits { memory: 256 << 20, fuel: 10_000_000_000 }
    }
}

/// Modules, tables and memories one instance of a component may consist of: a few times what encoding a module as a
/// component makes of it.
const PARTS: usize = 32;
/// Bytes an element of a table takes here.
const ELEMENT: usize = 8;

/// The account of one instance. What would overdraw it traps.
pub(super) struct Account {
    limit: usize,
    used: usize,
}

/// What was asked for is beyond the limit.
#[derive(Debug, thiserror::Error)]
#[error("wanted at most {limit} bytes of memory, found {asked}")]
pub(super) struct Overdrawn {
    limit: usize,
    asked: usize,
}

impl Account {
    pub(super) fn new(limits: Limits) -> Account {
        Account { limit: limits.memory, used: 0 }
    }

    /// What the component itself does not allow fails there, as its code expects.
    fn grow(&mut self, units: usize, unit: usize, allowed: bool) -> wasmtime::Result<bool> {
        if !allowed {
            return Ok(false);
        }
        let asked = self.used.saturating_add(units.saturating_mul(unit));
        if asked > self.limit {
            return Err(Overdrawn { limit: self.limit, asked }.into());
        }
        self.used = asked;
        Ok(true)
    }
}

impl ResourceLimiter for Account {
    fn memory_growing(&mut self, from: usize, to: usize, most: Option<usize>) -> wasmtime::Result<bool> {
        self.grow(to - from, 1, most.is_none_or(|most| to <= most))
    }

    fn table_growing(&mut self, from: usize, to: usize, most: Option<usize>) -> wasmtime::Result<bool> {
        self.grow(to - from, ELEMENT, most.is_none_or(|most| to <= most))
    }

    fn instances(&self) -> usize {
        PARTS
    }

    fn tables(&self) -> usize {
        PARTS
    }

    fn memories(&self) -> usize {
        PARTS
    }
}
