//! What options may be set to.

use std::str::FromStr;
use std::sync::Arc;

use clap::ValueEnum;
use consign::types::manifests::Kind;

use crate::cli::template::Template;

/// How an answer is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Table,
    /// One JSON document with stable names
    Json,
}

/// How an answer is shown where templates are taken: `table`, `json`, `table TEMPLATE` or a template.
#[derive(Debug, Clone)]
pub enum Shape {
    /// For people.
    Table,
    /// One JSON document with stable names.
    Json,
    /// What a template says, once for each thing shown. `headed`: as a table under a header.
    Template { template: Arc<Template>, headed: bool },
}

impl FromStr for Shape {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (text, headed) = match text {
            "table" => return Ok(Shape::Table),
            "json" => return Ok(Shape::Json),
            _ => match text.strip_prefix("table ") {
                Some(rest) => (rest, true),
                None => (text, false),
            },
        };
        if !text.contains("{{") {
            return Err(format!("wanted `table`, `json` or a template with `{{{{…}}}}`, found `{text}`"));
        }
        let template = Template::parse(text).map_err(|error| format!("not a template: {error}"))?;
        Ok(Shape::Template { template: Arc::new(template), headed })
    }
}

/// When a registry is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Policy {
    /// Always: whether the name means another image now
    Always,
    /// Where the store does not have all of the image
    Missing,
    /// As always, but what is here is good enough where no registry answers
    Newer,
    /// Never
    Never,
}

/// The order of a list of images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Sort {
    /// The newest first
    Created,
    /// By ID
    Id,
    /// By repository and tag
    Repository,
    /// By tag and repository
    Tag,
    /// The largest first
    Size,
}

/// Whose look-up rules apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Rules {
    /// As Docker and containerd choose
    Docker,
    /// As Podman, Buildah and skopeo choose
    Podman,
}

/// Whose order of looking names and IDs up is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Lookup {
    /// A name, an ID, the beginning of an ID, as Docker
    Docker,
    /// Aliases, localhost/, the search registries of registries.conf, an ID, the end of a name, as Podman
    Podman,
    /// docker.io, an ID, localhost/, the end of a name, as Podman 1.x
    #[value(name = "podman-1")]
    PodmanOne,
}

/// What images are saved as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// What docker load and podman load read; one platform, several images
    DockerArchive,
    /// An OCI image layout in a tar
    OciArchive,
    /// An OCI image layout
    OciDir,
    /// What skopeo calls dir:; one image or index
    DockerDir,
}

/// A world of the WIT package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum World {
    /// Pure functions and resolution driven by the host; imports nothing
    Names,
    /// The same but for digests, and resolution driven over consign:image/content
    Resolver,
    /// Where images come from: digests, transports, archives, registries, signatures
    Sources,
    /// Podman's way with names
    Podman,
}

/// What an index is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum IndexType {
    /// An OCI image index
    Oci,
    /// A Docker manifest list
    Docker,
}

impl From<IndexType> for Kind {
    fn from(kind: IndexType) -> Kind {
        match kind {
            IndexType::Oci => Kind::OciIndex,
            IndexType::Docker => Kind::DockerList,
        }
    }
}
