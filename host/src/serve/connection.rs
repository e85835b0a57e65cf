//! One connection: requests, one after the other, and their answers.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::answer::{Answer, Writing};
use super::head::{Following, Head, Next, Reader, Waiting};
use super::slots::Slot;
use super::stream::Stream;
use super::{Answered, Observer, Options, Registry};

/// Bytes of a request's body that are read, and dropped, for the sake of the connection.
const DRAINED: u64 = 64 << 10;
/// How long they may take.
const DRAINING: Duration = Duration::from_secs(5);

pub(super) struct Connection<'a> {
    stream: Stream,
    peer: SocketAddr,
    options: &'a Options,
    slot: Slot<'a>,
}

impl<'a> Connection<'a> {
    pub(super) fn new(
        socket: TcpStream,
        peer: SocketAddr,
        options: &'a Options,
        slot: Slot<'a>,
    ) -> std::io::Result<Connection<'a>> {
        Ok(Connection { stream: Stream::new(socket, options.identity.as_ref())?, peer, options, slot })
    }

    /// Answers what comes, until nothing comes any more, or something that is no request.
    pub(super) fn serve(mut self, registry: &Registry, observer: &dyn Observer) {
        let mut reader = Reader::default();
        let mut waiting = Waiting { idle: self.options.head, head: self.options.head };
        loop {
            let next = reader.next(&mut self.stream, waiting, || self.slot.busy());
            let head = match next {
                Next::Head(head) => head,
                Next::End => break,
                Next::Malformed(status, reason) => {
                    let refusal = Answer::refusal(status, "UNSUPPORTED", reason);
                    self.write(&Head::default(), refusal, true, observer);
                    break;
                }
            };
            let last = !self.answer(&mut reader, &head, registry, observer);
            if !self.slot.idle() || last {
                break;
            }
            waiting.idle = self.options.idle;
        }
        self.stream.close();
    }

    /// Answers one request. False: the connection is of no more use.
    fn answer(
        &mut self,
        reader: &mut Reader,
        head: &Head,
        registry: &Registry,
        observer: &dyn Observer,
    ) -> bool {
        let body = match head.following() {
            Following::Nothing => Some(0),
            // Who waits for leave to send it is told no by the answer, and may send it all the same.
            Following::Bytes(bytes) if bytes <= DRAINED && !head.expects() => Some(bytes),
            _ => None,
        };
        let last = body.is_none() || !head.keeps_alive();
        let refused = self.options.passwords.as_ref().and_then(|passwords| passwords.refusal(head));
        let answer = refused.unwrap_or_else(|| registry.answer(head));
        self.write(head, answer, last, observer)
            && !last
            && reader.skip(&mut self.stream, body.unwrap_or(0), DRAINING)
    }

    /// Writes an answer. False: it did not get through.
    fn write(&mut self, head: &Head, mut answer: Answer, last: bool, observer: &dyn Observer) -> bool {
        let (status, problem) = (answer.status, answer.problem.take());
        let writing = Writing {
            bare: head.method == "HEAD",
            last,
            patience: self.options.answer,
            slowest: self.options.slowest,
        };
        let written = answer.write(&mut self.stream, writing);
        observer.answered(&Answered {
            peer: self.peer,
            method: &head.method,
            target: &head.target,
            status,
            bytes: written.as_ref().ok().copied(),
            problem: problem.as_deref(),
        });
        written.is_ok()
    }
}
