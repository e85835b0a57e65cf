//! Layers by hand.

/// A layer's tar, written entry by entry.
#[derive(Default, Clone)]
pub struct Layer(Vec<u8>);

/// What is said of an entry beside its path, kind and link.
#[derive(Clone, Copy)]
pub struct Said {
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub time: u64,
    pub device: (u32, u32),
}

impl Default for Said {
    fn default() -> Self {
        Said { mode: 0o644, uid: 0, gid: 0, time: 1_000_000_000, device: (0, 0) }
    }
}

impl Layer {
    pub fn new() -> Layer {
        Layer::default()
    }

    pub fn file(self, path: &str, bytes: &str) -> Layer {
        self.entry(path, b'0', "", Said::default(), bytes.as_bytes())
    }

    pub fn directory(self, path: &str) -> Layer {
        self.entry(path, b'5', "", Said { mode: 0o755, ..Said::default() }, b"")
    }

    pub fn symlink(self, path: &str, target: &str) -> Layer {
        self.entry(path, b'2', target, Said { mode: 0o777, ..Said::default() }, b"")
    }

    pub fn hard_link(self, path: &str, target: &str) -> Layer {
        self.entry(path, b'1', target, Said::default(), b"")
    }

    pub fn whiteout(self, path: &str) -> Layer {
        self.entry(path, b'0', "", Said { mode: 0, ..Said::default() }, b"")
    }

    pub fn entry(self, path: &str, kind: u8, link: &str, said: Said, bytes: &[u8]) -> Layer {
        self.named(path.as_bytes(), kind, link.as_bytes(), said, bytes)
    }

    /// With a path and a link of any bytes, in GNU's headers where they are long.
    pub fn named(mut self, path: &[u8], kind: u8, link: &[u8], said: Said, bytes: &[u8]) -> Layer {
        for (letter, name) in [(b'L', path), (b'K', link)] {
            if name.len() > 100 {
                self.block(b"././@LongLink", letter, b"", Said::default(), name.len() as u64);
                self.bytes(name);
            }
        }
        self.block(
            &path[..path.len().min(100)],
            kind,
            &link[..link.len().min(100)],
            said,
            bytes.len() as u64,
        );
        self.bytes(bytes);
        self
    }

    /// A pax header for the entry that follows.
    pub fn pax(mut self, records: &[(&str, &[u8])]) -> Layer {
        let mut all = Vec::new();
        for (key, value) in records {
            let body = [format!(" {key}=").as_bytes(), value, b"\n"].concat();
            let length =
                (1..).find(|length: &usize| length.to_string().len() + body.len() == *length).unwrap();
            all.extend_from_slice(length.to_string().as_bytes());
            all.extend_from_slice(&body);
        }
        self.block(b"pax", b'x', b"", Said::default(), all.len() as u64);
        self.bytes(&all);
        self
    }

    /// A header as it is, with what follows it.
    pub fn raw(mut self, path: &str, kind: u8, size: u64, bytes: &[u8]) -> Layer {
        self.block(path.as_bytes(), kind, b"", Said::default(), size);
        self.bytes(bytes);
        self
    }

    pub fn end(mut self) -> Vec<u8> {
        self.0.resize(self.0.len() + 1024, 0);
        self.0
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
    }

    fn block(&mut self, path: &[u8], kind: u8, link: &[u8], said: Said, size: u64) {
        let mut block = [0u8; 512];
        let octal = |number: u64, width: usize| format!("{number:0width$o}\0").into_bytes();
        let mut set = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
        set(0, path);
        set(100, &octal(said.mode.into(), 7));
        set(108, &octal(said.uid.into(), 7));
        set(116, &octal(said.gid.into(), 7));
        set(124, &octal(size, 11));
        set(136, &octal(said.time, 11));
        set(156, &[kind]);
        set(157, link);
        set(257, b"ustar\x0000");
        set(329, &octal(said.device.0.into(), 7));
        set(337, &octal(said.device.1.into(), 7));
        set(148, b"        ");
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        self.0.extend_from_slice(&block);
    }
}
