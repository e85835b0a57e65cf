//! The component, compiled once and run under limits.

use std::fmt::{self, Display};

use wasmtime::component::{HasData, HasSelf, Linker};
use wasmtime::{Config, Engine, ResourceLimiter, Store, Trap};

use crate::wit::{Resolver, ResolverPre};
use crate::{Images, content, lookup, resolution, types};

/// The only interfaces a component may import; the second has no functions.
const CONTENT: &str = "consign:image/content";
const TYPES: &str = "consign:image/types";

/// What one call may use.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of linear memory, of all an instance's memories together.
    pub memory: usize,
    /// WebAssembly instructions. Unlike a deadline it ends the same call at the same place everywhere and
    /// needs no thread; what the content does meanwhile is not counted.
    pub fuel: u64,
}

impl Default for Limits {
    /// 64 MiB, and 2,000,000,000 instructions: about a second.
    fn default() -> Self {
        Limits { memory: 64 << 20, fuel: 2_000_000_000 }
    }
}

/// The component did not answer. Never means "not found" or "bad input": those are answers.
#[derive(Debug)]
#[non_exhaustive]
pub enum Fault {
    /// It did all the work it may do, in instructions, and was not done.
    OutOfFuel(u64),
    /// It wanted more than it may have, in bytes.
    OutOfMemory(usize),
    /// It trapped, or could not be run: why, for people.
    Trap(String),
}

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::OutOfFuel(limit) => write!(f, "wanted an answer within {limit} instructions, found none"),
            Fault::OutOfMemory(limit) => write!(f, "wanted at most {limit} bytes of memory, found more"),
            Fault::Trap(reason) => write!(f, "the component trapped: {reason}"),
        }
    }
}

impl std::error::Error for Fault {}

/// A component that cannot be run here.
#[derive(Debug)]
#[non_exhaustive]
pub enum Refusal {
    /// It imports something else than `consign:image/content` and types: the import's name.
    Import(String),
    /// It is no component, or does not export the world `resolver`.
    Unfit(wasmtime::Error),
}

impl Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Import(name) => {
                write!(f, "wanted no imports but `{CONTENT}` and `{TYPES}`, found `{name}`")
            }
            Refusal::Unfit(error) => write!(f, "wanted a component of the world `resolver`: {error:#}"),
        }
    }
}

impl std::error::Error for Refusal {}

impl From<wasmtime::Error> for Refusal {
    fn from(error: wasmtime::Error) -> Self {
        Refusal::Unfit(error)
    }
}

/// What an instance's store holds on the host's side.
pub struct State {
    content: Box<dyn content::Host + Send>,
    memory: Memory,
}

/// Of the interface `types` there is nothing to implement.
impl types::Host for State {}

/// The content of the call under way.
struct Asked;

impl HasData for Asked {
    type Data<'a> = &'a mut (dyn content::Host + Send + 'static);
}

struct Memory {
    limit: usize,
    used: usize,
}

/// What is in the way of growing, as the error of the call: refusing with `false` would only tell the component,
/// which may then do anything.
#[derive(Debug)]
struct TooMuch;

impl Display for TooMuch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("out of memory")
    }
}

impl std::error::Error for TooMuch {}

impl ResourceLimiter for Memory {
    fn memory_growing(&mut self, from: usize, to: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let used = self.used - from + to;
        if used > self.limit {
            return Err(wasmtime::Error::new(TooMuch));
        }
        self.used = used;
        Ok(true)
    }

    fn table_growing(&mut self, _: usize, to: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        if to > 10_000 { Err(wasmtime::Error::new(TooMuch)) } else { Ok(true) }
    }

    fn memories(&self) -> usize {
        16
    }

    fn tables(&self) -> usize {
        16
    }

    fn instances(&self) -> usize {
        64
    }
}

/// The component, compiled: some tenths of a second. Copies share the code.
#[derive(Clone)]
pub struct Component {
    pre: ResolverPre<State>,
    limits: Limits,
}

impl Component {
    /// Compiles a component of the world `resolver`.
    pub fn new(bytes: &[u8], limits: Limits) -> Result<Self, Refusal> {
        let mut config = Config::new();
        config.wasm_component_model(true).consume_fuel(true).max_wasm_stack(1 << 20);
        let engine = Engine::new(&config)?;
        let component = wasmtime::component::Component::from_binary(&engine, bytes)?;
        for (name, _) in component.component_type().imports(&engine) {
            if !matches!(name.split('@').next(), Some(CONTENT | TYPES)) {
                return Err(Refusal::Import(name.to_owned()));
            }
        }
        let mut linker = Linker::new(&engine);
        types::add_to_linker::<State, HasSelf<State>>(&mut linker, |state| state)?;
        content::add_to_linker::<State, Asked>(&mut linker, |state| &mut *state.content)?;
        let pre = ResolverPre::new(linker.instantiate_pre(&component)?)?;
        Ok(Component { pre, limits })
    }

    /// Somewhere to call it.
    pub fn instance(&self) -> Instance {
        Instance { component: self.clone(), live: None }
    }

    fn instantiate(&self) -> wasmtime::Result<(Store<State>, Resolver)> {
        let memory = Memory { limit: self.limits.memory, used: 0 };
        let mut store = Store::new(self.pre.engine(), State { content: Box::new(Images::default()), memory });
        store.limiter(|state| &mut state.memory);
        store.set_fuel(self.limits.fuel)?;
        let resolver = self.pre.instantiate(&mut store)?;
        Ok((store, resolver))
    }

    fn fault(&self, error: &wasmtime::Error) -> Fault {
        match error.downcast_ref::<Trap>() {
            Some(Trap::OutOfFuel) => Fault::OutOfFuel(self.limits.fuel),
            _ if error.is::<TooMuch>() => Fault::OutOfMemory(self.limits.memory),
            _ => Fault::Trap(format!("{error:#}")),
        }
    }
}

/// A running component. Used again for the next call; after a trap, whose memory means nothing, the next call
/// gets a fresh one.
pub struct Instance {
    component: Component,
    live: Option<(Store<State>, Resolver)>,
}

impl Instance {
    /// Makes one call, which may ask `content`.
    pub fn call<R>(
        &mut self,
        content: impl content::Host + Send + 'static,
        call: impl FnOnce(&Resolver, &mut Store<State>) -> wasmtime::Result<R>,
    ) -> Result<R, Fault> {
        let live = self.live.take();
        let answer =
            live.map_or_else(|| self.component.instantiate(), Ok).and_then(|(mut store, resolver)| {
                store.set_fuel(self.component.limits.fuel)?;
                store.data_mut().content = Box::new(content);
                let answer = call(&resolver, &mut store)?;
                store.data_mut().content = Box::new(Images::default());
                self.live = Some((store, resolver));
                Ok(answer)
            });
        answer.map_err(|error| self.component.fault(&error))
    }

    /// Resolves `subject` over `content`: what came of it, and how it went.
    pub fn resolve(
        &mut self,
        content: impl content::Host + Send + 'static,
        subject: &resolution::Subject,
        options: &resolution::Options,
    ) -> Result<Resolution, Fault> {
        self.call(content, |resolver, store| {
            let lookup: &lookup::Guest = resolver.consign_image_lookup();
            let one = lookup.call_resolve(&mut *store, subject, options)?;
            let resolution = resolver.consign_image_resolution().resolution();
            let explanation = resolution.call_explain(&mut *store, one)?;
            Ok((resolution.call_finish(store, one)?, explanation))
        })
    }
}

/// What came of a resolution, and how it went.
pub type Resolution = (Result<resolution::Resolved, resolution::ResolveError>, resolution::Explanation);
