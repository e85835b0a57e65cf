//! `--change`: the Dockerfile instructions that say something about a container, with Docker's syntax.

mod healthcheck;

use super::config::Config;
use super::words::{expand, split};

/// The instructions there are.
pub const INSTRUCTIONS: [&str; 11] = [
    "CMD",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "HEALTHCHECK",
    "LABEL",
    "ONBUILD",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

/// An instruction cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeError {
    /// There is no such instruction, or not here.
    #[error("wanted one of {}, found `{found}`", INSTRUCTIONS.map(|name| format!("`{name}`")).join(", "))]
    Unknown {
        /// Its name, as written.
        found: String,
    },
    /// What is said with it is not what belongs there.
    #[error("`{instruction}`: wanted {wanted}, found {}", if .found.is_empty() { "nothing".into() } else { format!("`{found}`") })]
    Invalid {
        /// The instruction.
        instruction: &'static str,
        /// What belongs there.
        wanted: &'static str,
        /// What is there, cut to 200 characters.
        found: String,
    },
}

/// What is wrong: what belongs there, and what is there.
type Wrong = (&'static str, String);

impl Config {
    /// Follows one instruction: `CMD ["/bin/sh"]`, or, as Podman takes it too, `CMD=["/bin/sh"]`. Instructions may
    /// be in lower case. Variables are those that `ENV` has set before.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing has changed then.
    pub fn change(&mut self, change: &str) -> Result<(), ChangeError> {
        let change = change.trim();
        let end = change.find(|next: char| next.is_whitespace() || next == '=').unwrap_or(change.len());
        let (word, rest) = change.split_at(end);
        let rest = rest.strip_prefix('=').unwrap_or(rest).trim();
        let instruction = INSTRUCTIONS.into_iter().find(|known| known.eq_ignore_ascii_case(word));
        let Some(instruction) = instruction else {
            return Err(ChangeError::Unknown { found: shown(word) });
        };
        let mut changed = self.clone();
        changed.follow(instruction, rest).map_err(|(wanted, found)| {
            let found = shown(&found);
            ChangeError::Invalid { instruction, wanted, found }
        })?;
        *self = changed;
        Ok(())
    }

    fn follow(&mut self, instruction: &str, text: &str) -> Result<(), Wrong> {
        if text.is_empty() && !matches!(instruction, "CMD" | "ENTRYPOINT") {
            return Err(("an argument", String::new()));
        }
        match instruction {
            "CMD" => self.cmd = Some(command(text)),
            // An empty one takes away what the base image has; here there is none.
            "ENTRYPOINT" => self.entrypoint = Some(command(text)).filter(|command| !command.is_empty()),
            "ENV" => {
                for (name, value) in self.pairs(text, "NAME=value")? {
                    match self.env.iter_mut().find(|(known, _)| *known == name) {
                        Some(known) => known.1 = value,
                        None => self.env.push((name, value)),
                    }
                }
            }
            "LABEL" => {
                let pairs = self.pairs(text, "key=value")?;
                self.labels.extend(pairs);
            }
            "EXPOSE" => {
                for word in self.words(text)? {
                    let ports = ports(&word).ok_or(("ports, as `80`, `80/udp` or `8000-8010`", word))?;
                    self.exposed_ports.extend(ports);
                }
            }
            "HEALTHCHECK" => self.healthcheck = Some(healthcheck::read(text)?),
            "ONBUILD" => self.on_build.push(trigger(text)?),
            "STOPSIGNAL" => {
                let signal = self.one(text)?;
                if !is_signal(&signal) {
                    return Err(("a signal, as `SIGTERM` or `15`", signal));
                }
                self.stop_signal = signal;
            }
            "USER" => self.user = self.one(text)?,
            "VOLUME" => {
                let volumes = match array(text) {
                    Some(volumes) => volumes,
                    None => self.words(text)?,
                };
                if volumes.iter().any(|volume| volume.trim().is_empty()) {
                    return Err(("paths", text.to_owned()));
                }
                self.volumes.extend(volumes.into_iter().map(|volume| volume.trim().to_owned()));
            }
            _ => self.working_dir = path(&self.working_dir, &self.one(text)?),
        }
        Ok(())
    }

    /// A word without quotes, its variables replaced.
    fn word(&self, word: &str) -> Result<String, Wrong> {
        let variable =
            |name: &str| self.env.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        expand(word, &variable).map_err(|wanted| (wanted, word.to_owned()))
    }

    fn words(&self, text: &str) -> Result<Vec<String>, Wrong> {
        split(text).into_iter().map(|word| self.word(word)).collect()
    }

    /// The one argument there is.
    fn one(&self, text: &str) -> Result<String, Wrong> {
        match self.words(text)?.as_slice() {
            [one] if !one.is_empty() => Ok(one.clone()),
            _ => Err(("one argument", text.to_owned())),
        }
    }

    /// `a=b c="d e"`, or, the old way, `a b and the rest`.
    fn pairs(&self, text: &str, wanted: &'static str) -> Result<Vec<(String, String)>, Wrong> {
        let words = split(text);
        let first = words.first().copied().unwrap_or_default();
        if !first.contains('=') {
            let value = text[first.len()..].trim_start();
            if value.is_empty() {
                return Err((wanted, text.to_owned()));
            }
            return Ok(vec![(self.word(first)?, self.word(value)?)]);
        }
        let pair = |word: &str| {
            let (name, value) = word.split_once('=').ok_or_else(|| (wanted, word.to_owned()))?;
            let name = self.word(name)?;
            if name.is_empty() { Err((wanted, word.to_owned())) } else { Ok((name, self.word(value)?)) }
        };
        words.into_iter().map(pair).collect()
    }
}

fn shown(text: &str) -> String {
    text.chars().take(200).collect()
}

/// A JSON array of strings, if it is one.
fn array(text: &str) -> Option<Vec<String>> {
    text.starts_with('[').then(|| serde_json::from_str(text).ok()).flatten()
}

/// The exec form, or the shell form: what is no array is for the shell.
fn command(text: &str) -> Vec<String> {
    match array(text) {
        Some(command) => command,
        None if text.is_empty() => Vec::new(),
        None => vec!["/bin/sh".into(), "-c".into(), text.into()],
    }
}

/// `port[-port][/protocol]` as one entry for each port; the protocol is `tcp` where none is said.
fn ports(text: &str) -> Option<Vec<String>> {
    let (range, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let protocol = protocol.to_ascii_lowercase();
    if !matches!(protocol.as_str(), "tcp" | "udp" | "sctp") {
        return None;
    }
    let (from, to) = range.split_once('-').unwrap_or((range, range));
    let number = |text: &str| {
        text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u16>().ok()).flatten()
    };
    let (from, to) = (number(from)?, number(to)?);
    (from <= to).then(|| (from..=to).map(|port| format!("{port}/{protocol}")).collect())
}

/// What a build on top of the image does first: an instruction, but none of those that start one.
fn trigger(text: &str) -> Result<String, Wrong> {
    let word = text.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
    if matches!(word.as_str(), "ONBUILD" | "FROM" | "MAINTAINER") {
        return Err(("an instruction other than `ONBUILD`, `FROM` and `MAINTAINER`", text.to_owned()));
    }
    Ok(text.to_owned())
}

/// Whether this names a signal of Linux: by number, or by name with or without `SIG`.
fn is_signal(text: &str) -> bool {
    const NAMES: [&str; 35] = [
        "ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT", "KILL",
        "PIPE", "POLL", "PROF", "PWR", "QUIT", "RTMAX", "RTMIN", "SEGV", "STKFLT", "STOP", "SYS", "TERM",
        "TRAP", "TSTP", "TTIN", "TTOU", "URG", "USR1", "USR2", "VTALRM", "WINCH", "XCPU",
    ];
    if let Ok(number) = text.parse::<u8>() {
        return (1..=64).contains(&number);
    }
    let name = text.to_ascii_uppercase();
    let name = name.strip_prefix("SIG").unwrap_or(&name);
    let offset = |sign: &str, first: &str, most: u8| {
        let offset = name.strip_prefix(first).and_then(|rest| rest.strip_prefix(sign));
        offset.and_then(|offset| offset.parse::<u8>().ok()).is_some_and(|offset| (1..=most).contains(&offset))
    };
    NAMES.contains(&name) || name == "XFSZ" || offset("+", "RTMIN", 15) || offset("-", "RTMAX", 14)
}

/// The path from where one was: absolute, without `.` and `..`.
fn path(before: &str, next: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    let before = if next.starts_with('/') { "" } else { before };
    for part in before.split('/').chain(next.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
