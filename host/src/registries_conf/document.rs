//! A file's TOML, key by key, with the line of everything that is wrong.

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

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
    let mut file = File { path: path.to_owned(), aliases: Vec::new(), search_registries: None, mode: None };
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
    if let Some(value) = root.get("unqualified-search-registries") {
        file.search_registries = Some(place.strings("unqualified-search-registries", value)?);
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
