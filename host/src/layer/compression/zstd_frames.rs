//! Zstandard frames, one after the other, with places to resume at: their starts.

use std::io::{self, BufRead};

use zstd::zstd_safe::{self, DCtx, DParameter, InBuffer, OutBuffer};

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
}

impl<R: BufRead> Frames<R> {
    /// Goes on at a place where a frame starts, where `input` is.
    pub(super) fn new(input: R, place: Place, every: Option<u64>) -> io::Result<Self> {
        let mut context = DCtx::try_create().ok_or(io::ErrorKind::OutOfMemory)?;
        context.init().map_err(explain)?;
        context.set_parameter(DParameter::WindowLogMax(WINDOW_LIMIT.ilog2())).map_err(explain)?;
        Ok(Frames { input, context, between: true, place, every, last: place.uncompressed, point: None })
    }

    /// Gives more bytes; 0 at the end, or where `buffer` is empty.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let input = self.input.fill_buf()?;
            let ended = input.is_empty();
            if self.between {
                if ended {
                    return Ok(0);
                }
                if self.every.is_some_and(|every| self.place.uncompressed - self.last >= every) {
                    self.last = self.place.uncompressed;
                    self.point = Some(Point { place: self.place, bits: 0, window: Vec::new(), start: true });
                }
            }
            let mut from = InBuffer::around(input);
            let mut to = OutBuffer::around(&mut *buffer);
            let hint = self.context.decompress_stream(&mut to, &mut from).map_err(explain)?;
            let (consumed, produced) = (from.pos, to.pos());
            self.between = hint == 0;
            self.input.consume(consumed);
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

/// zstd's own number for a window that is too large, as it returns it.
const WINDOW_TOO_LARGE: zstd_safe::ErrorCode = 0usize.wrapping_sub(16);

fn explain(code: zstd_safe::ErrorCode) -> io::Error {
    if code == WINDOW_TOO_LARGE {
        return io::ErrorKind::QuotaExceeded.into();
    }
    io::Error::new(io::ErrorKind::InvalidData, zstd_safe::get_error_name(code))
}
