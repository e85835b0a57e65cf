//! Layers, open to be read.

/// A layer cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LayerError {
    /// There are not so many layers.
    #[error("wanted layer {wanted}, found {layers}")]
    NoSuchLayer {
        /// Counted from the base layer, 0.
        wanted: usize,
        /// How many there are.
        layers: usize,
    },
}
