//! All that the catalogue says of one image beside its config, asked for at once.

use super::catalog::digest_at;
use super::lineage::{self, ImageMetadata};
use super::{Images, Result};
use crate::digest::Digest;

/// What the catalogue says of an image beside its config, as of one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// What is known of it that its config does not say.
    pub metadata: ImageMetadata,
    /// The images that have it as their parent, ascending.
    pub children: Vec<Digest>,
    /// Who has pinned it, ascending.
    pub holders: Vec<String>,
    /// Bytes of its layers.
    pub sizes: Sizes,
}

/// Bytes of an image's layers, uncompressed. A layer whose size is not known counts nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sizes {
    /// All of them.
    pub unpacked: u64,
    /// Those that other images here have, too.
    pub shared: u64,
}

/// Four questions in one statement: each by itself costs a transaction, which is more than its answer.
const ABOUT: &str = "
SELECT 0, parent, last_updated, built_locally FROM image_metadata WHERE id = ?1
UNION ALL
SELECT 1, child, NULL, NULL FROM children WHERE parent = ?1
UNION ALL
SELECT 2, holder, NULL, NULL FROM pins WHERE image = ?1
UNION ALL
SELECT 3, NULL, (SELECT max(unpacked_size) FROM layer_blobs WHERE diff_id = own.diff_id),
    EXISTS (SELECT 1 FROM image_layers WHERE diff_id = own.diff_id AND image <> own.image)
FROM image_layers own WHERE image = ?1";

impl Images<'_> {
    /// All that is known of this image beside its config. Nothing, for one that is not known.
    ///
    /// # Errors
    ///
    /// A [`StoreError`](super::StoreError) where the catalogue cannot be read, or a writer held it for longer
    /// than the store waits.
    pub fn about(&self, id: &Digest) -> Result<About> {
        self.store.catalog().read(|connection| {
            let mut select = connection.prepare_cached(ABOUT)?;
            let mut about = About::default();
            let mut rows = select.query([id.to_string()])?;
            while let Some(row) = rows.next()? {
                match row.get::<_, i64>(0)? {
                    0 => about.metadata = lineage::metadata_at(row, 1)?,
                    1 => about.children.push(digest_at(row, 1)?),
                    2 => about.holders.push(row.get(1)?),
                    _ => about.sizes.add(row.get::<_, Option<i64>>(2)?, row.get(3)?),
                }
            }
            about.children.sort();
            about.holders.sort();
            Ok(about)
        })
    }
}

impl Sizes {
    fn add(&mut self, layer: Option<i64>, shared: bool) {
        let size = layer.and_then(|size| u64::try_from(size).ok()).unwrap_or(0);
        self.unpacked = self.unpacked.saturating_add(size);
        if shared {
            self.shared = self.shared.saturating_add(size);
        }
    }
}
