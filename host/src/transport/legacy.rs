//! The layout `docker save` wrote before 1.10: `repositories`, and for each layer a directory with `json`,
//! chained by `parent`, and `layer.tar`.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::BufReader;

use super::archive::Archive;
use super::docker_archive::Image;
use crate::digest::{Algorithm, Hasher};
use crate::layer::compression::{Compression, DETECT, Decoder, Expansion};
use crate::sandbox::Sandbox;
use crate::source::{DOCUMENT_LIMIT, SourceError, docker_name};
use crate::types::ImageName;

pub(super) const REPOSITORIES: &str = "repositories";
/// Bytes of a `repositories`, as the component has it.
const REPOSITORIES_LIMIT: u64 = 16 << 20;
/// Layers of one image.
const MAX_LAYERS: usize = 10_000;
/// Bytes of the `json` documents of one image.
const MAX_JSON: usize = 16 << 20;

/// The images that have names, by repository and tag. Every layer is read, because nothing in such an
/// archive says what its digest is.
pub(super) fn images(archive: &Archive, sandbox: &Sandbox) -> Result<Vec<Image>, SourceError> {
    let document = |name: &str, problem| SourceError::Document { name: name.into(), problem };
    let bytes = archive.require(REPOSITORIES, "a docker archive", REPOSITORIES_LIMIT)?;
    let tags = sandbox.parse_repositories(&bytes)?.map_err(|problem| document(REPOSITORIES, problem))?;
    let mut order: Vec<String> = Vec::new();
    let mut names: BTreeMap<String, Vec<ImageName>> = BTreeMap::new();
    for tag in tags {
        let name = docker_name(sandbox, &format!("{}:{}", tag.repository, tag.tag))?;
        let known = names.entry(tag.id.clone()).or_insert_with(|| {
            order.push(tag.id.clone());
            Vec::new()
        });
        known.extend(name);
    }
    let mut diff_ids: HashMap<String, String> = HashMap::new();
    let mut images = Vec::with_capacity(order.len());
    for id in order {
        let mut chain = Vec::new();
        let mut size = 0;
        let mut seen = HashSet::new();
        let mut next = Some(id.clone());
        while let Some(id) = next {
            let path = format!("{id}/json");
            let json = archive.require(&path, REPOSITORIES, DOCUMENT_LIMIT)?;
            size += json.len();
            if chain.len() == MAX_LAYERS || size > MAX_JSON || !seen.insert(id.clone()) {
                return Err(SourceError::TooMany { what: "ancestors of a legacy image", limit: MAX_LAYERS });
            }
            let parsed = sandbox.parse_legacy_image(&json)?.map_err(|problem| document(&path, problem))?;
            next = parsed.parent;
            chain.push((id, json));
        }
        chain.reverse();
        let mut layers = Vec::with_capacity(chain.len());
        let mut jsons = Vec::with_capacity(chain.len());
        for (id, json) in chain {
            let path = format!("{id}/layer.tar");
            let diff_id = match diff_ids.get(&path) {
                Some(known) => known.clone(),
                None => {
                    let found = diff_id(archive, &path)?;
                    diff_ids.insert(path.clone(), found.clone());
                    found
                }
            };
            layers.push((path, diff_id));
            jsons.push(json);
        }
        let ids: Vec<String> = layers.iter().map(|(_, diff_id)| diff_id.clone()).collect();
        let config = sandbox.legacy_config(&jsons, &ids)?.map_err(|problem| document(&id, problem))?;
        let names = names.remove(&id).unwrap_or_default();
        images.push(Image { names, config, config_extent: None, layers });
    }
    Ok(images)
}

fn diff_id(archive: &Archive, path: &str) -> Result<String, SourceError> {
    let extent = archive.find(path)?.ok_or_else(|| archive.missing(path, REPOSITORIES))?;
    let mut head = [0; DETECT];
    let broken = |source| SourceError::Layer { name: path.to_owned(), source };
    let compression = Compression::detect(archive.read_head(extent, &mut head)?).map_err(broken)?;
    let input = BufReader::with_capacity(256 << 10, archive.read(extent).reader);
    let limit = match compression {
        Compression::Plain => u64::MAX,
        Compression::Gzip | Compression::Zstd => Expansion::default().limit(extent.size),
    };
    let mut decoder = Decoder::new(input, compression, limit).map_err(broken)?;
    let mut hasher = Hasher::new(Algorithm::Sha256);
    let mut buffer = vec![0; 256 << 10];
    loop {
        match decoder.decode(&mut buffer).map_err(broken)? {
            0 => return Ok(hasher.finish().to_string()),
            read => hasher.update(&buffer[..read]),
        }
    }
}
