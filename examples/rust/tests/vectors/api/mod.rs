//! The functions of each interface, called in the component.

pub mod digests;
pub mod manifests;
pub mod platforms;
pub mod references;
pub mod resolution;
pub mod selection;

use std::cell::RefCell;
use std::sync::OnceLock;

use embed::{Component, Images, Instance, Limits, Resolver, State};
use wasmtime::Store;

/// A fresh instance; the component is compiled once.
fn instance() -> Instance {
    static COMPONENT: OnceLock<Component> = OnceLock::new();
    let compile = || Component::new(&crate::components::component("resolver"), Limits::default()).unwrap();
    COMPONENT.get_or_init(compile).instance()
}

thread_local! {
    static INSTANCE: RefCell<Instance> = RefCell::new(instance());
}

/// One call, in the thread's instance.
fn call<R>(call: impl FnOnce(&Resolver, &mut Store<State>) -> wasmtime::Result<R>) -> R {
    INSTANCE.with_borrow_mut(|instance| instance.call(Images::default(), call).unwrap())
}
