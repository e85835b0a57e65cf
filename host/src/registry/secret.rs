//! What must not be told.

use std::fmt;

/// A password or a token. It shows itself to nobody by accident: there is no `Display`, and `Debug` says only
/// that there is one.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Secret(String);

impl Secret {
    /// Keeps this text.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The text.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Who somebody is to a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// A user and a password.
    Basic {
        /// The user.
        username: String,
        /// The password, or what stands in its place.
        password: Secret,
    },
    /// A token that other tokens are had for (`identitytoken`).
    Identity(Secret),
    /// A token that is sent as it is (`registrytoken`).
    Bearer(Secret),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown() {
        let credentials = Credentials::Basic { username: "u".into(), password: Secret::new("hunter2") };
        assert_eq!(format!("{credentials:?}"), "Basic { username: \"u\", password: Secret(…) }");
    }
}
