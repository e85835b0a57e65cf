//! Everything at once, for lists: a few passes over the catalogue instead of look-ups for each image.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::SystemTime;

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use super::catalog::digest_at;
use super::images::{Images, time};
use super::names::name_of;
use super::{Result, leads};
use crate::digest::Digest;
use crate::types::{ImageName, Platform};

/// An image in a listing.
#[derive(Debug, Clone)]
pub struct ListedImage {
    /// The digest of its config.
    pub id: Digest,
    /// The config's platform.
    pub platform: Arc<Platform>,
    /// RFC 3339, as the config has it.
    pub created: Option<Box<str>>,
    /// When the image became known here.
    pub added: SystemTime,
    /// How many layers it has.
    pub layers: u32,
    /// Bytes of all its layers, uncompressed. A layer whose size is not known counts nothing.
    pub unpacked_size: u64,
    /// Images here were built on it.
    pub is_parent: bool,
}

/// A name of an image in a listing.
#[derive(Debug, Clone)]
pub struct ListedName {
    /// The name, with either a tag or a digest.
    pub name: ImageName,
    /// What it points at: an index, a manifest or a config.
    pub target: Digest,
    /// Position of the image.
    pub image: usize,
}

impl Images<'_> {
    /// Goes through all images and all names that lead to them: `names` is given the images, by ID ascending,
    /// and one name after the other, by repository, then tags before digests, then image. A name of an index
    /// is there once for each of its images that is here.
    ///
    /// Nothing else can be read of this store while it lasts: `names` must not ask it.
    ///
    /// # Errors
    ///
    /// A [`StoreError`](super::StoreError) where the catalogue cannot be read, or a writer held it for longer
    /// than the store waits.
    pub fn listing(
        &self,
        mut names: impl FnMut(&[Arc<ListedImage>], ListedName),
    ) -> Result<Vec<Arc<ListedImage>>> {
        self.store.catalog().read(|connection| {
            // One transaction: images and names of one moment.
            let transaction = connection.unchecked_transaction()?;
            let images = images(&transaction)?;
            each_name(&transaction, &images, |name| names(&images, name))?;
            Ok(images)
        })
    }
}

fn images(connection: &Connection) -> rusqlite::Result<Vec<Arc<ListedImage>>> {
    let parents: HashSet<Digest> = connection
        .prepare_cached("SELECT DISTINCT parent FROM children")?
        .query_map([], |row| digest_at(row, 0))?
        .collect::<Result<_, _>>()?;
    // Images come for few platforms.
    let mut platforms: HashSet<Arc<Platform>> = HashSet::new();
    let mut select = connection.prepare_cached(
        "SELECT id, os, architecture, variant, os_version, os_features, created, added_at, layer_count,
         unpacked_size FROM images ORDER BY id",
    )?;
    let mut rows = select.query([])?;
    let mut images = Vec::new();
    while let Some(row) = rows.next()? {
        let id = digest_at(row, 0)?;
        let features = row.get_ref(5)?.as_str()?;
        let platform = Platform {
            os: row.get(1)?,
            architecture: row.get(2)?,
            variant: row.get(3)?,
            os_version: row.get(4)?,
            os_features: features.split('\n').filter(|feature| !feature.is_empty()).map(Into::into).collect(),
        };
        let platform = match platforms.get(&platform) {
            Some(known) => known.clone(),
            None => {
                let platform = Arc::new(platform);
                platforms.insert(platform.clone());
                platform
            }
        };
        images.push(Arc::new(ListedImage {
            is_parent: parents.contains(&id),
            id,
            platform,
            created: row.get(6)?,
            added: time(row.get(7)?),
            layers: row.get(8)?,
            unpacked_size: u64::try_from(row.get::<_, i64>(9)?).unwrap_or(0),
        }));
    }
    Ok(images)
}

/// What a document leads to: one image, or, through an index, any number.
enum Leads {
    To(usize),
    Nowhere,
    Below,
}

fn each_name(
    connection: &Connection,
    images: &[Arc<ListedImage>],
    mut each: impl FnMut(ListedName),
) -> rusqlite::Result<()> {
    // By the digits alone; the algorithm is compared after.
    let positions: HashMap<&str, usize> =
        images.iter().enumerate().map(|(position, image)| (image.id.hex(), position)).collect();
    let position = |id: &str| {
        let (algorithm, digits) = id.split_once(':')?;
        let position = *positions.get(digits)?;
        (images.get(position)?.id.algorithm().name() == algorithm).then_some(position)
    };
    // All documents in one go: looking each one up costs several times as much. Their digests lie in one text,
    // one after the other.
    let (mut digests, mut leads) = (String::new(), Vec::new());
    let mut select = connection.prepare_cached("SELECT digest, config FROM documents")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        digests.push_str(row.get_ref(0)?.as_str()?);
        let to = match row.get_ref(1)? {
            ValueRef::Null => Leads::Below,
            config => position(config.as_str()?).map_or(Leads::Nowhere, Leads::To),
        };
        leads.push((digests.len(), to));
    }
    let mut documents: HashMap<&str, Leads> = HashMap::with_capacity(leads.len());
    let mut start = 0;
    for (end, to) in leads {
        documents.insert(digests.get(start..end).unwrap_or_default(), to);
        start = end;
    }
    // Several names often point at one index.
    let mut below: HashMap<Digest, Vec<usize>> = HashMap::new();
    let mut select = connection
        .prepare_cached("SELECT repository, reference, digest FROM names ORDER BY repository, reference")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let name = name_of(row.get_ref(0)?.as_str()?, row.get_ref(1)?.as_str()?);
        let target = digest_at(row, 2)?;
        let text = row.get_ref(2)?.as_str()?;
        match documents.get(text) {
            Some(Leads::To(image)) => each(ListedName { name, target, image: *image }),
            Some(Leads::Nowhere) => {}
            None => {
                if let Some(image) = position(text) {
                    each(ListedName { name, target, image });
                }
            }
            Some(Leads::Below) => {
                if !below.contains_key(&target) {
                    let ids = leads::images_below(connection, &target)?;
                    let ids = ids.iter().filter_map(|id| position(&id.to_string()));
                    below.insert(target.clone(), ids.collect());
                }
                for image in below.get(&target).into_iter().flatten() {
                    each(ListedName { name: name.clone(), target: target.clone(), image: *image });
                }
            }
        }
    }
    Ok(())
}
