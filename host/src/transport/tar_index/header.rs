//! One tar header block, and the records of a pax header (POSIX.1-2017, pax, "ustar Interchange Format"
//! and "pax Header Block").

/// Tar's unit.
pub(crate) const BLOCK: u64 = 512;

/// The fields of a header block that say what an entry is and where the next one starts.
pub(crate) struct Header {
    pub(crate) kind: u8,
    pub(crate) size: u64,
    pub(crate) link: Vec<u8>,
    name: Vec<u8>,
    prefix: Vec<u8>,
}

impl Header {
    /// Reads a block that is not all zero.
    pub(crate) fn parse(block: &[u8; BLOCK as usize]) -> Result<Header, &'static str> {
        let wanted = number(&block[148..156]).ok_or("its checksum is no number")?;
        // Old tars summed signed characters; readers accept both.
        let (mut unsigned, mut signed) = (0u64, 0i64);
        for (at, byte) in block.iter().enumerate() {
            let byte = if (148..156).contains(&at) { b' ' } else { *byte };
            unsigned += u64::from(byte);
            signed += i64::from(byte as i8);
        }
        if wanted != unsigned && i64::try_from(wanted) != Ok(signed) {
            return Err("its checksum does not match");
        }
        let size = number(&block[124..136]).ok_or("its size is no number")?;
        // GNU's magic is `ustar  `: where POSIX has the prefix it keeps times.
        let posix = &block[257..263] == b"ustar\0";
        let prefix = if posix { until_nul(&block[345..500]).to_vec() } else { Vec::new() };
        Ok(Header {
            kind: block[156],
            size,
            link: until_nul(&block[157..257]).to_vec(),
            name: until_nul(&block[0..100]).to_vec(),
            prefix,
        })
    }

    /// The name this block gives the entry, prefix included.
    pub(crate) fn path(&self) -> Vec<u8> {
        if self.prefix.is_empty() {
            return self.name.clone();
        }
        let mut path = self.prefix.clone();
        path.push(b'/');
        path.extend_from_slice(&self.name);
        path
    }

    /// The name, for people.
    pub(crate) fn name_lossy(&self) -> String {
        String::from_utf8_lossy(&self.path()).into_owned()
    }
}

/// Bytes of content an entry has. Links, devices and directories have none whatever the size field says (POSIX);
/// an old hard link may have some, but nobody writes those any more.
pub(crate) fn content_size(kind: u8, size: u64) -> u64 {
    if (b'1'..=b'6').contains(&kind) { 0 } else { size }
}

/// Everything before the first NUL.
pub(crate) fn until_nul(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// A numeric field: octal digits among spaces and NULs, or GNU's big-endian binary. At most 2^63 - 1.
fn number(field: &[u8]) -> Option<u64> {
    if field[0] & 0x80 != 0 {
        // Bit 6 is the sign; no size is negative.
        if field[0] & 0x40 != 0 {
            return None;
        }
        let mut value = u64::from(field[0] & 0x3f);
        for byte in &field[1..] {
            value = value.checked_mul(256)?.checked_add(u64::from(*byte))?;
        }
        return (value <= i64::MAX as u64).then_some(value);
    }
    let digits = field.split(|byte| *byte == 0).find(|part| !part.is_empty()).unwrap_or_default();
    let text = std::str::from_utf8(digits).ok()?.trim_matches(' ');
    if text.is_empty() {
        return Some(0);
    }
    if !text.bytes().all(|byte| (b'0'..=b'7').contains(&byte)) {
        return None;
    }
    u64::from_str_radix(text, 8).ok()
}

/// What a pax header changes about the entry after it.
#[derive(Default)]
pub(crate) struct Pax {
    pub(crate) path: Option<Vec<u8>>,
    pub(crate) link: Option<Vec<u8>>,
    pub(crate) size: Option<u64>,
    pub(crate) sparse: bool,
}

impl Pax {
    /// Reads the records `length key=value\n`; the last of a key counts.
    pub(crate) fn read(&mut self, mut bytes: &[u8]) -> Result<(), &'static str> {
        const WRONG: &str = "a pax record is malformed";
        while !bytes.is_empty() {
            // Some writers pad with NULs.
            if bytes.iter().all(|byte| *byte == 0) {
                break;
            }
            let space = bytes.iter().take(20).position(|byte| *byte == b' ').ok_or(WRONG)?;
            let length =
                std::str::from_utf8(&bytes[..space]).ok().and_then(|text| text.parse::<usize>().ok());
            let length =
                length.filter(|length| *length > space + 1 && *length <= bytes.len()).ok_or(WRONG)?;
            let (record, rest) = bytes.split_at(length);
            bytes = rest;
            let record = record[space + 1..].strip_suffix(b"\n").ok_or(WRONG)?;
            let equals = record.iter().position(|byte| *byte == b'=').ok_or(WRONG)?;
            let (key, value) = (&record[..equals], &record[equals + 1..]);
            // An empty value takes the record back.
            let given = || (!value.is_empty()).then(|| value.to_vec());
            match key {
                b"path" if value.contains(&0) => return Err(WRONG),
                b"linkpath" if value.contains(&0) => return Err(WRONG),
                b"path" => self.path = given(),
                b"linkpath" => self.link = given(),
                b"size" if value.is_empty() => self.size = None,
                b"size" => {
                    let size = std::str::from_utf8(value).ok().and_then(|text| text.parse::<u64>().ok());
                    let size = size.filter(|size| *size <= i64::MAX as u64);
                    self.size = Some(size.ok_or("a pax size is no number")?);
                }
                key if key.starts_with(b"GNU.sparse.") => self.sparse = true,
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether anything was said that decides where and what entries are.
    pub(crate) fn changes_entries(&self) -> bool {
        self.path.is_some() || self.link.is_some() || self.size.is_some() || self.sparse
    }
}
