//! Resolution as a state machine: [`resolve`](super::resolve) is an async function whose only awaits are
//! questions to the world, so the compiler makes the machine; this module polls it.

use alloc::rc::Rc;
use core::cell::RefCell;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use super::MAX_READS;
use crate::prelude::*;
use crate::types::{ContentError, Descriptor, ImageName};
use crate::wit::exports::consign::image::resolution::{
    Answer, Considered, Explanation, Request, ResolveError, Resolved, Step, Verdict,
};

/// The way the resolution puts questions, and tells how it goes.
pub struct Ask(Rc<RefCell<Desk>>);

/// Where a question waits for its answer, and what was told so far lies.
struct Desk {
    question: Option<Request>,
    answer: Option<Answer>,
    reads: u32,
    explanation: Explanation,
}

/// Waits until the question on the desk has been answered.
struct Answered<'a>(&'a RefCell<Desk>);

impl Future for Answered<'_> {
    type Output = Answer;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Answer> {
        match self.0.borrow_mut().answer.take() {
            Some(answer) => Poll::Ready(answer),
            None => Poll::Pending,
        }
    }
}

impl Ask {
    async fn put(&self, question: Request) -> Result<Answer, ResolveError> {
        {
            let mut desk = self.0.borrow_mut();
            desk.question = Some(question);
            desk.answer = None;
        }
        match Answered(&self.0).await {
            Answer::Failed(error) => Err(ResolveError::Content(error)),
            answer => Ok(answer),
        }
    }

    pub(super) async fn find(&self, name: &ImageName) -> Result<Option<Descriptor>, ResolveError> {
        match self.put(Request::Find(name.clone())).await? {
            Answer::Found(found) => Ok(found),
            _ => Ok(None),
        }
    }

    pub(super) async fn search(&self, prefix: &str) -> Result<Vec<Descriptor>, ResolveError> {
        self.several(Request::Search(prefix.to_owned())).await
    }

    pub(super) async fn several(&self, question: Request) -> Result<Vec<Descriptor>, ResolveError> {
        match self.put(question).await? {
            Answer::Several(several) => Ok(several),
            _ => Ok(Vec::new()),
        }
    }

    /// Tells of one more thing that was tried.
    pub(super) fn step(&self, step: Step) {
        self.0.borrow_mut().explanation.steps.push(step);
    }

    /// Tells of entries that are looked at; the place of the first among all that were.
    pub(super) fn consider(&self, entries: impl Iterator<Item = Considered>) -> usize {
        let considered = &mut self.0.borrow_mut().explanation.considered;
        let first = considered.len();
        considered.extend(entries);
        first
    }

    /// What became of the entry at this place.
    pub(super) fn judge(&self, at: usize, verdict: Verdict) {
        if let Some(entry) = self.0.borrow_mut().explanation.considered.get_mut(at) {
            entry.verdict = verdict;
        }
    }

    pub(super) async fn read(&self, target: &Descriptor) -> Result<Option<Vec<u8>>, ResolveError> {
        {
            let mut desk = self.0.borrow_mut();
            desk.reads += 1;
            if desk.reads > MAX_READS {
                return Err(ResolveError::Limit(("documents read".into(), u64::from(MAX_READS))));
            }
        }
        match self.put(Request::Read(target.clone())).await? {
            Answer::Content(content) => Ok(content),
            Answer::Text(text) => Ok(Some(text.into_bytes())),
            _ => Ok(None),
        }
    }
}

/// The state machine the compiler made of it.
type Running = Pin<Box<dyn Future<Output = Result<Resolved, ResolveError>>>>;

/// A resolution under way: an async function that waits for nothing but answers to what it asks.
pub struct Machine {
    desk: Rc<RefCell<Desk>>,
    running: Option<Running>,
    outcome: Option<Result<Resolved, ResolveError>>,
}

impl Machine {
    /// Starts it; the first question, if there is one, is ready.
    pub fn start<F>(run: impl FnOnce(Ask) -> F) -> Machine
    where
        F: Future<Output = Result<Resolved, ResolveError>> + 'static,
    {
        let explanation = Explanation { steps: Vec::new(), considered: Vec::new() };
        let desk = Rc::new(RefCell::new(Desk { question: None, answer: None, reads: 0, explanation }));
        let running = run(Ask(Rc::clone(&desk)));
        let mut machine = Machine { desk, running: Some(Box::pin(running)), outcome: None };
        machine.advance();
        machine
    }

    /// What is wanted now.
    pub fn next(&self) -> Request {
        if self.outcome.is_some() {
            return Request::Done;
        }
        self.desk.borrow().question.clone().unwrap_or(Request::Done)
    }

    /// Hands over the answer to what [`next`](Machine::next) asked for.
    pub fn supply(&mut self, answer: Answer) {
        if self.outcome.is_some() {
            return;
        }
        {
            let mut desk = self.desk.borrow_mut();
            desk.question = None;
            desk.answer = Some(answer);
        }
        self.advance();
    }

    /// How it went so far.
    pub fn explain(&self) -> Explanation {
        self.desk.borrow().explanation.clone()
    }

    /// The outcome.
    pub fn finish(self) -> Result<Resolved, ResolveError> {
        self.outcome.unwrap_or(Err(ResolveError::Limit(("steps left".into(), 0))))
    }

    fn advance(&mut self) {
        let Some(running) = &mut self.running else { return };
        // Nothing wakes it but `supply`.
        if let Poll::Ready(outcome) = running.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            self.running = None;
            self.outcome = Some(outcome);
        }
    }
}

/// Where a driver that can answer at once gets its answers.
pub trait World {
    /// `content.find`
    fn find(&mut self, name: &ImageName) -> Result<Option<Descriptor>, ContentError>;
    /// `content.search`
    fn search(&mut self, prefix: &str) -> Result<Vec<Descriptor>, ContentError>;
    /// `content.read`
    fn read(&mut self, target: &Descriptor) -> Result<Option<Vec<u8>>, ContentError>;
    /// `content.indexes`
    fn indexes(&mut self, config: &str) -> Result<Vec<Descriptor>, ContentError>;
    /// `content.manifests`
    fn manifests(&mut self, config: &str) -> Result<Vec<Descriptor>, ContentError>;
}

/// Drives a resolution to its end over a world that answers at once.
pub fn drive(world: &mut impl World, machine: &mut Machine) {
    loop {
        let answer = match machine.next() {
            Request::Find(name) => world.find(&name).map(Answer::Found),
            Request::Search(prefix) => world.search(&prefix).map(Answer::Several),
            Request::Read(target) => world.read(&target).map(Answer::Content),
            Request::Indexes(config) => world.indexes(&config).map(Answer::Several),
            Request::Manifests(config) => world.manifests(&config).map(Answer::Several),
            Request::Done => return,
        };
        machine.supply(answer.unwrap_or_else(Answer::Failed));
    }
}
