//! Entries that say what is hidden (image-spec, layer.md, "Whiteouts"; AUFS's names beside them).

/// What an entry's name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark<'a> {
    /// What lower layers have in the directory is hidden.
    Opaque,
    /// What lower layers have at this name is hidden.
    Whiteout(&'a [u8]),
    /// Nothing: AUFS's own files, and what would hide the directory itself or the one above.
    Nothing,
}

const OPAQUE: &[u8] = b".wh..wh..opq";
const PREFIX: &[u8] = b".wh.";

/// What the name of an entry says, where it is no file's.
pub(crate) fn mark(name: &[u8]) -> Option<Mark<'_>> {
    let hidden = name.strip_prefix(PREFIX)?;
    Some(match hidden {
        b"" | b"." | b".." => Mark::Nothing,
        _ if name == OPAQUE => Mark::Opaque,
        _ if hidden.starts_with(b".wh.") => Mark::Nothing,
        hidden => Mark::Whiteout(hidden),
    })
}
