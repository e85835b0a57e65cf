//! A file's TOML, key by key, with the line of everything that is wrong.

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::endpoints::{Mirror, PullFrom, RegistryTable};
use super::{File, Mode, RegistriesConfError, Version1};

/// Keys of version 2, and the type each has.
const KEYS: [(&str, Kind); 6] = [
    ("unqualified-search-registries", Kind::Strings),
    ("short-name-mode", Kind::String),
    ("aliases", Kind::Table),
    ("credential-helpers", Kind::Strings),
    ("additional-layer-store-auth-helper", Kind::String),
    ("registry", Kind::Tables),
];

/// Keys of a `[[registry]]`, and of a `[[registry.mirror]]`.
const REGISTRY_KEYS: [(&str, Kind); 8] = [
    ("prefix", Kind::String),
    ("location", Kind::String),
    ("insecure", Kind::Boolean),
    ("blocked", Kind::Boolean),
    ("proxy", Kind::String),
    ("mirror-by-digest-only", Kind::Boolean),
    ("pull-from-mirror", Kind::String),
    ("mirror", Kind::Tables),
];

/// Tables of version 1 within `[registries]`.
const VERSION1_KEYS: [&str; 3] = ["search", "insecure", "block"];

#[derive(Clone, Copy)]
enum Kind {
    String,
    Boolean,
    Strings,
    Table,
    Tables,
}

impl Kind {
    fn wanted(self) -> &'static str {
        match self {
            Kind::String => "a string",
            Kind::Boolean => "a boolean",
            Kind::Strings => "an array of strings",
            Kind::Table => "a table",
            Kind::Tables => "an array of tables",
        }
    }
}

fn found(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

/// A file's text, for saying where in it something is wrong.
struct Place<'a> {
    path: &'a str,
    text: &'a str,
}

type Result<T> = std::result::Result<T, RegistriesConfError>;

impl Place<'_> {
    /// From 1.
    fn line(&self, offset: usize) -> usize {
        self.text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
    }

    fn wrong<T>(&self, key: &str, value: &Spanned<DeValue<'_>>, wanted: Kind) -> Result<T> {
        Err(RegistriesConfError::Type {
            file: self.path.to_owned(),
            line: self.line(value.span().start),
            key: key.to_owned(),
            wanted: wanted.wanted(),
            found: found(value.get_ref()),
        })
    }

    fn string<'t>(&self, key: &str, value: &'t Spanned<DeValue<'_>>) -> Result<&'t str> {
        match value.get_ref() {
            DeValue::String(text) => Ok(text),
            _ => self.wrong(key, value, Kind::String),
        }
    }

    fn array<'t, 'i>(
        &self,
        key: &str,
        value: &'t Spanned<DeValue<'i>>,
        wanted: Kind,
    ) -> Result<&'t DeArray<'i>> {
        match value.get_ref() {
            DeValue::Array(array) => Ok(array),
            _ => self.wrong(key, value, wanted),
        }
    }

    fn strings(&self, key: &str, value: &Spanned<DeValue<'_>>) -> Result<Vec<String>> {
        let array = self.array(key, value, Kind::Strings)?;
        let item = |(at, item)| self.string(&format!("{key}[{at}]"), item).map(str::to_owned);
        array.iter().enumerate().map(item).collect()
    }

    fn table<'t, 'i>(&self, key: &str, value: &'t Spanned<DeValue<'i>>) -> Result<&'t DeTable<'i>> {
        match value.get_ref() {
            DeValue::Table(table) => Ok(table),
            _ => self.wrong(key, value, Kind::Table),
        }
    }

    /// Whether each key that is there has its type.
    fn check(&self, within: &str, table: &DeTable<'_>, keys: &[(&str, Kind)]) -> Result<()> {
        for (key, kind) in keys {
            let Some(value) = table.get(*key) else { continue };
            let path = format!("{within}{key}");
            match kind {
                Kind::String => drop(self.string(&path, value)?),
                Kind::Boolean if matches!(value.get_ref(), DeValue::Boolean(_)) => {}
                Kind::Boolean => return self.wrong(&path, value, Kind::Boolean),
                Kind::Strings => drop(self.strings(&path, value)?),
                Kind::Table => drop(self.table(&path, value)?),
                Kind::Tables => {
                    for (at, item) in self.array(&path, value, Kind::Tables)?.iter().enumerate() {
                        let path = format!("{path}[{at}]");
                        let table = self.table(&path, item)?;
                        self.check(&format!("{path}."), table, &REGISTRY_KEYS)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn mode(&self, value: &Spanned<DeValue<'_>>) -> Result<Option<Mode>> {
        let key = "short-name-mode";
        match self.string(key, value)? {
            "" => Ok(None),
            "disabled" => Ok(Some(Mode::Disabled)),
            "permissive" => Ok(Some(Mode::Permissive)),
            "enforcing" => Ok(Some(Mode::Enforcing)),
            other => Err(RegistriesConfError::Value {
                file: self.path.to_owned(),
                line: self.line(value.span().start),
                key: key.to_owned(),
                wanted: "`enforcing`, `permissive` or `disabled`",
                found: other.to_owned(),
            }),
        }
    }

    /// A boolean, whose type was checked.
    fn boolean(table: &DeTable<'_>, key: &str) -> bool {
        matches!(table.get(key).map(Spanned::get_ref), Some(DeValue::Boolean(true)))
    }

    /// The `[[registry]]` tables, whose types were checked.
    fn registries(&self, root: &DeTable<'_>) -> Result<Vec<RegistryTable>> {
        let Some(value) = root.get("registry") else { return Ok(Vec::new()) };
        let mut all: Vec<RegistryTable> = Vec::new();
        for (at, item) in self.array("registry", value, Kind::Tables)?.iter().enumerate() {
            let path = format!("registry[{at}]");
            let table = self.registry(&path, self.line(item.span().start), self.table(&path, item)?)?;
            let same = all.iter().find(|other| other.prefix == table.prefix);
            if let Some(other) = same.filter(|other| !other.agrees(&table)) {
                return Err(self.no_value(&path, item, "one answer for a prefix", &other.prefix));
            }
            all.push(table);
        }
        Ok(all)
    }

    fn registry(&self, path: &str, line: usize, table: &DeTable<'_>) -> Result<RegistryTable> {
        let text = |key: &str| match table.get(key).map(Spanned::get_ref) {
            Some(DeValue::String(text)) => text.trim_end_matches('/').to_owned(),
            _ => String::new(),
        };
        let (prefix, location) = (text("prefix"), text("location"));
        let wildcard = prefix.starts_with("*.");
        if let Some(value) = table.get("pull-from-mirror").filter(|_| !text("pull-from-mirror").is_empty()) {
            let found = text("pull-from-mirror");
            return Err(self.no_value(
                &format!("{path}.pull-from-mirror"),
                value,
                "it in a mirror's table",
                &found,
            ));
        }
        if location.is_empty() && !wildcard {
            return Err(RegistriesConfError::Value {
                file: self.path.to_owned(),
                line,
                key: format!("{path}.location"),
                wanted: "the place of a registry",
                found: String::new(),
            });
        }
        let by_digest_only = Self::boolean(table, "mirror-by-digest-only");
        let mut mirrors = Vec::new();
        if let Some(value) = table.get("mirror") {
            for (at, item) in self.array("mirror", value, Kind::Tables)?.iter().enumerate() {
                mirrors.push(self.mirror(&format!("{path}.mirror[{at}]"), item, by_digest_only)?);
            }
        }
        Ok(RegistryTable {
            prefix: if prefix.is_empty() { location.clone() } else { prefix },
            location,
            insecure: Self::boolean(table, "insecure"),
            blocked: Self::boolean(table, "blocked"),
            mirrors,
            file: self.path.to_owned(),
        })
    }

    fn mirror(&self, path: &str, item: &Spanned<DeValue<'_>>, by_digest_only: bool) -> Result<Mirror> {
        let table = self.table(path, item)?;
        let location = match table.get("location").map(Spanned::get_ref) {
            Some(DeValue::String(text)) => text.trim_end_matches('/').to_owned(),
            _ => String::new(),
        };
        if location.is_empty() {
            return Err(self.no_value(&format!("{path}.location"), item, "the place of a mirror", ""));
        }
        let mut pull_from = if by_digest_only { PullFrom::DigestOnly } else { PullFrom::All };
        if let Some(value) = table.get("pull-from-mirror") {
            let key = format!("{path}.pull-from-mirror");
            let said = match self.string(&key, value)? {
                "" => None,
                "all" => Some(PullFrom::All),
                "digest-only" => Some(PullFrom::DigestOnly),
                "tag-only" => Some(PullFrom::TagOnly),
                other => {
                    return Err(self.no_value(&key, value, "`all`, `digest-only` or `tag-only`", other));
                }
            };
            if said.is_some() && by_digest_only {
                let wanted = "either this or `mirror-by-digest-only`";
                return Err(self.no_value(&key, value, wanted, "both"));
            }
            pull_from = said.unwrap_or(pull_from);
        }
        Ok(Mirror { location, insecure: Self::boolean(table, "insecure"), pull_from })
    }

    fn no_value(
        &self,
        key: &str,
        value: &Spanned<DeValue<'_>>,
        wanted: &'static str,
        found: &str,
    ) -> RegistriesConfError {
        RegistriesConfError::Value {
            file: self.path.to_owned(),
            line: self.line(value.span().start),
            key: key.to_owned(),
            wanted,
            found: found.to_owned(),
        }
    }

    /// The search registries of version 1; `None` where the file has none of its keys.
    fn version1(&self, root: &DeTable<'_>) -> Result<Option<Vec<String>>> {
        let Some(registries) = root.get("registries") else { return Ok(None) };
        let registries = self.table("registries", registries)?;
        let (mut search, mut is_one) = (Vec::new(), false);
        for key in VERSION1_KEYS {
            let Some(table) = registries.get(key) else { continue };
            let path = format!("registries.{key}");
            let Some(list) = self.table(&path, table)?.get("registries") else { continue };
            let list = self.strings(&format!("{path}.registries"), list)?;
            is_one = true;
            if key == "search" {
                search = list;
            }
        }
        Ok(is_one.then_some(search))
    }
}

/// Reads a file's text.
pub(super) fn parse(path: &str, text: &str, version1: Version1) -> Result<File> {
    let place = Place { path, text };
    let root = DeTable::parse(text).map_err(|error| RegistriesConfError::Syntax {
        file: path.to_owned(),
        line: place.line(error.span().map_or(text.len(), |span| span.start)),
        reason: error.message().to_owned(),
    })?;
    let root = root.get_ref();
    place.check("", root, &KEYS)?;
    let mut file = File {
        path: path.to_owned(),
        aliases: Vec::new(),
        search_registries: None,
        mode: None,
        registries: Vec::new(),
        credential_helpers: None,
    };
    if let Some(search) = place.version1(root)? {
        if version1 == Version1::Refused {
            return Err(RegistriesConfError::Version1 { file: file.path });
        }
        if KEYS.iter().any(|(key, _)| root.get(*key).is_some()) {
            return Err(RegistriesConfError::Mixed { file: file.path });
        }
        file.search_registries = Some(search);
        return Ok(file);
    }
    file.registries = place.registries(root)?;
    if let Some(value) = root.get("unqualified-search-registries") {
        file.search_registries = Some(place.strings("unqualified-search-registries", value)?);
    }
    if let Some(value) = root.get("credential-helpers") {
        file.credential_helpers = Some(place.strings("credential-helpers", value)?);
    }
    if let Some(value) = root.get("short-name-mode") {
        file.mode = place.mode(value)?;
    }
    if let Some(value) = root.get("aliases") {
        for (name, value) in place.table("aliases", value)? {
            let value = place.string(&format!("aliases.{}", name.get_ref()), value)?;
            file.aliases.push((name.get_ref().to_string(), value.to_owned()));
        }
    }
    Ok(file)
}
