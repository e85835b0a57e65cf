//! Sessions written down and compared with the ones kept in `snapshots/`.

use std::fmt::Write;
use std::path::Path;

use crate::place::{Outcome, Place};

/// A session: commands with exit code, standard output and standard error.
pub struct Transcript<'a> {
    place: &'a Place,
    text: String,
}

impl<'a> Transcript<'a> {
    pub fn new(place: &'a Place) -> Transcript<'a> {
        Transcript { place, text: String::new() }
    }

    /// Runs a command, its arguments separated by single spaces, and writes it down.
    pub fn run(&mut self, line: &str) -> &mut Self {
        let arguments: Vec<&str> = line.split(' ').collect();
        let outcome = self.place.run(&arguments);
        self.add(line, &outcome);
        self
    }

    /// Writes down a command that was run.
    pub fn add(&mut self, line: &str, outcome: &Outcome) {
        let code = outcome.code.map_or_else(|| "a signal".to_owned(), |code| code.to_string());
        let _ = writeln!(self.text, "$ consign {}\nexit: {code}", self.plain(line));
        for (name, text) in [("stdout", outcome.text()), ("stderr", &outcome.stderr)] {
            if !text.is_empty() {
                let _ = writeln!(self.text, "-- {name}\n{}", self.plain(text).trim_end_matches('\n'));
            }
        }
        self.text.push('\n');
    }

    /// Compares with what is kept under this name.
    #[track_caller]
    pub fn assert(&self, name: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../tests/cli/snapshots/{name}.txt"));
        if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
            std::fs::write(&path, &self.text).unwrap();
            return;
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        if let Some(line) = first_difference(&kept, &self.text) {
            let at = |text: &str| text.lines().nth(line).unwrap_or("(the end)").to_owned();
            panic!(
                "{} differs at line {}\nwanted: {}\nfound:  {}\n\nall of it:\n{}",
                path.display(),
                line + 1,
                at(&kept),
                at(&self.text),
                self.text
            );
        }
    }

    /// Without what differs from run to run: paths, times, the order in which blobs are done.
    fn plain(&self, text: &str) -> String {
        let text = text
            .replace(self.place.root().to_str().unwrap(), "[STORE]")
            .replace(self.place.path("").to_str().unwrap().trim_end_matches('/'), "[DIR]");
        let mut progress = Vec::new();
        let mut lines: Vec<String> = Vec::new();
        for line in text.lines() {
            if line.contains(" loaded (") || line.contains(" already here (") {
                progress.push(line.to_owned());
            } else {
                lines.push(timeless(line));
            }
        }
        progress.sort();
        progress.extend(lines);
        progress.join("\n")
    }
}

/// A line without times, and without the machine it was written on.
fn timeless(line: &str) -> String {
    for key in ["\"added\": \"", "\"LastTagTime\": \""] {
        if let Some((before, after)) = line.split_once(key) {
            let rest = after.split_once('"').map_or("", |(_, rest)| rest);
            return format!("{before}{key}[TIME]\"{rest}");
        }
    }
    if let Some((before, after)) = line.split_once(" years ago") {
        let count = before.chars().rev().take_while(char::is_ascii_digit).count();
        return format!("{}N years ago{after}", &before[..before.len() - count]);
    }
    if let Some((before, _)) = line.split_once("this machine is ") {
        return format!("{before}this machine is [PLATFORM]");
    }
    line.trim_end().to_owned()
}

fn first_difference(kept: &str, found: &str) -> Option<usize> {
    if kept == found {
        return None;
    }
    let same = kept.lines().zip(found.lines()).take_while(|(kept, found)| kept == found);
    Some(same.count())
}
