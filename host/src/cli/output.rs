//! The only place that prints. Data goes to standard output, everything else to standard error; a reader
//! that went away is no error.

use std::io::{self, BufWriter, IsTerminal, Write};

use anyhow::{Context, Result};
use serde::Serialize;

/// Writes `bytes` to standard output as they are.
pub fn bytes(bytes: &[u8]) -> Result<()> {
    finish(io::stdout().lock().write_all(bytes))
}

/// Writes one JSON document, indented, and a line feed.
pub fn json(value: &impl Serialize) -> Result<()> {
    let mut text = serde_json::to_vec_pretty(value).context("writing JSON")?;
    text.push(b'\n');
    bytes(&text)
}

/// Writes lines.
pub fn lines<T: AsRef<str>>(lines: impl IntoIterator<Item = T>) -> Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    for line in lines {
        let mut text = line.as_ref().to_owned();
        text.push('\n');
        if let Err(error) = out.write_all(text.as_bytes()) {
            return finish(Err(error));
        }
    }
    finish(out.flush())
}

/// Writes rows under a header, each column as wide as its widest cell; the last is not padded.
/// Control characters in cells are shown escaped: names come from strangers.
pub fn table(header: &[&str], rows: &[Vec<String>]) -> Result<()> {
    let rows: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|cell| printable(cell)).collect()).collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(header.get(column).map(|cell| cell.chars().count())).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut text = String::new();
        for (cell, width) in cells.zip(&widths) {
            text.push_str(cell);
            let padding = width.saturating_sub(cell.chars().count()) + 3;
            text.extend(std::iter::repeat_n(' ', padding));
        }
        text.truncate(text.trim_end().len());
        text
    };
    let head = (!header.iter().all(|cell| cell.is_empty())).then(|| line(&mut header.iter().copied()));
    lines(head.into_iter().chain(rows.iter().map(|row| line(&mut row.iter().map(String::as_str)))))
}

/// `text` with control characters escaped.
pub fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|char| {
            let control = char.is_control();
            let escaped = control.then(|| char.escape_default());
            escaped.into_iter().flatten().chain((!control).then_some(char))
        })
        .collect()
}

/// Says something to the person, on standard error.
pub fn note(text: &str) {
    // Nobody is left to tell if standard error is gone.
    let _ = writeln!(io::stderr().lock(), "{}", text);
}

/// Whether a person watches standard error.
pub fn watched() -> bool {
    io::stderr().is_terminal()
}

/// Whether standard input is a person typing.
pub fn typed() -> bool {
    io::stdin().is_terminal()
}

/// Bytes for people, in powers of ten as docker and podman show them.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1000.0;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let digits = if value < 9.995 { 2 } else { usize::from(value < 99.95) };
    format!("{value:.digits$} {}", UNITS.get(unit).copied().unwrap_or_default())
}

fn finish(result: io::Result<()>) -> Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.context("writing to standard output"),
    }
}
