//! How fast the bytes of an answer have to come. A wait for the next ones has a limit of its own; a registry that sends one
//! just before that is over, again and again, would be waited for until the body's end.

use std::io::{self, Read};
use std::time::{Duration, Instant};

use ureq::Timeout;

use super::Patience;

/// The body of an answer, with a limit to how slowly it comes. The time between reads does not count.
pub(super) struct Paced {
    body: ureq::BodyReader<'static>,
    /// Bytes a second.
    slowest: u64,
    window: Duration,
    /// Since it was last seen how much had come.
    waited: Duration,
    come: u64,
}

impl Paced {
    pub(super) fn new(body: ureq::BodyReader<'static>, patience: &Patience) -> Paced {
        Paced { body, slowest: patience.slowest, window: patience.idle, waited: Duration::ZERO, come: 0 }
    }

    fn is_fast_enough(&mut self, waited: Duration, come: usize) -> bool {
        self.waited += waited;
        self.come += come as u64;
        if self.waited < self.window {
            return true;
        }
        let wanted = u128::from(self.slowest) * self.waited.as_millis() / 1000;
        let enough = u128::from(self.come) >= wanted;
        (self.waited, self.come) = (Duration::ZERO, 0);
        enough
    }
}

impl Read for Paced {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let start = Instant::now();
        let read = self.body.read(buffer)?;
        if read == 0 || self.is_fast_enough(start.elapsed(), read) {
            return Ok(read);
        }
        Err(io::Error::other(ureq::Error::Timeout(Timeout::RecvBody)))
    }
}
