//! Zstandard frames, one after the other, with places to resume at: their starts.

use std::io::{self, BufRead};

use zstd::zstd_safe::{self, DCtx, DParameter, InBuffer, OutBuffer};

use super::windows::Share;
use super::{Place, Point};

/// Bytes that a frame may refer back to: what the encoder that docker, podman and containerd have asks for at its
/// highest level. A decoder has so much memory for each frame; a window of zstd's own highest levels would be
/// four times that.
pub(crate) const WINDOW_LIMIT: u64 = 32 << 20;

/// Undoes Zstandard. Everything has to be a frame, skippable ones among them.
pub(super) struct Frames<R> {
    input: R,
    context: DCtx<'static>,
    /// Before a frame, or the end.
    between: bool,
    /// Bytes taken from the compressed stream, and given of the uncompressed one, both counted from the start.
    place: Place,
    every: Option<u64>,
    last: u64,
    pub(super) point: Option<Point>,
    /// Where windows are shared, what this decoder has of them.
    pub(super) share: Option<Share>,
    /// The first bytes of a frame, of which those before `fed` were decoded.
    head: Vec<u8>,
    fed: usize,
}

impl<R: BufRead> Frames<R> {
    /// Goes on at a place where a frame starts, where `input` is.
    pub(super) fn new(input: R, place: Place, every: Option<u64>) -> io::Result<Self> {
        Ok(Frames {
            input,
            context: context()?,
            between: true,
            place,
            every,
            last: place.uncompressed,
            point: None,
            share: None,
            head: Vec::new(),
            fed: 0,
        })
    }

    /// Takes as much of the next frame as tells its window, and waits until there is memory for that.
    fn look_ahead(&mut self) -> io::Result<()> {
        self.head.clear();
        self.fed = 0;
        let window = loop {
            let wanted = match Header::read(&self.head) {
                Header::Window(window) => break window,
                Header::Longer(wanted) => wanted - self.head.len(),
            };
            let input = self.input.fill_buf()?;
            let taken = wanted.min(input.len());
            if taken == 0 {
                // The decoder will say that it ends here.
                return Ok(());
            }
            self.head.extend_from_slice(&input[..taken]);
            self.input.consume(taken);
        };
        if let Some(share) = self.share.as_mut().filter(|share| !share.has(window)) {
            // What it has is freed before it waits for more.
            self.context = context()?;
            share.exchange(window);
        }
        Ok(())
    }

    /// Gives more bytes; 0 at the end, or where `buffer` is empty.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if self.between {
                // Here nothing is left of the frame before.
                if self.input.fill_buf()?.is_empty() {
                    return Ok(0);
                }
                if self.every.is_some_and(|every| self.place.uncompressed - self.last >= every) {
                    self.last = self.place.uncompressed;
                    self.point = Some(Point { place: self.place, bits: 0, window: Vec::new(), start: true });
                }
            }
            if self.share.is_some() && self.between {
                self.look_ahead()?;
            }
            // What was looked at comes first.
            let ahead = self.fed < self.head.len();
            let input = if ahead { &self.head[self.fed..] } else { self.input.fill_buf()? };
            let ended = input.is_empty();
            let mut from = InBuffer::around(input);
            let mut to = OutBuffer::around(&mut *buffer);
            let hint = self.context.decompress_stream(&mut to, &mut from).map_err(explain)?;
            let (consumed, produced) = (from.pos, to.pos());
            self.between = hint == 0;
            if ahead {
                self.fed += consumed;
            } else {
                self.input.consume(consumed);
            }
            self.place.compressed += consumed as u64;
            self.place.uncompressed += produced as u64;
            if produced > 0 {
                return Ok(produced);
            }
            if ended && !self.between {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

fn context() -> io::Result<DCtx<'static>> {
    let mut context = DCtx::try_create().ok_or(io::ErrorKind::OutOfMemory)?;
    context.init().map_err(explain)?;
    context.set_parameter(DParameter::WindowLogMax(WINDOW_LIMIT.ilog2())).map_err(explain)?;
    Ok(context)
}

/// What a frame's header says (RFC 8878, 3.1.1).
enum Header {
    /// It takes so many bytes to tell more.
    Longer(usize),
    /// Bytes that the decoder will want for its window.
    Window(u64),
}

impl Header {
    fn read(head: &[u8]) -> Header {
        let (Some(magic), Some(descriptor)) = (head.first_chunk::<4>(), head.get(4)) else {
            return Header::Longer(5);
        };
        if *magic != [0x28, 0xb5, 0x2f, 0xfd] {
            // A skippable frame, or none.
            return Header::Window(0);
        }
        let single = descriptor & 0x20 != 0;
        let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
        let content = match descriptor >> 6 {
            0 => usize::from(single),
            flag => 1 << flag,
        };
        let start = 5 + usize::from(!single) + dictionary;
        let Some(size) = head.get(start..start + content) else { return Header::Longer(start + content) };
        let mut bytes = [0; 8];
        bytes[..content].copy_from_slice(size);
        let size = match content {
            0 => u64::MAX,
            2 => u64::from_le_bytes(bytes) + 256,
            _ => u64::from_le_bytes(bytes),
        };
        if single {
            return Header::Window(size);
        }
        let base = 1u64 << (10 + (head[5] >> 3));
        // The decoder refuses what says a larger window, however little is in it.
        let window = base + base / 8 * u64::from(head[5] & 7);
        Header::Window(if window > WINDOW_LIMIT { window } else { window.min(size) })
    }
}

/// zstd's own number for a window that is too large, as it returns it.
const WINDOW_TOO_LARGE: zstd_safe::ErrorCode = 0usize.wrapping_sub(16);

fn explain(code: zstd_safe::ErrorCode) -> io::Error {
    if code == WINDOW_TOO_LARGE {
        return io::ErrorKind::QuotaExceeded.into();
    }
    io::Error::new(io::ErrorKind::InvalidData, zstd_safe::get_error_name(code))
}
