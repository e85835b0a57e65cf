//! Which Windows build runs which.

/// The first build since which containers of an older one run on a newer (Windows Server 2022). Before it the
/// builds have to be the same.
const STABLE_ABI: u16 = 20348;

/// The feature that Nano Server lacks and nothing is refused for.
pub(super) const WIN32K: &str = "win32k";

/// Major version, minor version and build; all zero where a version says nothing usable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Version {
    major: u8,
    minor: u8,
    build: u16,
}

impl Version {
    /// Reads the first three of at least three numbers; what follows the third is ignored.
    pub fn new(text: &str) -> Version {
        let mut parts = text.split('.');
        let (Some(major), Some(minor), Some(build)) = (parts.next(), parts.next(), parts.next()) else {
            return Version::default();
        };
        match (number(major), number(minor), number(build)) {
            (Some(major), Some(minor), Some(build)) => Version { major, minor, build },
            _ => Version::default(),
        }
    }

    /// Whether an image for `image` runs on this host. A version left out on either side fits everything.
    pub fn runs(self, image: &str) -> bool {
        if self == Version::default() || image.is_empty() {
            return true;
        }
        let image = Version::new(image);
        if (self.major, self.minor) != (image.major, image.minor) {
            return false;
        }
        if self.build < STABLE_ABI {
            return self.build == image.build;
        }
        (STABLE_ABI..=self.build).contains(&image.build)
    }
}

/// Digits only, as Go's `strconv.ParseUint`: Rust would take a `+` in front.
fn number<N: core::str::FromStr>(text: &str) -> Option<N> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn before_server_2022_the_build_has_to_be_the_same() {
        assert!(Version::new("10.0.17763").runs("10.0.17763.1234"));
        assert!(!Version::new("10.0.17763").runs("10.0.17764"));
        assert!(!Version::new("10.0.17763").runs("bogus"));
    }

    #[test]
    fn since_server_2022_older_builds_down_to_it_run() {
        assert!(Version::new("10.0.26100").runs("10.0.20348"));
        assert!(!Version::new("10.0.26100").runs("10.0.20347"));
        assert!(!Version::new("10.0.26100").runs("10.0.26101"));
        assert!(!Version::new("10.0.26100").runs("11.0.20348"));
    }

    #[test]
    fn an_unusable_host_version_runs_everything() {
        for host in ["", "10.0", "10.0.x", "300.0.20348", "10.0.+1", "0.0.0"] {
            assert!(Version::new(host).runs("10.0.1"), "{host}");
        }
    }
}
