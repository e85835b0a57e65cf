//! The only place that prints. Data goes to standard output, everything else to standard error; a reader
//! that went away is no error.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::os::fd::AsFd as _;

use anyhow::{Context, Error, Result, anyhow};
use jiff::Timestamp;
use serde::ser::{Error as _, SerializeSeq as _};
use serde::{Serialize, Serializer};
use serde_json::Value;

use consign::digest::Digest;

use super::failure::Failure;
use super::template::{Data, Template};

/// Writes `bytes` to standard output as they are.
pub fn bytes(bytes: &[u8]) -> Result<()> {
    finish(io::stdout().lock().write_all(bytes))
}

/// Writes one JSON document, indented, and a line feed.
pub fn json(value: &impl Serialize) -> Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    let written = serde_json::to_writer_pretty(&mut out, value);
    finish(written.map_err(io::Error::from).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush()))
}

/// Writes a list as one JSON document.
pub fn documents<T: Serialize, I: Iterator<Item = Result<T>>>(
    list: Stream<impl Fn() -> Result<I>>,
) -> Result<()> {
    let written = json(&list);
    list.ended().and(written)
}

/// A list in a JSON document that is made while it is written: for lists of any length.
pub struct Stream<F> {
    make: F,
    /// Why it broke off.
    failed: RefCell<Option<Error>>,
}

impl<F> Stream<F> {
    pub fn new(make: F) -> Stream<F> {
        Stream { make, failed: RefCell::new(None) }
    }

    /// Whether all of it was written. Whoever writes it asks that first: JSON's own error knows less.
    pub fn ended(&self) -> Result<()> {
        self.failed.take().map_or(Ok(()), Err)
    }
}

impl<T: Serialize, I: Iterator<Item = Result<T>>, F: Fn() -> Result<I>> Serialize for Stream<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let failed = |error: Error| {
            let told = S::Error::custom("the list broke off");
            *self.failed.borrow_mut() = Some(error);
            told
        };
        let mut list = serializer.serialize_seq(None)?;
        for item in (self.make)().map_err(failed)? {
            list.serialize_element(&item.map_err(failed)?)?;
        }
        list.end()
    }
}

/// Writes lines.
pub fn lines<T: AsRef<str>>(lines: impl IntoIterator<Item = T>) -> Result<()> {
    lines_of(lines.into_iter().map(Ok))
}

/// Writes lines up to the first error.
pub fn lines_of<T: AsRef<str>>(lines: impl IntoIterator<Item = Result<T>>) -> Result<()> {
    let bytes = |line: Result<T>| line.map(|line| line.as_ref().as_bytes().to_vec());
    ended(lines.into_iter().map(bytes), b'\n')
}

/// Writes texts, each ended by this byte, up to the first error.
pub fn ended(texts: impl IntoIterator<Item = Result<Vec<u8>>>, end: u8) -> Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    for text in texts {
        let mut text = text?;
        text.push(end);
        if let Err(error) = out.write_all(&text) {
            return finish(Err(error));
        }
    }
    finish(out.flush())
}

/// Writes lines at once; false where the reader has gone away.
pub fn stream<T: AsRef<str>>(lines: impl IntoIterator<Item = T>) -> Result<bool> {
    let mut text = String::new();
    for line in lines {
        text.push_str(line.as_ref());
        text.push('\n');
    }
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        result => finish(result).map(|()| true),
    }
}

/// Writes rows under a header, each column as wide as its widest cell; the last is not padded.
/// Control characters in cells are shown escaped: names come from strangers.
pub fn table(header: &[&str], rows: &[Vec<String>]) -> Result<()> {
    table_of(header, || Ok(rows.iter().map(Ok)))
}

/// The same of rows that are made twice, first to see how wide they are: for any number of them.
pub fn table_of<R: AsRef<[String]>, I: Iterator<Item = Result<R>>>(
    header: &[&str],
    rows: impl Fn() -> Result<I>,
) -> Result<()> {
    let mut widths: Vec<usize> = header.iter().map(|cell| characters(cell)).collect();
    for row in rows()? {
        for (width, cell) in widths.iter_mut().zip(row?.as_ref()) {
            *width = (*width).max(characters(&printable(cell)));
        }
    }
    let widths = fitted(widths, columns());
    let line = |cells: &mut dyn Iterator<Item = Cow<'_, str>>| {
        let mut text = String::with_capacity(widths.iter().map(|width| width + GAP).sum());
        for (cell, width) in cells.zip(&widths) {
            let cell = cut(&cell, *width);
            text.push_str(&cell);
            let padding = width.saturating_sub(characters(&cell)) + GAP;
            text.extend(std::iter::repeat_n(' ', padding));
        }
        text.truncate(text.trim_end().len());
        text
    };
    let named = !header.iter().all(|cell| cell.is_empty());
    let head = named.then(|| Ok(line(&mut header.iter().map(|cell| Cow::Borrowed(*cell)))));
    let rows = rows()?.map(|row| Ok(line(&mut row?.as_ref().iter().map(|cell| printable(cell)))));
    lines_of(head.into_iter().chain(rows))
}

/// Blanks between columns.
const GAP: usize = 3;

/// The narrowest a column is made to fit a terminal.
const NARROWEST: usize = 12;

/// How many characters a line of standard output holds. `None`: as many as there are, it is no terminal.
fn columns() -> Option<usize> {
    let out = io::stdout();
    let size = out.is_terminal().then(|| rustix::termios::tcgetwinsize(&out))?.ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// Widths that fit, as far as they can: the widest column gives way first.
fn fitted(mut widths: Vec<usize>, columns: Option<usize>) -> Vec<usize> {
    let Some(columns) = columns else { return widths };
    loop {
        let line = widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1);
        let excess = line.saturating_sub(columns);
        let second = {
            let mut sorted = widths.clone();
            sorted.sort_unstable();
            sorted.iter().rev().nth(1).copied().unwrap_or(0)
        };
        let Some(widest) = widths.iter_mut().max().filter(|widest| excess > 0 && **widest > NARROWEST) else {
            return widths;
        };
        // Down to the next one, so that equally wide columns end equally narrow.
        let step = excess.min((*widest - second).max(1));
        *widest = (*widest - step).max(NARROWEST);
    }
}

/// What a template says of each row, a line each; `aligned`: as columns, under what it says of `header`, where
/// there is one.
pub fn templates(
    template: &Template,
    aligned: bool,
    header: Option<&[(&str, &str)]>,
    rows: impl Iterator<Item = Value>,
) -> Result<()> {
    let say = |value: &Value| said(template, Data { value, maps: &[], lists: &[] });
    if !aligned {
        return lines(rows.map(|row| say(&row)).collect::<Result<Vec<_>>>()?);
    }
    let cells = |text: String| text.split('\t').map(str::to_owned).collect::<Vec<String>>();
    let mut all = rows.map(|row| say(&row).map(cells)).collect::<Result<Vec<_>>>()?;
    if let Some(header) = header {
        let names = header.iter().map(|(field, name)| ((*field).to_owned(), Value::from(*name))).collect();
        all.insert(0, cells(say(&Value::Object(names))?));
    }
    let columns = all.iter().map(Vec::len).max().unwrap_or(0);
    table(&vec![""; columns], &all)
}

/// What a template says of one thing.
pub fn said(template: &Template, data: Data<'_>) -> Result<String> {
    // Docker takes these escapes outside of actions, where shells leave them as they are.
    let escaped = |text: String| text.replace("\\t", "\t").replace("\\n", "\n");
    let wrong = |error| anyhow!(Failure::usage(format!("in the template: {error}")));
    template.execute(data).map(escaped).map_err(wrong)
}

/// The first twelve digits of an ID, or all of it.
pub fn id(digest: &Digest, whole: bool) -> String {
    if whole { digest.to_string() } else { digest.hex().chars().take(12).collect() }
}

/// How many characters a text has.
fn characters(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.chars().count() }
}

/// The beginning of a text that is longer than `most` characters.
pub fn cut(text: &str, most: usize) -> Cow<'_, str> {
    if characters(text) <= most {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().take(most.saturating_sub(1)).chain(['…']).collect())
}

/// How long ago, in the largest unit, as docker says it.
pub fn age(time: Option<Timestamp>, now: Timestamp) -> String {
    let Some(time) = time else { return "N/A".into() };
    let seconds = now.as_second().saturating_sub(time.as_second()).max(0);
    let (count, unit) = match seconds {
        ..60 => (seconds, "second"),
        60..3_600 => (seconds / 60, "minute"),
        3_600..172_800 => (seconds / 3_600, "hour"),
        172_800..1_209_600 => (seconds / 86_400, "day"),
        1_209_600..5_184_000 => (seconds / 604_800, "week"),
        5_184_000..63_072_000 => (seconds / 2_592_000, "month"),
        _ => (seconds / 31_536_000, "year"),
    };
    format!("{count} {unit}{} ago", if count == 1 { "" } else { "s" })
}

/// A moment as docker's `CreatedAt` has it, in UTC.
pub fn moment(time: Option<Timestamp>) -> String {
    time.map_or_else(|| "N/A".into(), |time| time.strftime("%Y-%m-%d %H:%M:%S +0000 UTC").to_string())
}

/// RFC 3339, in UTC.
pub fn rfc3339(time: Option<Timestamp>) -> String {
    time.map_or_else(|| "N/A".into(), |time| time.to_string())
}

/// `text` with control characters escaped.
pub fn printable(text: &str) -> Cow<'_, str> {
    let plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if plain || !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let escaped = |char: char| {
        let control = char.is_control();
        let escaped = control.then(|| char.escape_default());
        escaped.into_iter().flatten().chain((!control).then_some(char))
    };
    Cow::Owned(text.chars().flat_map(escaped).collect())
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

/// Standard output for large data: nothing is held back.
pub fn raw() -> Result<File> {
    let stdout = io::stdout().as_fd().try_clone_to_owned().context("taking standard output")?;
    Ok(File::from(stdout))
}

/// Whether standard output is a person's screen.
pub fn shown() -> bool {
    io::stdout().is_terminal()
}

/// Whether standard input is a person typing.
pub fn typed() -> bool {
    io::stdin().is_terminal()
}

/// Asks a person at the terminal; anything but yes is no.
pub fn confirmed(text: &str) -> Result<bool> {
    let mut err = io::stderr().lock();
    write!(err, "WARNING! {text}\nAre you sure you want to continue? [y/N] ").context("asking")?;
    err.flush().context("asking")?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).context("reading the answer")?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes" | "Yes"))
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

#[cfg(test)]
mod tests {
    use super::fitted;

    #[test]
    fn the_widest_columns_give_way_to_a_terminal() {
        assert_eq!(fitted(vec![100, 20, 5], None), [100, 20, 5]);
        assert_eq!(fitted(vec![100, 20, 5], Some(80)), [49, 20, 5]);
        assert_eq!(fitted(vec![40, 60, 5], Some(50)), [20, 19, 5]);
        assert_eq!(fitted(vec![40, 60, 5], Some(10)), [12, 12, 5]);
        assert_eq!(fitted(vec![4, 6], Some(80)), [4, 6]);
    }
}
