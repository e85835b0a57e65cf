//! Owners that cannot be given, recorded: rootless-containers/proto, `message Resource { uint32 uid = 1; uint32 gid = 2;
//! }`, as umoci writes it and runtimes read it.

/// The attribute.
pub(super) const NAME: &[u8] = b"user.rootlesscontainers";

/// Stands for root, which whoever unpacks is then.
const SAME: u32 = u32::MAX;

/// What is recorded for a file of this owner; nothing for one of root's.
pub(super) fn record(uid: u32, gid: u32) -> Option<Vec<u8>> {
    if uid == 0 && gid == 0 {
        return None;
    }
    let mut record = Vec::with_capacity(12);
    for (field, id) in [(1, uid), (2, gid)] {
        // A varint: the tag is the field's number and the type 0.
        record.push(field << 3);
        let mut left = if id == 0 { SAME } else { id };
        while left >= 0x80 {
            record.push(left as u8 | 0x80);
            left >>= 7;
        }
        record.push(left as u8);
    }
    Some(record)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_are_recorded_as_umoci_records_them() {
        let hex = |uid, gid| {
            record(uid, gid).map(|record| record.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
        };
        assert_eq!(hex(0, 0), None);
        assert_eq!(hex(0, 42).as_deref(), Some("08ffffffff0f102a"));
        assert_eq!(hex(1000, 1000).as_deref(), Some("08e80710e807"));
        assert_eq!(hex(2_000_000_000, 2_000_000_001).as_deref(), Some("0880a8d6b9071081a8d6b907"));
    }
}
