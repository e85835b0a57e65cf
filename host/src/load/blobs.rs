//! Bringing blobs in, several at once.

use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::plan::Job;
use super::{Count, LoadError, Options, Progress};
use crate::digest::Digest;
use crate::layer::make::Making;
use crate::layer::transfer::{Found, Hooks, Transfer, TransferError, Undone, Wanted};
use crate::source::{Source, SourceError};
use crate::store::{Batch, BlobWriter, Keeping, LayerClaim, LayerRecord, Target};
use crate::types::Descriptor;

/// More layers at once only fill memory: the disk is shared.
const MAX_THREADS: usize = 4;

/// What came of all jobs.
#[derive(Default)]
pub(super) struct Outcome {
    /// In the order of the jobs.
    pub(super) layers: Vec<LayerRecord>,
    /// The same.
    pub(super) unverified: Vec<LayerClaim>,
    pub(super) written: Count,
    pub(super) present: Count,
}

/// What came of one.
struct Done {
    layer: Option<Layer>,
    present: bool,
}

/// A blob, as a layer.
enum Layer {
    Verified(LayerRecord),
    /// It was not undone.
    Said(LayerClaim),
}

/// Another job failed, or this one did.
enum Ended {
    Stopped,
    Failed(LoadError),
}

impl<E: Into<LoadError>> From<E> for Ended {
    fn from(error: E) -> Self {
        Ended::Failed(error.into())
    }
}

/// Brings all blobs in. The first error stops the others.
pub(super) fn run(
    source: &dyn Source,
    batch: &Batch,
    jobs: &[Job],
    options: &Options,
    progress: &dyn Progress,
) -> Result<Outcome, LoadError> {
    let stop = AtomicBool::new(false);
    let work = Work { source, batch, options, progress, stop: &stop };
    // The largest first, so that none is left to one thread at the end.
    let mut order: Vec<usize> = (0..jobs.len()).collect();
    order.sort_by_key(|position| std::cmp::Reverse(jobs[*position].target.size));
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<(usize, Result<Done, LoadError>)>> = Mutex::new(Vec::with_capacity(jobs.len()));
    let worker = || {
        let mut transfer = Transfer::default();
        while !stop.load(Ordering::Relaxed) {
            let Some(position) = order.get(next.fetch_add(1, Ordering::Relaxed)) else { return };
            let done = match work.run(&jobs[*position], &mut transfer) {
                Ok(done) => Ok(done),
                Err(Ended::Stopped) => return,
                Err(Ended::Failed(error)) => {
                    stop.store(true, Ordering::Relaxed);
                    Err(error)
                }
            };
            results.lock().unwrap_or_else(PoisonError::into_inner).push((*position, done));
        }
    };
    let threads = match options.threads {
        0 => std::thread::available_parallelism().map_or(2, usize::from).min(MAX_THREADS),
        threads => threads,
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.min(jobs.len()) {
            scope.spawn(worker);
        }
        worker();
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(position, _)| *position);
    let mut outcome = Outcome::default();
    for (position, done) in results {
        let done = done?;
        let count = if done.present { &mut outcome.present } else { &mut outcome.written };
        count.blobs += 1;
        count.bytes += jobs[position].target.size;
        match done.layer {
            Some(Layer::Verified(layer)) => outcome.layers.push(layer),
            Some(Layer::Said(claim)) => outcome.unverified.push(claim),
            None => {}
        }
    }
    Ok(outcome)
}

struct Work<'a> {
    source: &'a dyn Source,
    batch: &'a Batch,
    options: &'a Options,
    progress: &'a dyn Progress,
    stop: &'a AtomicBool,
}

impl Work<'_> {
    fn run(&self, job: &Job, transfer: &mut Transfer) -> Result<Done, Ended> {
        let descriptor = Descriptor::from(&job.target);
        self.progress.started(&descriptor);
        let digest = &job.target.digest;
        let present = self.batch.contains(digest)?;
        let layer = match present {
            Some(found) if found != job.target.size => return Err(size_mismatch(digest, job, found)),
            Some(_) => self.known(job, transfer)?,
            None => self.copy(job, &descriptor, transfer)?,
        };
        self.progress.finished(&descriptor, present.is_some());
        Ok(Done { layer, present: present.is_some() })
    }

    /// A blob from the source, verified as it is written.
    fn copy(
        &self,
        job: &Job,
        descriptor: &Descriptor,
        transfer: &mut Transfer,
    ) -> Result<Option<Layer>, Ended> {
        let Target { digest, size, .. } = &job.target;
        if self.source.is_remote()
            && let Some(writer) = self.batch.writer_resuming(digest, *size)?
        {
            let resumed = writer.written() > 0;
            let (seen, writer) = self.bring(job, descriptor, transfer, writer)?;
            if seen.found.digest == *digest || !resumed {
                return self.commit(job, seen, writer);
            }
            // What was there was no part of it, or was damaged since: all of it once more.
            writer.discard();
        }
        let (seen, writer) = self.bring(job, descriptor, transfer, self.batch.writer_unhashed()?)?;
        self.commit(job, seen, writer)
    }

    fn commit(&self, job: &Job, seen: Seen, writer: BlobWriter) -> Result<Option<Layer>, Ended> {
        // Whatever decompressing said, content that is not the announced content is the error to report.
        writer.commit_hashed(&seen.found.digest, Some((&job.target.digest, job.target.size)))?;
        seen.record(job)
    }

    /// What is left of a blob from the source, after what the writer has of it already.
    fn bring(
        &self,
        job: &Job,
        descriptor: &Descriptor,
        transfer: &mut Transfer,
        mut writer: BlobWriter,
    ) -> Result<(Seen, BlobWriter), Ended> {
        let Target { digest, size, .. } = &job.target;
        let written = writer.written();
        let advanced = |bytes| self.progress.advanced(descriptor, bytes);
        if written == *size && written > 0 {
            let mut reader = writer.read_back()?;
            let found = self.transfer(job, transfer, &mut reader, &mut io::sink(), advanced)?;
            return Ok((found, writer));
        }
        let content = match written {
            0 => self.source.open(descriptor)?,
            written => self.source.open_from(descriptor, written)?,
        };
        let mut content = content.ok_or_else(|| SourceError::Missing {
            name: digest.to_string(),
            wanted_by: format!("the manifest `{}`", job.manifest),
            cut_at: self.source.cut_at(),
        })?;
        if content.size != *size {
            return Err(size_mismatch(digest, job, content.size));
        }
        let found = if written == 0 {
            self.transfer(job, transfer, &mut content.reader, &mut writer, advanced)?
        } else {
            let mut reader = writer.read_back()?.chain(content.reader);
            let mut output = After { writer: &mut writer, known: written };
            self.transfer(job, transfer, &mut reader, &mut output, advanced)?
        };
        Ok((found, writer))
    }

    /// A blob the store has: what it is as a layer the store knows, or it is found out now.
    fn known(&self, job: &Job, transfer: &mut Transfer) -> Result<Option<Layer>, Ended> {
        let Some(wanted) = &job.diff_id else { return Ok(None) };
        let digest = &job.target.digest;
        if digest == wanted {
            return Ok(plain(job).map(Layer::Verified));
        }
        let known = self.batch.store().layers().of_blob(digest)?;
        if let Some(known) = known.into_iter().find(|known| known.diff_id.algorithm() == wanted.algorithm()) {
            check_diff_id(job, wanted, &known.diff_id)?;
            return Ok(Some(Layer::Verified(known)));
        }
        if self.options.defer {
            return Ok(said(job));
        }
        let mut blob = self.batch.open_blob(digest)?.ok_or_else(|| {
            let wanted_by = format!("the manifest `{}`", job.manifest);
            SourceError::Missing { name: digest.to_string(), wanted_by, cut_at: None }
        })?;
        let seen = self.transfer(job, transfer, &mut blob, &mut io::sink(), |_| ())?;
        if seen.found.digest != *digest {
            return Err(crate::store::StoreError::Corrupt { digest: digest.clone() }.into());
        }
        seen.record(job)
    }

    fn transfer(
        &self,
        job: &Job,
        transfer: &mut Transfer,
        reader: &mut dyn Read,
        writer: &mut dyn io::Write,
        advanced: impl Fn(u64) + Sync,
    ) -> Result<Seen, Ended> {
        let Target { digest, size, .. } = &job.target;
        let wanted = Wanted {
            size: *size,
            algorithm: digest.algorithm(),
            diff_id: job.diff_id.as_ref().filter(|_| !self.options.defer).map(Digest::algorithm),
            expansion: self.options.expansion,
        };
        let hooks = Hooks { advanced: &advanced, stop: self.stop };
        let mut keeping = self.batch.keeping();
        let making = Making::new(&mut keeping, self.batch.store().scratch());
        let found = transfer.run_making(reader, writer, &wanted, &hooks, Some(making));
        let found = found.map_err(|error| match error {
            TransferError::Read { source, .. } => {
                SourceError::Read { name: digest.to_string(), source }.into()
            }
            TransferError::Write { done, source } => {
                LoadError::Write { digest: digest.clone(), done, source }.into()
            }
            TransferError::TooLong { wanted } => size_mismatch(digest, job, wanted + 1),
            TransferError::Stopped => Ended::Stopped,
        })?;
        Ok(Seen { found, keeping, deferred: self.options.defer })
    }
}

/// What passed, and what was made of it.
struct Seen {
    found: Found,
    keeping: Keeping,
    /// It was not undone.
    deferred: bool,
}

impl Seen {
    /// What a blob turned out to be as a layer; what was made of it is kept.
    fn record(self, job: &Job) -> Result<Option<Layer>, Ended> {
        if self.deferred {
            return Ok(said(job));
        }
        let record = record(job, self.found.uncompressed)?;
        if let (Some(record), Some(made)) = (&record, &self.found.made) {
            // It can be made again when it is wanted.
            let _ = self.keeping.keep(&record.diff_id, &record.blob.digest, made);
        }
        Ok(record.map(Layer::Verified))
    }
}

/// What the config says of a blob that was not undone. A plain layer's digest is its diff ID.
fn said(job: &Job) -> Option<Layer> {
    let diff_id = job.diff_id.clone()?;
    let claim = LayerClaim { diff_id, blob: job.target.clone() };
    Some(plain(job).map_or(Layer::Said(claim), Layer::Verified))
}

/// A layer that is not compressed.
fn plain(job: &Job) -> Option<LayerRecord> {
    let diff_id = job.diff_id.clone().filter(|diff_id| *diff_id == job.target.digest)?;
    Some(LayerRecord { diff_id, blob: job.target.clone(), unpacked_size: job.target.size })
}

/// Writes what follows the first `known` bytes.
struct After<'a> {
    writer: &'a mut BlobWriter,
    known: u64,
}

impl Write for After<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let known = usize::try_from(self.known).unwrap_or(usize::MAX).min(bytes.len());
        self.known -= known as u64;
        if known == bytes.len() {
            return Ok(known);
        }
        Ok(known + self.writer.write(&bytes[known..])?)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

fn size_mismatch(digest: &Digest, job: &Job, found: u64) -> Ended {
    SourceError::SizeMismatch { digest: digest.clone(), wanted: job.target.size, found }.into()
}

fn check_diff_id(job: &Job, wanted: &Digest, found: &Digest) -> Result<(), LoadError> {
    if found == wanted {
        return Ok(());
    }
    Err(LoadError::DiffId {
        layer: job.target.digest.clone(),
        manifest: job.manifest.clone(),
        wanted: wanted.clone(),
        found: found.clone(),
    })
}

/// What a blob turned out to be as a layer, if it is one.
fn record(
    job: &Job,
    undone: Option<Result<Undone, crate::layer::compression::CompressionError>>,
) -> Result<Option<LayerRecord>, LoadError> {
    let (Some(wanted), Some(undone)) = (&job.diff_id, undone) else { return Ok(None) };
    let undone = undone.map_err(|source| LoadError::Layer {
        layer: job.target.digest.clone(),
        manifest: job.manifest.clone(),
        source,
    })?;
    check_diff_id(job, wanted, &undone.digest)?;
    Ok(Some(LayerRecord { diff_id: undone.digest, blob: job.target.clone(), unpacked_size: undone.size }))
}
