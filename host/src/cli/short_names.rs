//! Names without a registry: what they can mean, and what somebody says they do.

use anyhow::Result;

use consign::registries_conf::Mode;
use consign::resolve::name;
use consign::types::ImageName;
use consign::types::pull_goals::{GoalError, Wanted as Goal};
use consign::types::short_names::{Configuration, Purpose, Rationale, ShortNameError, Unreadable};

use super::args::Lookup;
use super::credentials::prompt;
use super::failure::Failure;
use super::session::Session;
use super::{output, registries};

/// The names in full that are tried, in order.
pub struct Meant {
    pub names: Vec<ImageName>,
    /// The name as it was written, without a tag, where somebody said what it means.
    chosen_for: Option<String>,
}

impl Meant {
    /// This name, and no other.
    pub fn one(name: ImageName) -> Meant {
        Meant { names: vec![name], chosen_for: None }
    }

    /// Records what somebody said the name means, so that nobody is asked again.
    pub fn remember(&self) -> Result<()> {
        match (&self.chosen_for, &self.names[..]) {
            (Some(short), [chosen]) => {
                registries::record(short, &format!("{}/{}", chosen.domain, chosen.path))
            }
            _ => Ok(()),
        }
    }
}

/// What a name means to those who look it up in this order.
pub fn meant(session: &Session, lookup: Lookup, text: &str) -> Result<Meant> {
    match lookup {
        Lookup::Docker => Ok(Meant::one(session.tag_or_digest(text)?)),
        Lookup::Podman => podman(session, text),
        Lookup::PodmanOne => podman_one(session, text),
    }
}

fn podman(session: &Session, text: &str) -> Result<Meant> {
    let short = session.sandbox().is_short_name(text)?;
    let configuration = match short {
        true => session.remote().registries(session)?.configuration().clone(),
        false => registries::none(),
    };
    // As podman does: a person who looks on is asked.
    let asking = configuration.mode != Mode::Disabled && output::typed() && output::shown();
    let configuration =
        if asking { Configuration { mode: Mode::Disabled, ..configuration } } else { configuration };
    match session.sandbox().complete_name(text, Purpose::Pull, false, &configuration)? {
        Ok(completion)
            if asking && completion.rationale == Rationale::Search && completion.candidates.len() > 1 =>
        {
            let chosen = choose(text, completion.candidates)?;
            Ok(Meant { names: vec![chosen], chosen_for: Some(completion.repository) })
        }
        Ok(completion) => Ok(Meant { names: completion.candidates, chosen_for: None }),
        Err(ShortNameError::Unreadable(error)) => Err(unreadable(&error).into()),
        Err(ShortNameError::NoRegistries) => Err(no_registries(text).into()),
        Err(ShortNameError::Ambiguous(names)) => {
            let names: Vec<String> = names.iter().map(|found| format!("`{}`", name(found))).collect();
            Err(Failure::usage(format!("`{text}` could be {}", names.join(", ")))
                .hint("write one of them")
                .into())
        }
    }
}

fn podman_one(session: &Session, text: &str) -> Result<Meant> {
    let registries = session.remote().registries(session)?.configuration().search_registries.clone();
    let goal = session.sandbox().pull_goal(&Goal::Name((text.to_owned(), registries)))?;
    let goal = goal.map_err(|error| match error {
        GoalError::Name(error) | GoalError::Source(error) | GoalError::Destination(error) => {
            unreadable(&error)
        }
        GoalError::Unread => Failure::usage(format!("`{text}`: not an image name")),
    })?;
    if goal.pairs.is_empty() {
        return Err(no_registries(text).into());
    }
    let names = goal.pairs.iter().map(|pair| session.tag_or_digest(&pair.image)).collect::<Result<_>>()?;
    Ok(Meant { names, chosen_for: None })
}

fn unreadable(error: &Unreadable) -> Failure {
    Failure::usage(format!(
        "`{}`: not an image name: wanted {}, at byte {}",
        error.text, error.expected, error.offset
    ))
}

fn no_registries(text: &str) -> Failure {
    Failure::usage(format!("`{text}` has no registry, and registries.conf names none to search"))
        .hint("write the name in full, as `docker.io/library/debian`")
}

/// Asks which one is meant.
fn choose(text: &str, mut names: Vec<ImageName>) -> Result<ImageName> {
    let mut question = format!("`{text}` has no registry. Please select an image:\n");
    for (at, found) in names.iter().enumerate() {
        question.push_str(&format!("  {}  {}\n", at + 1, name(found)));
    }
    question.push_str(&format!("Number [1-{}]: ", names.len()));
    let answer = prompt(&question, true)?;
    match answer.trim().parse::<usize>() {
        Ok(number) if (1..=names.len()).contains(&number) => Ok(names.swap_remove(number - 1)),
        _ => {
            let message = format!("wanted a number from 1 to {}, found `{}`", names.len(), answer.trim());
            Err(Failure::usage(message).hint("write the name in full").into())
        }
    }
}
