//! An archive in a file: long entries are passed over at first and filled in afterwards, several at once.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use super::SaveError;
use crate::side_by_side::{processors, side_by_side};

/// The most entries that are filled in at once: as many as there are processors, up to this. Each takes 4 MiB,
/// and 8 MiB more where its compression needs it.
const MOST: usize = 4;

/// Where an archive is written to.
pub(super) trait Out: Write {
    /// Passes over the next bytes, and says where they are. `None` where that cannot be done: they have to be
    /// written next.
    fn pass_over(&mut self, bytes: u64) -> io::Result<Option<u64>>;
}

impl Out for BufWriter<&mut dyn Write> {
    fn pass_over(&mut self, _bytes: u64) -> io::Result<Option<u64>> {
        Ok(None)
    }
}

impl Out for BufWriter<Positioned<'_>> {
    fn pass_over(&mut self, bytes: u64) -> io::Result<Option<u64>> {
        self.flush()?;
        let positioned = self.get_mut();
        let passed = positioned.at;
        positioned.at += bytes;
        Ok(Some(passed))
    }
}

/// A place in a file.
pub(super) struct Positioned<'a> {
    file: &'a File,
    at: u64,
    /// Set where what is written is not wanted any more.
    stopped: Option<&'a AtomicBool>,
}

impl<'a> Positioned<'a> {
    /// The beginning.
    pub(super) fn new(file: &'a File) -> Self {
        Positioned { file, at: 0, stopped: None }
    }
}

impl Write for Positioned<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.stopped.is_some_and(|stopped| stopped.load(Ordering::Relaxed)) {
            return Err(io::Error::other("another layer could not be written"));
        }
        let written = rustix::io::pwrite(self.file, bytes, self.at)?;
        self.at += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An entry that was passed over.
pub(super) struct Gap<T> {
    /// Where it begins.
    pub(super) at: u64,
    /// Its bytes.
    pub(super) size: u64,
    /// What is to be written there.
    pub(super) content: T,
}

/// Has every gap filled, the longest first. After an error the others are given up.
///
/// # Errors
/// The first that came.
pub(super) fn fill<T: Send>(
    file: &File,
    mut gaps: Vec<Gap<T>>,
    write: impl Fn(T, &mut dyn Write) -> Result<(), SaveError> + Sync,
) -> Result<(), SaveError> {
    gaps.sort_by_key(|gap| std::cmp::Reverse(gap.size));
    side_by_side(gaps, processors(MOST), |gap, stopped| {
        write(gap.content, &mut Positioned { file, at: gap.at, stopped: Some(stopped) })
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::store::StoreError;

    #[test]
    fn what_was_passed_over_comes_to_its_place() {
        let file = tempfile::tempfile().unwrap();
        let mut out = BufWriter::new(Positioned::new(&file));
        let mut gaps = Vec::new();
        for content in [b'a', b'b', b'c'] {
            out.write_all(b"|").unwrap();
            let at = out.pass_over(u64::from(content)).unwrap().unwrap();
            gaps.push(Gap { at, size: u64::from(content), content });
        }
        out.write_all(b"|").unwrap();
        out.flush().unwrap();
        fill(&file, gaps, |byte, place| {
            place.write_all(&vec![byte; usize::from(byte)]).unwrap();
            Ok(())
        })
        .unwrap();
        let repeated = |byte: u8| String::from(char::from(byte)).repeat(usize::from(byte));
        let wanted = format!("|{}|{}|{}|", repeated(b'a'), repeated(b'b'), repeated(b'c'));
        let mut found = vec![0; wanted.len()];
        rustix::io::pread(&file, &mut found, 0).unwrap();
        assert_eq!(String::from_utf8(found).unwrap(), wanted);
        assert_eq!(file.metadata().unwrap().len(), wanted.len() as u64);
    }

    #[test]
    fn the_first_error_is_the_answer_and_the_others_stop() {
        let file = tempfile::tempfile().unwrap();
        let gaps = (0..100).map(|number| Gap { at: 0, size: 100 - number, content: number }).collect();
        let error = fill(&file, gaps, |number, place| {
            if number == 0 {
                return Err(StoreError::ReadOnly.into());
            }
            while place.write(b"x").is_ok() {}
            Err(StoreError::BatchFinished.into())
        })
        .unwrap_err();
        assert!(matches!(error, SaveError::Store(StoreError::ReadOnly)), "{error}");
    }
}
