use core::cell::RefCell;

use super::Component;
use crate::resolve::machine::Machine;
use crate::resolve::resolve;
use crate::wit::exports::consign::image::resolution::{
    Answer, Explanation, Guest, GuestResolution, Options, Request, Resolution, ResolveError, Resolved,
    Subject,
};

/// The resource behind `resolution`.
pub struct Resolving(RefCell<Machine>);

impl From<Machine> for Resolving {
    fn from(machine: Machine) -> Self {
        Resolving(RefCell::new(machine))
    }
}

impl Guest for Component {
    type Resolution = Resolving;
}

impl GuestResolution for Resolving {
    fn new(subject: Subject, options: Options) -> Self {
        Resolving::from(Machine::start(|ask| resolve(ask, subject, options)))
    }

    fn next(&self) -> Request {
        self.0.borrow().next()
    }

    fn supply(&self, answer: Answer) {
        self.0.borrow_mut().supply(answer);
    }

    fn explain(&self) -> Explanation {
        self.0.borrow().explain()
    }

    fn finish(this: Resolution) -> Result<Resolved, ResolveError> {
        this.into_inner::<Resolving>().0.into_inner().finish()
    }
}
