//! The command at a terminal, which script(1) makes.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use crate::place::Place;

/// What became of it, and what was to be seen.
pub struct Terminal {
    pub code: Option<i32>,
    pub shown: String,
}

/// What is waited for, and what is typed then.
pub fn typed<'a>(question: &'a str, answer: &'a str) -> (&'a str, &'a str) {
    (question, answer)
}

pub fn available() -> bool {
    Command::new("script").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

/// Whether [`run_as_nobody`] can be.
pub fn can_be_nobody() -> bool {
    Command::new("unshare")
        .args(["-U", "true"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Runs the command, and types an answer when its question is there.
#[track_caller]
pub fn run(
    place: &Place,
    arguments: &[&str],
    environment: &[(&str, String)],
    dialogue: &[(&str, &str)],
) -> Terminal {
    at_terminal(place, &[&[env!("CARGO_BIN_EXE_consign")], arguments].concat(), environment, dialogue)
}

/// The same, by somebody who is not root, and who has root's files.
#[track_caller]
pub fn run_as_nobody(
    place: &Place,
    arguments: &[&str],
    environment: &[(&str, String)],
    dialogue: &[(&str, &str)],
) -> Terminal {
    let command = [&["unshare", "-U", env!("CARGO_BIN_EXE_consign")], arguments].concat();
    at_terminal(place, &command, environment, dialogue)
}

#[track_caller]
fn at_terminal(
    place: &Place,
    words: &[&str],
    environment: &[(&str, String)],
    dialogue: &[(&str, &str)],
) -> Terminal {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "'\\''"));
    let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    let command = place.command(&[]);
    let mut script = Command::new("script");
    script.args(["-q", "-e", "-c", &words.join(" "), "/dev/null"]).env_clear();
    script
        .envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .env("PATH", "/usr/bin:/bin");
    script.envs(environment.iter().map(|(name, value)| (name, value)));
    script.current_dir(place.path(""));
    let mut child =
        script.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let (mut input, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let (pieces, seen) = channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = output.read(&mut buffer) {
            if pieces.send(buffer[..read].to_vec()).is_err() {
                return;
            }
        }
    });
    let (mut shown, mut at) = (String::new(), 0);
    let start = Instant::now();
    for (question, answer) in dialogue {
        while !shown[at..].contains(question) {
            assert!(start.elapsed() < Duration::from_secs(30), "no `{question}`: {shown}");
            match seen.recv_timeout(Duration::from_secs(30)) {
                Ok(piece) => shown.push_str(&String::from_utf8_lossy(&piece)),
                Err(_) => panic!("no `{question}`: {shown}"),
            }
        }
        at = shown.len();
        input.write_all(format!("{answer}\n").as_bytes()).unwrap();
    }
    while let Ok(piece) = seen.recv_timeout(Duration::from_secs(30)) {
        shown.push_str(&String::from_utf8_lossy(&piece));
    }
    drop(input);
    Terminal { code: child.wait().unwrap().code(), shown }
}
