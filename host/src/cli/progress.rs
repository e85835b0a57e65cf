//! How far a load is: bars on a terminal, a line for each blob elsewhere.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use consign::load::Progress;
use consign::types::Descriptor;

use super::output;

/// A bar for each blob being worked on, and one for all of them.
pub struct Bars {
    all: MultiProgress,
    total: ProgressBar,
    bars: Mutex<BTreeMap<String, ProgressBar>>,
}

impl Bars {
    pub fn new() -> Bars {
        let all = MultiProgress::new();
        let total =
            all.add(ProgressBar::new(0).with_style(style("{bar:30} {bytes}/{total_bytes} {bytes_per_sec}")));
        Bars { all, total, bars: Mutex::default() }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

impl Progress for Bars {
    fn planned(&self, _blobs: usize, bytes: u64) {
        self.total.set_length(bytes);
    }

    fn started(&self, blob: &Descriptor) {
        let bar = ProgressBar::new(blob.size)
            .with_style(style("{msg} {bar:30} {bytes}/{total_bytes}"))
            .with_message(short(&blob.digest));
        let bar = self.all.insert_before(&self.total, bar);
        self.bars.lock().unwrap_or_else(PoisonError::into_inner).insert(blob.digest.clone(), bar);
    }

    fn advanced(&self, blob: &Descriptor, bytes: u64) {
        self.total.inc(bytes);
        if let Some(bar) = self.bars.lock().unwrap_or_else(PoisonError::into_inner).get(&blob.digest) {
            bar.inc(bytes);
        }
    }

    fn finished(&self, blob: &Descriptor, present: bool) {
        if present {
            self.total.inc(blob.size);
        }
        if let Some(bar) = self.bars.lock().unwrap_or_else(PoisonError::into_inner).remove(&blob.digest) {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        // Whether it went well or not, what is said next starts on a clean line.
        let _ = self.all.clear();
    }
}

/// A line for each blob when it is complete.
pub struct Lines {
    done: &'static str,
    there: &'static str,
}

/// Runs it, and shows how far it is. Blobs are `done` like this: `loaded`, `pulled`; those that need not be are `there`.
pub fn shown<T>(
    quiet: bool,
    done: &'static str,
    there: &'static str,
    run: impl FnOnce(&dyn Progress) -> T,
) -> T {
    if quiet {
        run(&())
    } else if output::watched() {
        run(&Bars::new())
    } else {
        run(&Lines { done, there })
    }
}

impl Progress for Lines {
    fn finished(&self, blob: &Descriptor, present: bool) {
        let done = if present { self.there } else { self.done };
        output::note(&format!("{} {done} ({})", short(&blob.digest), output::size(blob.size)));
    }
}

fn short(digest: &str) -> String {
    digest.split_once(':').map_or(digest, |(_, hex)| hex).chars().take(12).collect()
}
