//! zlib's inflate with what it tells of its state: where a block ends, to the bit, and the window there.
//!
//! flate2 has neither. This is the interface of the same decoder (zlib-rs) that C programs use; all that is unsafe
//! about it is in this file.

use std::io;

use libz_rs_sys as zlib;

/// Bytes that a deflate stream may refer back to.
pub(crate) const WINDOW: usize = 32 << 10;

/// A decoder of one gzip member, or of what is left of one.
pub(super) struct Inflate {
    stream: Box<zlib::z_stream>,
}

// SAFETY: what the stream points at it has alone; the pointers into buffers are null between calls.
unsafe impl Send for Inflate {}

/// What one step did.
pub(super) struct Step {
    pub(super) consumed: usize,
    pub(super) produced: usize,
    pub(super) at: At,
}

/// Where it stopped.
pub(super) enum At {
    /// Anywhere.
    Within,
    /// Between two blocks. So many bits of the last byte consumed are still to be read.
    Block { bits: u8 },
    /// The member is complete; its checksum too, unless it was resumed.
    End,
}

impl Inflate {
    /// A decoder that begins at a member's header.
    pub(super) fn member() -> io::Result<Inflate> {
        Inflate::new(15 + 16)
    }

    /// A decoder that goes on between two blocks: what came before is `window`, of which the last 32 KiB
    /// count, and of the byte before the next one the upper `bits`, at most 7, are still to be read.
    pub(super) fn resume(window: &[u8], byte: u8, bits: u8) -> io::Result<Inflate> {
        let mut inflate = Inflate::new(-15)?;
        if bits > 7 {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let value = i32::from(byte) >> (8 - bits);
        let window = &window[window.len().saturating_sub(WINDOW)..];
        // SAFETY: the stream is initialised, and the window is as long as is said.
        let done = unsafe {
            match zlib::inflatePrime(&mut *inflate.stream, bits.into(), value) {
                zlib::Z_OK => {
                    zlib::inflateSetDictionary(&mut *inflate.stream, window.as_ptr(), window.len() as u32)
                }
                error => error,
            }
        };
        inflate.check(done).map(|()| inflate)
    }

    fn new(window_bits: i32) -> io::Result<Inflate> {
        let mut stream = Box::<zlib::z_stream>::default();
        // SAFETY: the stream is as new and stays where it is; version and size are this library's own.
        let done = unsafe {
            zlib::inflateInit2_(
                &mut *stream,
                window_bits,
                zlib::zlibVersion(),
                size_of::<zlib::z_stream>() as i32,
            )
        };
        let inflate = Inflate { stream };
        inflate.check(done).map(|()| inflate)
    }

    /// Begins again, at a member's header.
    pub(super) fn restart(&mut self) -> io::Result<()> {
        // SAFETY: the stream is initialised.
        let done = unsafe { zlib::inflateReset2(&mut *self.stream, 15 + 16) };
        self.check(done)
    }

    /// Takes from `input` and gives to `output` as much as there is and fits; with `block` no further than to the
    /// end of a block.
    pub(super) fn step(&mut self, input: &[u8], output: &mut [u8], block: bool) -> io::Result<Step> {
        let (given, room) = (length(input), length(output));
        self.stream.next_in = input.as_ptr();
        self.stream.avail_in = given;
        self.stream.next_out = output.as_mut_ptr();
        self.stream.avail_out = room;
        let flush = if block { zlib::Z_BLOCK } else { zlib::Z_NO_FLUSH };
        // SAFETY: the stream is initialised, and both buffers are at least as long as is said.
        let done = unsafe { zlib::inflate(&mut *self.stream, flush) };
        let consumed = (given - self.stream.avail_in) as usize;
        let produced = (room - self.stream.avail_out) as usize;
        self.stream.next_in = std::ptr::null();
        self.stream.next_out = std::ptr::null_mut();
        let state = self.stream.data_type;
        let at = match done {
            zlib::Z_STREAM_END => At::End,
            // 128: a block's end; 64: of the last one, which the trailer follows.
            zlib::Z_OK if block && state & (128 | 64) == 128 => At::Block { bits: (state & 7) as u8 },
            // There was nothing to do it with.
            zlib::Z_OK | zlib::Z_BUF_ERROR => At::Within,
            error => return Err(self.error(error)),
        };
        Ok(Step { consumed, produced, at })
    }

    /// The last bytes that came out, at most 32 KiB.
    pub(super) fn window(&self) -> Vec<u8> {
        let mut window = vec![0; WINDOW];
        let mut length = 0;
        // SAFETY: the stream is initialised, and the buffer takes as much as there can be.
        let done =
            unsafe { zlib::inflateGetDictionary(&raw const *self.stream, window.as_mut_ptr(), &mut length) };
        window.truncate(if done == zlib::Z_OK { length as usize } else { 0 });
        window
    }

    fn check(&self, done: i32) -> io::Result<()> {
        if done == zlib::Z_OK { Ok(()) } else { Err(self.error(done)) }
    }

    fn error(&self, code: i32) -> io::Error {
        if code == zlib::Z_MEM_ERROR {
            return io::ErrorKind::OutOfMemory.into();
        }
        let message = self.stream.msg;
        if message.is_null() {
            return io::Error::new(io::ErrorKind::InvalidData, "corrupt deflate stream");
        }
        // SAFETY: a message is a literal of the library's.
        let message = unsafe { std::ffi::CStr::from_ptr(message) };
        io::Error::new(io::ErrorKind::InvalidData, message.to_string_lossy())
    }
}

impl Drop for Inflate {
    fn drop(&mut self) {
        // SAFETY: the stream is initialised, or was refused, which is noticed.
        let _ = unsafe { zlib::inflateEnd(&mut *self.stream) };
    }
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}
