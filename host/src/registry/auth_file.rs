//! Files of credentials: `auth.json` (containers-auth.json(5)) and Docker's `config.json`.
//!
//! They are local configuration and read here. No error repeats a value.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::{Credentials, Secret};

/// A file of credentials cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthFileError {
    /// It is not JSON.
    #[error("`{file}`, line {line}: wanted JSON: {reason}")]
    Syntax {
        /// The file.
        file: String,
        /// From 1.
        line: usize,
        /// For people; nothing of the file.
        reason: &'static str,
    },
    /// A member has a value it cannot have.
    #[error("`{file}`, line {line}: `{key}`: wanted {wanted}, found {found}")]
    Value {
        /// The file.
        file: String,
        /// Where the value begins, from 1.
        line: usize,
        /// The way to the member.
        key: String,
        /// What belongs there.
        wanted: &'static str,
        /// The kind of value that is there.
        found: &'static str,
    },
}

/// A file of credentials. What consign does not know in it stays as it is.
#[derive(Clone)]
pub struct AuthFile {
    file: String,
    document: Map<String, Value>,
    /// As it was read: where what is.
    text: String,
}

impl std::fmt::Debug for AuthFile {
    /// Without what is in it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuthFile").field("file", &self.file).finish_non_exhaustive()
    }
}

/// What a file says of a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// These are the credentials.
    Here(Credentials),
    /// A helper has them: `docker-credential-` and this, asked for this server.
    Helper {
        /// Its name, as `secretservice`.
        helper: String,
        /// What the registry is called in it.
        server: String,
    },
}

impl AuthFile {
    /// Reads a file's bytes. `file` is what errors call it. An empty file is one without credentials.
    ///
    /// # Errors
    ///
    /// [`AuthFileError`] for what is no JSON object, or has members of other types than they should be.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<AuthFile, AuthFileError> {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let mut whole = AuthFile { file: file.to_owned(), document: Map::new(), text };
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(whole);
        }
        let value: Value = serde_json::from_slice(bytes).map_err(|error| AuthFileError::Syntax {
            file: file.to_owned(),
            line: error.line(),
            reason: if error.is_eof() { "it ends too early" } else { "something else is there" },
        })?;
        let Value::Object(document) = value else { return Err(whole.wrong(&[], "an object", &value)) };
        whole.document = document;
        for (member, wanted) in [("auths", "an object of objects"), ("credHelpers", "an object of strings")] {
            let Some(value) = whole.document.get(member) else { continue };
            let Value::Object(entries) = value else {
                return Err(whole.wrong(&[member], "an object", value));
            };
            let fits = |value: &Value| if member == "auths" { value.is_object() } else { value.is_string() };
            if let Some((key, value)) = entries.iter().find(|(_, value)| !fits(value)) {
                return Err(whole.wrong(&[member, key], wanted, value));
            }
        }
        if let Some(value) = whole.document.get("credsStore").filter(|value| !value.is_string()) {
            return Err(whole.wrong(&["credsStore"], "a string", value));
        }
        Ok(whole)
    }

    /// What it says of a repository of a registry, by the longest path that is there. An empty path asks for
    /// the registry alone.
    ///
    /// # Errors
    ///
    /// [`AuthFileError::Value`] for an entry that cannot be.
    pub fn find(&self, registry: &str, path: &str) -> Result<Option<Known>, AuthFileError> {
        let server = server_of(registry);
        let helper = |helper: &Value, server: &str| {
            let helper = helper.as_str().filter(|helper| !helper.is_empty())?;
            Some(Known::Helper { helper: helper.to_owned(), server: server.to_owned() })
        };
        let helpers = self.document.get("credHelpers").and_then(Value::as_object);
        for key in [registry, server] {
            if let Some(found) =
                helpers.and_then(|helpers| helpers.get(key)).and_then(|value| helper(value, key))
            {
                return Ok(Some(found));
            }
        }
        if let Some(auths) = self.document.get("auths").and_then(Value::as_object) {
            for key in keys(registry, path) {
                if let Some(found) =
                    auths.get(&key).map(|entry| self.entry(&key, entry)).transpose()?.flatten()
                {
                    return Ok(Some(Known::Here(found)));
                }
            }
            // As Docker writes them: URLs.
            for (key, entry) in auths {
                if normal(key) == normal(registry)
                    && let Some(found) = self.entry(key, entry)?
                {
                    return Ok(Some(Known::Here(found)));
                }
            }
        }
        Ok(self.document.get("credsStore").and_then(|value| helper(value, server)))
    }

    /// The helper that new credentials of a registry go to, and what it calls the registry.
    pub fn keeper(&self, registry: &str) -> Option<Known> {
        let without = AuthFile {
            file: self.file.clone(),
            text: String::new(),
            document: self
                .document
                .iter()
                .filter(|(key, _)| *key != "auths")
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
        };
        without.find(registry, "").ok().flatten()
    }

    /// Puts in the credentials of a registry, or of a repository, `registry/path`.
    pub fn insert(&mut self, key: &str, credentials: &Credentials) {
        let entry = match credentials {
            Credentials::Basic { username, password } => {
                json!({"auth": BASE64_STANDARD.encode(format!("{username}:{}", password.reveal()))})
            }
            Credentials::Identity(token) => json!({"identitytoken": token.reveal()}),
            Credentials::Bearer(token) => json!({"registrytoken": token.reveal()}),
        };
        let auths = self.document.entry("auths").or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(auths) = auths {
            auths.insert(key.to_owned(), entry);
        }
    }

    /// Takes the credentials of a registry or a repository out, however the key is written. False: there are none.
    pub fn remove(&mut self, key: &str) -> bool {
        let Some(Value::Object(auths)) = self.document.get_mut("auths") else { return false };
        let before = auths.len();
        auths.retain(|known, _| known != key && (key.contains('/') || normal(known) != normal(key)));
        before != auths.len()
    }

    /// Takes all credentials out.
    pub fn clear(&mut self) {
        self.document.insert("auths".to_owned(), Value::Object(Map::new()));
    }

    /// The registries and repositories it has entries of, as written.
    pub fn registries(&self) -> Vec<&str> {
        let auths = self.document.get("auths").and_then(Value::as_object);
        auths.into_iter().flatten().map(|(key, _)| key.as_str()).collect()
    }

    /// The file's bytes.
    pub fn bytes(&self) -> Vec<u8> {
        // A map of values that were read or are made of text is written without fail.
        let mut bytes = serde_json::to_vec_pretty(&self.document).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    fn entry(&self, key: &str, entry: &Value) -> Result<Option<Credentials>, AuthFileError> {
        let text = |member: &str| match entry.get(member) {
            None | Some(Value::Null) => Ok(""),
            Some(Value::String(text)) => Ok(text.as_str()),
            Some(value) => Err(self.wrong(&["auths", key, member], "a string", value)),
        };
        let (identity, token) = (text("identitytoken")?, text("registrytoken")?);
        if !identity.is_empty() {
            return Ok(Some(Credentials::Identity(Secret::new(identity))));
        }
        if !token.is_empty() {
            return Ok(Some(Credentials::Bearer(Secret::new(token))));
        }
        let (auth, username, password) = (text("auth")?, text("username")?, text("password")?);
        if auth.is_empty() {
            let basic =
                || Credentials::Basic { username: username.to_owned(), password: Secret::new(password) };
            return Ok((!username.is_empty()).then(basic));
        }
        let pair = BASE64_STANDARD.decode(auth).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let Some((username, password)) = pair.as_deref().and_then(|pair| pair.split_once(':')) else {
            return Err(AuthFileError::Value {
                file: self.file.clone(),
                line: line_of(&self.text, &["auths", key, "auth"]),
                key: format!("auths.{key}.auth"),
                wanted: "`user:password` in base64",
                found: "something else",
            });
        };
        let password = Secret::new(password.trim_end_matches('\0'));
        Ok(Some(Credentials::Basic { username: username.to_owned(), password }))
    }

    fn wrong(&self, path: &[&str], wanted: &'static str, value: &Value) -> AuthFileError {
        let found = match value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "an array",
            Value::Object(_) => "an object",
        };
        let key = if path.is_empty() { ".".to_owned() } else { path.join(".") };
        AuthFileError::Value { file: self.file.clone(), line: line_of(&self.text, path), key, wanted, found }
    }
}

/// The line that the value on this way begins in, as far as it is there.
fn line_of(text: &str, path: &[&str]) -> usize {
    let mut value = text.trim_start();
    for key in path {
        let members = serde_json::from_str::<BTreeMap<String, &RawValue>>(value).unwrap_or_default();
        let Some(member) = members.get(*key) else { break };
        value = member.get();
    }
    let before = value.as_ptr().addr() - text.as_ptr().addr();
    1 + text[..before].matches('\n').count()
}

/// `registry/a/b`, `registry/a`, `registry`.
fn keys(registry: &str, path: &str) -> Vec<String> {
    let mut key = if path.is_empty() { registry.to_owned() } else { format!("{registry}/{path}") };
    let mut keys = vec![key.clone()];
    while key.len() > registry.len()
        && let Some(slash) = key.rfind('/')
    {
        key.truncate(slash);
        keys.push(key.clone());
    }
    keys
}

/// What Docker calls a registry in helpers and files.
pub fn server_of(registry: &str) -> &str {
    match registry {
        "docker.io" | "index.docker.io" | "registry-1.docker.io" => "https://index.docker.io/v1/",
        other => other,
    }
}

/// A key of Docker's, which may be a URL, as a registry.
fn normal(key: &str) -> &str {
    let bare = key.strip_prefix("https://").or(key.strip_prefix("http://")).unwrap_or(key);
    // `registry/path` is another matter.
    let host = if bare.len() == key.len() { bare } else { bare.split('/').next().unwrap_or(bare) };
    match host {
        "index.docker.io" | "registry-1.docker.io" => "docker.io",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(text: &str, registry: &str, path: &str) -> Option<Known> {
        AuthFile::parse("auth.json", text.as_bytes()).unwrap().find(registry, path).unwrap()
    }

    fn user(known: Option<Known>) -> String {
        match known {
            Some(Known::Here(Credentials::Basic { username, .. })) => username,
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn the_longest_path_counts_and_docker_s_urls_are_known() {
        let pair = |user: &str| BASE64_STANDARD.encode(format!("{user}:p:w"));
        let text = format!(
            r#"{{"auths":{{"r.io":{{"auth":"{}"}},"r.io/a/b":{{"auth":"{}"}},"r.io/a":{{"username":"ra","password":"x"}},
                "https://index.docker.io/v1/":{{"auth":"{}"}},"https://h.io:5000/v2/":{{"auth":"{}"}},"e.io":{{}},
                "i.io":{{"identitytoken":"tok"}},"t.io":{{"registrytoken":"tok"}}}}}}"#,
            pair("r"),
            pair("rab"),
            pair("hub"),
            pair("h")
        );
        for (registry, path, wanted) in [
            ("r.io", "a/b/c", "rab"),
            ("r.io", "a/x", "ra"),
            ("r.io", "ab", "r"),
            ("r.io", "", "r"),
            ("docker.io", "library/debian", "hub"),
            ("h.io:5000", "x", "h"),
            ("e.io", "x", "None"),
            ("none.io", "x", "None"),
        ] {
            assert_eq!(user(find(&text, registry, path)), wanted, "{registry}/{path}");
        }
        assert_eq!(find(&text, "i.io", "x"), Some(Known::Here(Credentials::Identity(Secret::new("tok")))));
        assert_eq!(find(&text, "t.io", "x"), Some(Known::Here(Credentials::Bearer(Secret::new("tok")))));
        let Some(Known::Here(Credentials::Basic { password, .. })) = find(&text, "r.io", "") else {
            panic!()
        };
        assert_eq!(password.reveal(), "p:w");
    }

    #[test]
    fn helpers_are_named_for_a_registry_or_for_all() {
        let text = r#"{"credHelpers":{"r.io":"one"},"credsStore":"two","auths":{"r.io":{"auth":"dTpw"},"s.io":{"auth":"dTpw"}}}"#;
        let helper = |helper: &str, server: &str| {
            Some(Known::Helper { helper: helper.to_owned(), server: server.to_owned() })
        };
        assert_eq!(find(text, "r.io", "a"), helper("one", "r.io"));
        assert_eq!(user(find(text, "s.io", "a")), "u");
        assert_eq!(find(text, "docker.io", "a"), helper("two", "https://index.docker.io/v1/"));
        assert_eq!(AuthFile::parse("f", text.as_bytes()).unwrap().keeper("s.io"), helper("two", "s.io"));
    }

    #[test]
    fn what_cannot_be_is_told_by_file_and_key_and_without_secrets() {
        for (text, wanted) in [
            ("[]", "`auth.json`, line 1: `.`: wanted an object, found an array"),
            ("{\n\n\"auths\": s3cret}", "`auth.json`, line 3: wanted JSON: something else is there"),
            ("{\"auths\":", "`auth.json`, line 1: wanted JSON: it ends too early"),
            (
                r#"{"auths":{"r.io":"s3cret"}}"#,
                "`auth.json`, line 1: `auths.r.io`: wanted an object of objects, found a string",
            ),
            (
                r#"{"credHelpers":{"r.io":7}}"#,
                "`auth.json`, line 1: `credHelpers.r.io`: wanted an object of strings, found a number",
            ),
            (r#"{"credsStore":[]}"#, "`auth.json`, line 1: `credsStore`: wanted a string, found an array"),
            (
                r#"{"auths":{"r.io":{"auth":"s3cret"}}}"#,
                "`auth.json`, line 1: `auths.r.io.auth`: wanted `user:password` in base64, found something else",
            ),
            (
                "{\n\"auths\":{\n\"s.io\":{\"auth\":7},\n\"r.io\":{\n\"auth\":\n7}}}",
                "`auth.json`, line 6: `auths.r.io.auth`: wanted a string, found a number",
            ),
        ] {
            let error = AuthFile::parse("auth.json", text.as_bytes())
                .and_then(|file| file.find("r.io", "a"))
                .unwrap_err();
            assert_eq!(error.to_string(), wanted);
        }
        assert!(find(" \n", "r.io", "").is_none());
        let file = AuthFile::parse("auth.json", br#"{"auths":{"r.io":{"auth":"s3cret"}}}"#).unwrap();
        assert_eq!(format!("{file:?}"), "AuthFile { file: \"auth.json\", .. }");
    }

    #[test]
    fn entries_come_and_go_and_the_rest_stays() {
        let mut file = AuthFile::parse(
            "f",
            br#"{"HttpHeaders":{"a":"b"},"auths":{"https://index.docker.io/v1/":{"auth":"dTpw"}}}"#,
        )
        .unwrap();
        file.insert("r.io", &Credentials::Basic { username: "u".into(), password: Secret::new("p") });
        let again = AuthFile::parse("f", &file.bytes()).unwrap();
        assert_eq!(user(again.find("r.io", "x").unwrap()), "u");
        assert_eq!(again.registries(), ["https://index.docker.io/v1/", "r.io"]);
        assert!(String::from_utf8(again.bytes()).unwrap().contains("HttpHeaders"));
        assert!(file.remove("docker.io") && !file.remove("docker.io") && file.remove("r.io"));
        assert!(file.registries().is_empty());
    }
}
