//! Paths as tars have them, by their components.

/// The components of a path that say anything: not the empty ones, and not `.`. `..` is one like any other here.
pub fn components(path: &[u8]) -> Components<'_> {
    Components { rest: path }
}

/// See [`components`].
#[derive(Debug, Clone)]
pub struct Components<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Components<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        while !self.rest.is_empty() {
            let end = self.rest.iter().position(|byte| *byte == b'/').unwrap_or(self.rest.len());
            let component = &self.rest[..end];
            self.rest = self.rest.get(end + 1..).unwrap_or_default();
            if !component.is_empty() && component != b"." {
                return Some(component);
            }
        }
        None
    }
}
