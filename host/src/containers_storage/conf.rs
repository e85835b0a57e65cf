//! storage.conf: where a storage is (containers-storage.conf(5)). Where the file is, is for the caller to know.

use std::path::PathBuf;

use serde::Deserialize;

use super::StorageError;

/// What a file says, as far as it matters for reading. Keys that are not known are passed over: the file is shared
/// with other programs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StorageConf {
    /// The driver's name.
    pub driver: Option<String>,
    /// Where the storage is, for root.
    pub graph_root: Option<String>,
    /// Where it is for everybody else; it may have variables in it.
    pub rootless_storage_path: Option<String>,
    /// Where images are, if not below the graph root.
    pub image_store: Option<String>,
    /// Storages that are only read, in order.
    pub additional_image_stores: Vec<PathBuf>,
}

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    storage: Table,
}

#[derive(Default, Deserialize)]
struct Table {
    driver: Option<String>,
    graphroot: Option<String>,
    rootless_storage_path: Option<String>,
    imagestore: Option<String>,
    #[serde(default)]
    options: Options,
}

#[derive(Default, Deserialize)]
struct Options {
    #[serde(default)]
    additionalimagestores: Vec<PathBuf>,
}

impl StorageConf {
    /// Reads a file's text. `path` is what errors call it. An empty value is none.
    ///
    /// # Errors
    /// [`StorageError::Conf`] for what is no TOML, and for keys of another type.
    pub fn parse(path: &str, text: &str) -> Result<StorageConf, StorageError> {
        let document: Document = toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            StorageError::Conf {
                file: path.to_owned(),
                line: before.matches('\n').count() + 1,
                reason: error.message().trim_end().replace('\n', ": "),
            }
        })?;
        let Table { driver, graphroot, rootless_storage_path, imagestore, options } = document.storage;
        let said = |value: Option<String>| value.filter(|value| !value.is_empty());
        Ok(StorageConf {
            driver: said(driver),
            graph_root: said(graphroot),
            rootless_storage_path: said(rootless_storage_path),
            image_store: said(imagestore),
            additional_image_stores: options.additionalimagestores,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_matters_is_read_and_what_is_not_known_passed_over() {
        let text = "[storage]\ndriver = \"overlay\"\nrunroot = \"/run/x\"\ngraphroot = \"/g\"\n\
                    [storage.options]\nadditionalimagestores = [\"/a\", \"/b\"]\nmount_program = \"/usr/bin/fuse\"\n\
                    [storage.options.overlay]\nmountopt = \"nodev\"\n";
        let conf = StorageConf::parse("f", text).unwrap();
        assert_eq!(conf.driver.as_deref(), Some("overlay"));
        assert_eq!(conf.graph_root.as_deref(), Some("/g"));
        assert_eq!(conf.additional_image_stores, [PathBuf::from("/a"), PathBuf::from("/b")]);
        let empty = StorageConf::parse("f", "[storage]\ndriver = \"\"\n").unwrap();
        assert_eq!(empty, StorageConf::default());
    }

    #[test]
    fn an_error_names_the_file_and_the_line() {
        for (text, line) in [("[storage]\ndriver = 3\n", 2), ("[storage\n", 1), ("a = 1\nb =\n", 2)] {
            let error = StorageConf::parse("/etc/x.conf", text).unwrap_err().to_string();
            assert!(error.starts_with(&format!("`/etc/x.conf`, line {line}: ")), "{error}");
        }
    }
}
