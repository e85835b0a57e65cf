//! The guest's reasons in words.

use std::fmt::{self, Display};

use crate::types::local_images::{Attempt, Attempted, FindError};

/// Something that was tried, and what it came to, in words.
pub struct Tried<'a>(pub &'a (Attempt, Attempted));

impl Display for Tried<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (attempt, attempted) = self.0;
        match attempt {
            Attempt::Name(name) => write!(f, "name `{name}`: ")?,
            Attempt::Id(id) => write!(f, "ID `{id}`: ")?,
            Attempt::Suffix(suffix) => write!(f, "names that end in `{suffix}`: ")?,
        }
        match attempted {
            Attempted::Absent => f.write_str("not there"),
            Attempted::Found(id) => write!(f, "image `{id}`"),
            Attempted::OtherPlatform(found) => {
                write!(f, "there, and for `{found}`, not for what was asked for")
            }
            Attempted::Several => f.write_str("several"),
        }
    }
}

pub(super) fn refusal(error: &FindError, tried: &[(Attempt, Attempted)]) -> String {
    match error {
        FindError::Unreadable(error) | FindError::UnreadableInFull(error) => format!(
            "`{}`: not an image reference: wanted {}, at byte {}",
            shortened(&error.text),
            error.expected,
            error.offset
        ),
        FindError::NotAnId(text) => {
            format!("wanted `sha256:` and 64 hexadecimal digits, found `{}`", shortened(text))
        }
        FindError::Transport(_) => {
            "wanted the name or the ID of an image in the store, found one of a transport".to_owned()
        }
        FindError::NotFound(text) => {
            let others = tried.iter().filter_map(|(attempt, attempted)| match (attempt, attempted) {
                (Attempt::Name(name), Attempted::OtherPlatform(found)) => {
                    Some(format!("`{name}` for `{found}`"))
                }
                _ => None,
            });
            let others: Vec<String> = others.collect();
            let text = shortened(text);
            if others.is_empty() {
                format!("no such image: `{text}`")
            } else {
                format!("no such image: `{text}`: found {}", others.join(", "))
            }
        }
        FindError::Ambiguous(candidates) => {
            let listed: Vec<String> = candidates.iter().map(|one| format!("`{one}`")).collect();
            format!("wanted one image, found {}: {}", candidates.len(), listed.join(", "))
        }
    }
}

/// What a user typed, as far as a message has room for it.
fn shortened(text: &str) -> String {
    const ROOM: usize = 300;
    match text.char_indices().nth(ROOM) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
