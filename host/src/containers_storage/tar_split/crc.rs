//! CRC-64 as ISO 3309 has it, and Go's `crc64.ISO`.

/// The polynomial, lowest power first.
const POLYNOMIAL: u64 = 0xd800_0000_0000_0000;

/// Eight bytes are taken at once: the table for each is that of the one before, a byte on.
const TABLES: [[u64; 256]; 8] = tables();

const fn tables() -> [[u64; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u64;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ POLYNOMIAL } else { crc >> 1 };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    byte = 0;
    while byte < 256 {
        let mut crc = tables[0][byte];
        let mut table = 1;
        while table < 8 {
            crc = tables[0][(crc & 0xff) as usize] ^ (crc >> 8);
            tables[table][byte] = crc;
            table += 1;
        }
        byte += 1;
    }
    tables
}

/// The checksum of bytes that come piece by piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Crc(u64);

impl Crc {
    pub(super) fn new() -> Crc {
        Crc(!0)
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        let mut crc = self.0;
        let (chunks, rest) = bytes.as_chunks::<8>();
        for chunk in chunks {
            let word = (crc ^ u64::from_le_bytes(*chunk)).to_le_bytes();
            crc = 0;
            for (place, byte) in word.into_iter().enumerate() {
                crc ^= TABLES[7 - place][usize::from(byte)];
            }
        }
        for byte in rest {
            crc = TABLES[0][usize::from(crc as u8 ^ byte)] ^ (crc >> 8);
        }
        self.0 = crc;
    }

    pub(super) fn finish(self) -> u64 {
        !self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_the_catalogue_of_crcs_comes_out_however_it_is_cut() {
        for cut in 0..=9 {
            let mut crc = Crc::new();
            crc.update(&b"123456789"[..cut]);
            crc.update(&b"123456789"[cut..]);
            // CRC-64/GO-ISO.
            assert_eq!(crc.finish(), 0xb909_56c7_75a4_1001, "{cut}");
        }
    }
}
