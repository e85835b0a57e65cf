//! gzip members, one after the other, with places to resume at.

use std::io::{self, BufRead};

use super::inflate::{At, Inflate};
use super::{Place, Point, Resume};

/// Undoes gzip. Everything has to be a member.
pub(super) struct Gunzip<R> {
    input: R,
    inflate: Inflate,
    state: State,
    /// Bytes taken from the compressed stream, counted from its start.
    taken: u64,
    /// Bytes given, counted from the start of the uncompressed stream.
    given: u64,
    /// How far points are to be apart, and where the last one was.
    every: Option<u64>,
    last: u64,
    pub(super) point: Option<Point>,
}

enum State {
    /// Before a member, or the end. The first has to be there.
    Between {
        first: bool,
    },
    Member,
    /// A member that was resumed: its checksum cannot be told.
    Rest,
    /// The trailer of such a member: so many bytes of it are left.
    Trailer(usize),
}

impl<R: BufRead> Gunzip<R> {
    pub(super) fn new(input: R, every: Option<u64>) -> io::Result<Self> {
        Gunzip::at(input, Inflate::member()?, State::Between { first: true }, Place::default(), every)
    }

    /// Goes on at a place, where `input` is.
    pub(super) fn resume(input: R, place: Place, resume: &Resume<'_>) -> io::Result<Self> {
        match resume {
            Resume::Start => {
                Gunzip::at(input, Inflate::member()?, State::Between { first: true }, place, None)
            }
            Resume::Within { window, byte, bits } => {
                let inflate = Inflate::resume(window, *byte, *bits)?;
                Gunzip::at(input, inflate, State::Rest, place, None)
            }
        }
    }

    fn at(input: R, inflate: Inflate, state: State, place: Place, every: Option<u64>) -> io::Result<Self> {
        let Place { compressed: taken, uncompressed: given } = place;
        Ok(Gunzip { input, inflate, state, taken, given, every, last: given, point: None })
    }

    fn note(&mut self, bits: u8, window: Vec<u8>, start: bool) {
        let place = Place { compressed: self.taken, uncompressed: self.given };
        self.last = self.given;
        self.point = Some(Point { place, bits, window, start });
    }

    /// Gives more bytes; 0 at the end, or where `buffer` is empty. Stops where a point is noted.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let input = self.input.fill_buf()?;
            // No further than to where the next point is due, so that points do not depend on the buffers.
            let until = self.every.map(|every| every.saturating_sub(self.given - self.last));
            let due = until == Some(0);
            let room = until.filter(|_| !due).map_or(usize::MAX, |until| until as usize).min(buffer.len());
            let (at, consumed, produced) = match &mut self.state {
                State::Between { first } => {
                    if input.is_empty() && !*first {
                        return Ok(0);
                    }
                    if !*first {
                        self.inflate.restart()?;
                    }
                    if due {
                        self.note(0, Vec::new(), true);
                    }
                    self.state = State::Member;
                    continue;
                }
                State::Trailer(left) => {
                    if input.is_empty() {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                    let consumed = input.len().min(*left);
                    *left -= consumed;
                    if *left == 0 {
                        self.state = State::Between { first: false };
                    }
                    self.input.consume(consumed);
                    self.taken += consumed as u64;
                    continue;
                }
                State::Member | State::Rest => {
                    let ended = input.is_empty();
                    let step = self.inflate.step(input, &mut buffer[..room], due)?;
                    if ended && step.produced == 0 && !matches!(step.at, At::End) {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                    (step.at, step.consumed, step.produced)
                }
            };
            self.input.consume(consumed);
            self.taken += consumed as u64;
            self.given += produced as u64;
            match at {
                At::Within => {}
                At::Block { bits } => {
                    let window = self.inflate.window();
                    self.note(bits, window, false);
                }
                At::End => {
                    self.state = match self.state {
                        State::Rest => State::Trailer(8),
                        _ => State::Between { first: false },
                    };
                }
            }
            if produced > 0 {
                return Ok(produced);
            }
        }
    }
}
