//! Who may ask: users and passwords as `htpasswd -B` writes them down, and docker-registry reads them.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bcrypt::HashParts;

use super::ServeError;
use super::answer::Answer;
use super::head::Head;

/// Costs that bcrypt has, as logarithms.
const COSTS: RangeInclusive<u32> = 4..=31;
/// Bytes of credentials that are looked at: no more than a head may have.
const LIMIT: usize = 16 << 10;

/// Users, and what their passwords come to.
///
/// bcrypt is slow on purpose, and whoever asks could have a server do nothing else. So one password is tried at a time,
/// which is one processor's work at the most, and of each user the password that was right last is known again, by a hash
/// with a key that ends with the process.
pub struct Passwords {
    users: BTreeMap<String, String>,
    key: [u8; 32],
    right: Mutex<BTreeMap<String, blake3::Hash>>,
    trying: Mutex<()>,
}

impl std::fmt::Debug for Passwords {
    /// Without the hashes.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Passwords").field("users", &self.users.len()).finish_non_exhaustive()
    }
}

impl Passwords {
    /// Reads lines of `user:hash`; empty ones and those that begin with `#` say nothing. Of a user who is there twice the
    /// first line counts.
    ///
    /// # Errors
    ///
    /// [`ServeError::Passwords`] for a line that is none, or whose hash is not bcrypt's; and where there is no user.
    /// [`ServeError::Random`].
    pub fn parse(text: &str) -> Result<Passwords, ServeError> {
        let mut users = BTreeMap::new();
        for (line, text) in (1..).zip(text.lines()) {
            let text = text.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let wrong = |reason: &'static str| ServeError::Passwords { line, reason };
            let (user, hash) =
                text.split_once(':').ok_or_else(|| wrong("wanted `user:hash`, found no colon"))?;
            // None is tried here: of many users that would take as long as their hashes are meant to.
            if !hash.parse::<HashParts>().is_ok_and(|parts| COSTS.contains(&parts.get_cost())) {
                return Err(wrong("wanted a hash of bcrypt, as `htpasswd -B` makes it, found another"));
            }
            users.entry(user.to_owned()).or_insert_with(|| hash.to_owned());
        }
        if users.is_empty() {
            return Err(ServeError::Passwords { line: 1, reason: "wanted a user, found none" });
        }
        let mut key = [0; 32];
        let random = ring::rand::SystemRandom::new();
        let filled = ring::rand::SecureRandom::fill(&random, &mut key);
        filled.map_err(|_| ServeError::Random)?;
        Ok(Passwords { users, key, right: Mutex::default(), trying: Mutex::default() })
    }

    /// What a request is refused with. `None`: it may be answered.
    pub(super) fn refusal(&self, head: &Head) -> Option<Answer> {
        let admitted = head.header("authorization").is_some_and(|value| self.admits(value));
        (!admitted).then(|| {
            Answer::refusal(401, "UNAUTHORIZED", "authentication required")
                .header("WWW-Authenticate", "Basic realm=\"consign\"")
        })
    }

    fn admits(&self, authorization: &str) -> bool {
        let Some((scheme, text)) = authorization.split_once(' ') else { return false };
        if !scheme.eq_ignore_ascii_case("basic") || text.len() > LIMIT {
            return false;
        }
        let decoded = BASE64_STANDARD.decode(text.trim()).ok();
        let Some(pair) = decoded.and_then(|bytes| String::from_utf8(bytes).ok()) else { return false };
        let Some((user, password)) = pair.split_once(':') else { return false };
        let keyed = blake3::keyed_hash(&self.key, password.as_bytes());
        let right = || self.right.lock().unwrap_or_else(PoisonError::into_inner);
        // Hashes are compared in constant time.
        if right().get(user).is_some_and(|known| *known == keyed) {
            return true;
        }
        let _one_at_a_time = self.trying.lock().unwrap_or_else(PoisonError::into_inner);
        // Of users who are not there a password is tried as well: nobody is to learn by the time who is.
        let Some(hash) = self.users.get(user).or_else(|| self.users.values().next()) else { return false };
        let fits = bcrypt::verify(password, hash).unwrap_or(false) && self.users.contains_key(user);
        if fits {
            right().insert(user.to_owned(), keyed);
        }
        fits
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// `htpasswd -nbBC 4 alice secret`, of user `alice`.
    fn line(user: &str, password: &str) -> String {
        format!("{user}:{}\n", bcrypt::hash(password, 4).unwrap())
    }

    fn basic(pair: &str) -> String {
        format!("Basic {}", BASE64_STANDARD.encode(pair))
    }

    #[test]
    fn who_has_the_password_is_admitted_and_nobody_else() {
        let text = format!("# users\n\n{}{}", line("alice", "se:cret"), line("bob", "other"));
        let passwords = Passwords::parse(&text).unwrap();
        for _ in 0..2 {
            assert!(passwords.admits(&basic("alice:se:cret")));
            assert!(passwords.admits(&basic("bob:other").replace("Basic", "bASIC")));
        }
        for pair in
            ["alice:other", "alice:", "alice", "bob:se:cret", "carol:se:cret", ":", "", "Alice:se:cret"]
        {
            assert!(!passwords.admits(&basic(pair)), "{pair}");
        }
        for header in ["", "Basic", "Basic ", "Basic %%%", "Bearer x", "Basic /w=="] {
            assert!(!passwords.admits(header), "{header}");
        }
        assert!(!format!("{passwords:?}").contains("$2"));
    }

    /// A line whose hash says that it costs as much.
    fn with_cost(cost: &str) -> String {
        format!("alice:$2y${cost}$CUhG1.TzsB8X.7fIpftZG.sBlkeKi43xuQqJn556CVJ150SAqgoMi\n")
    }

    #[test]
    fn hashes_are_not_tried_to_read_a_file_and_right_passwords_are_tried_once() {
        // To try this one takes weeks.
        Passwords::parse(&with_cost("31").repeat(1000)).unwrap();
        let passwords =
            Passwords::parse(&format!("alice:{}\n", bcrypt::hash("secret", 10).unwrap())).unwrap();
        let admitted = |times: u32| {
            let start = std::time::Instant::now();
            assert!((0..times).all(|_| passwords.admits(&basic("alice:secret"))));
            start.elapsed()
        };
        let tried = admitted(1);
        let known = admitted(1000);
        assert!(known < tried * 100, "{tried:?}, {known:?}");
    }

    #[test]
    fn what_is_no_htpasswd_file_of_bcrypt_is_refused_with_its_line() {
        for (text, wanted) in [
            ("", "line 1: wanted a user"),
            ("# x\n", "line 1: wanted a user"),
            ("\nalice\n", "line 2: wanted `user:hash`"),
            ("alice:$apr1$x$y\n", "line 1: wanted a hash of bcrypt"),
            ("alice:plain\n", "line 1: wanted a hash of bcrypt"),
            ("alice:$2y$05$short\n", "line 1: wanted a hash of bcrypt"),
            (&with_cost("03"), "line 1: wanted a hash of bcrypt"),
            (&with_cost("32"), "line 1: wanted a hash of bcrypt"),
            (&with_cost("05").replace("$2y$", "$2z$"), "line 1: wanted a hash of bcrypt"),
        ] {
            let error = Passwords::parse(text).unwrap_err().to_string();
            assert!(error.starts_with(wanted), "{text}: {error}");
            assert!(!error.contains("plain") && !error.contains("apr1"), "{error}");
        }
    }
}
