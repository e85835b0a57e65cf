//! `consign-plugin FILE`: normalises the references on standard input, one a line, on several threads. The line
//! `reload` loads the component file again; a changed one is noticed by itself within a second.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::error::Error;
use std::io;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use embed::references::{Reading, Reference};
use embed::types::Rules;
use embed::{Images, Limits};
use plugin::{Plugin, Refused, Reloaded};

const WORKERS: usize = 4;
const POLL: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let Some(path) = std::env::args_os().nth(1) else { return Err("usage: consign-plugin FILE".into()) };
    // References are short: what needs more than this is no reference.
    let limits = Limits { memory: 16 << 20, fuel: 100_000_000 };
    let plugin = Plugin::open(path, limits)?;
    println!("loaded {}", plugin.version());
    let (lines, taken) = mpsc::channel::<String>();
    let (ended, end) = mpsc::channel::<()>();
    let taken = Mutex::new(taken);
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let line = taken.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok(line) = line else { return };
                    println!("{}", normalised(&plugin, &line));
                }
            });
        }
        let watched = &plugin;
        scope.spawn(move || {
            while end.recv_timeout(POLL) == Err(mpsc::RecvTimeoutError::Timeout) {
                watched.poll().into_iter().for_each(tell);
            }
        });
        for line in io::stdin().lines() {
            let line = line?;
            match line.trim() {
                "reload" => tell(plugin.reload()),
                text => lines.send(text.to_owned())?,
            }
        }
        drop((lines, ended));
        Ok(())
    })
}

/// `text → name (version)`, or what is wrong with the text.
fn normalised(plugin: &Plugin, text: &str) -> String {
    let answer = plugin.call(Images::default(), |resolver, store| {
        let references = resolver.consign_image_references();
        Ok(match references.call_parse(&mut *store, text, Reading::Docker, Rules::Docker)? {
            Ok(Reference::Digest(digest)) => Ok(digest),
            Ok(name) => Ok(references.call_format(store, &name)?),
            Err(error) => Err(format!("wanted {}, at byte {}", error.expected, error.offset)),
        })
    });
    let version = answer.version.get(..19).unwrap_or_default();
    match answer.value {
        Ok(Ok(name)) => format!("{version}  `{text}` is `{name}`"),
        Ok(Err(wrong)) => format!("{version}  `{text}` is no reference: {wrong}"),
        Err(fault) => format!("{version}  `{text}`: {fault}"),
    }
}

fn tell(reloaded: Result<Reloaded, Refused>) {
    match reloaded {
        Ok(Reloaded::Same(version)) => println!("unchanged: {version}"),
        Ok(Reloaded::Swapped { from, to }) => println!("swapped {from} for {to}"),
        Err(refused) => eprintln!("refused: {refused}"),
    }
}
