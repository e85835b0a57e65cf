//! What GNU tar, Python and umoci make of the same layers.
