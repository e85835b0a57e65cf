//! Which platforms are accepted, and which of them is preferred.

use super::Platform;
use super::compatible::{Step, compatible};
use super::normal::Normal;
use super::windows::{self, Version};
use crate::prelude::*;
use crate::wit::exports::consign::image::platforms::Matcher;

/// A [`Matcher`] made ready to judge candidates.
#[derive(Debug)]
pub struct Comparer {
    /// A candidate is accepted by the first target that fits.
    targets: Vec<Target>,
    kind: Kind,
    host_os: String,
}

#[derive(Debug, PartialEq, Eq)]
enum Kind {
    /// Earlier targets and steps go first.
    Ordered,
    /// All that fit are alike.
    Any,
    /// Any architecture of the (one) target's operating system.
    OnlyOs,
    /// `Ordered`, and the (one) target's architecture without a variant.
    Fallback,
}

/// Why a candidate is refused: the first of these that differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mismatch {
    /// The operating system.
    Os,
    /// The architecture.
    Architecture,
    /// The operating system's version.
    OsVersion,
    /// The variant.
    Variant,
    /// Features of the operating system are wanted that are not there.
    OsFeatures,
}

/// One platform to be matched, with the architectures that run on it.
#[derive(Debug)]
struct Target {
    os: String,
    architecture: String,
    /// Ascending, each once.
    features: Vec<String>,
    /// On Windows.
    version: Option<Version>,
    /// Best first.
    steps: Vec<Step>,
}

/// A place in the order of preference: target, then step; lower is better.
type Rank = (usize, u64);

/// What [`Comparer`] think of one candidate, for comparing it to others.
#[derive(Debug, Clone, Copy)]
pub struct Preference {
    rank: Option<Rank>,
    /// The rank if the candidate had no features.
    rank_without_features: Option<Rank>,
    /// As many as the candidate lists, duplicates counted.
    features: usize,
    /// Whether the operating system fits; only asked of [`Kind::OnlyOs`].
    os_fits: Option<bool>,
}

impl Comparer {
    /// `host_os` stands in for an operating system left out.
    pub fn new(matcher: &Matcher, host_os: &str) -> Comparer {
        let (kind, targets) = match matcher {
            Matcher::Exact(wanted) => (Kind::Ordered, vec![Target::exact(wanted, host_os)]),
            Matcher::Only(wanted) => (Kind::Ordered, vec![Target::only(wanted, host_os)]),
            Matcher::OnlyStrict(wanted) => (Kind::Ordered, vec![Target::strict(wanted, host_os)]),
            Matcher::Any(wanted) => (Kind::Any, each(wanted, host_os)),
            Matcher::Ordered(wanted) => (Kind::Ordered, each(wanted, host_os)),
            Matcher::OnlyOs(wanted) => (Kind::OnlyOs, vec![Target::strict(wanted, host_os)]),
            Matcher::DockerWithFallback(wanted) => (Kind::Fallback, vec![Target::only(wanted, host_os)]),
        };
        Comparer { targets, kind, host_os: host_os.to_owned() }
    }

    /// Whether the candidate is accepted.
    pub fn accepts(&self, candidate: &Platform) -> bool {
        let normal = Normal::new(candidate, &self.host_os);
        let version = candidate.os_version.as_deref().unwrap_or_default();
        match self.kind {
            Kind::Ordered | Kind::Any => self.rank(&normal, version).is_some(),
            Kind::OnlyOs => self.targets.iter().any(|target| target.os_fits(&normal, version)),
            Kind::Fallback => {
                self.rank(&normal, version).is_some()
                    || candidate.variant.as_deref().unwrap_or_default().is_empty()
                        && self.targets.iter().any(|target| target.is_of(&normal))
            }
        }
    }

    /// What the candidate is refused for; `None` where it is accepted.
    pub fn mismatch(&self, candidate: &Platform) -> Option<Mismatch> {
        if self.accepts(candidate) {
            return None;
        }
        let normal = Normal::new(candidate, &self.host_os);
        let version = candidate.os_version.as_deref().unwrap_or_default();
        // Of several targets the one that comes nearest tells.
        let nearest = self
            .targets
            .iter()
            .map(|target| target.mismatch(&normal, version))
            .max_by_key(|mismatch| *mismatch as u8);
        nearest.or(Some(Mismatch::Os))
    }

    /// What is needed to compare the candidate to others.
    pub fn preference(&self, candidate: &Platform) -> Preference {
        let mut normal = Normal::new(candidate, &self.host_os);
        let version = candidate.os_version.as_deref().unwrap_or_default();
        let os_fits = (self.kind == Kind::OnlyOs)
            .then(|| self.targets.iter().any(|target| target.os_fits(&normal, version)));
        let rank = self.rank(&normal, version);
        normal.features.clear();
        let rank_without_features = self.rank(&normal, version);
        Preference { rank, rank_without_features, features: candidate.os_features.len(), os_fits }
    }

    fn rank(&self, candidate: &Normal, version: &str) -> Option<Rank> {
        let (target, step) = self
            .targets
            .iter()
            .enumerate()
            .find_map(|(index, target)| Some((index, target.rank(candidate, version)?)))?;
        Some(if self.kind == Kind::Any { (0, 0) } else { (target, step) })
    }
}

impl Preference {
    /// Whether this candidate goes before the other. More features are better among candidates that fit
    /// alike; where neither fits, both are compared as if they had no features.
    pub fn goes_before(&self, other: &Preference) -> bool {
        match (self.os_fits, other.os_fits) {
            (Some(true), Some(false)) => return true,
            (Some(false), _) => return false,
            _ => {}
        }
        match (self.rank, other.rank) {
            (Some(mine), Some(others)) if mine == others => self.features > other.features,
            (None, None) if self.features > 0 || other.features > 0 => {
                better(self.rank_without_features, other.rank_without_features)
            }
            (mine, others) => better(mine, others),
        }
    }
}

fn better(mine: Option<Rank>, others: Option<Rank>) -> bool {
    mine.is_some_and(|mine| others.is_none_or(|others| mine < others))
}

fn each(wanted: &[Platform], host_os: &str) -> Vec<Target> {
    wanted.iter().map(|wanted| Target::exact(wanted, host_os)).collect()
}

impl Target {
    /// Only `windows` as such has versions: another spelling of it is normalised too late for that.
    fn exact(wanted: &Platform, host_os: &str) -> Target {
        let target = Target::strict(wanted, host_os);
        Target { version: target.version.filter(|_| wanted.os == "windows"), ..target }
    }

    fn strict(wanted: &Platform, host_os: &str) -> Target {
        let Normal { os, architecture, variant, features } = Normal::new(wanted, host_os);
        let version =
            (os == "windows").then(|| Version::new(wanted.os_version.as_deref().unwrap_or_default()));
        let steps = vec![Step::One { architecture: architecture.clone(), variant }];
        Target { os, architecture, features, version, steps }
    }

    fn only(wanted: &Platform, host_os: &str) -> Target {
        let normal = Normal::new(wanted, host_os);
        let steps = compatible(&normal.architecture, &normal.variant);
        Target { steps, ..Target::strict(wanted, host_os) }
    }

    fn rank(&self, candidate: &Normal, version: &str) -> Option<u64> {
        if self.os != candidate.os || !self.runs(version) || !self.has(&candidate.features) {
            return None;
        }
        let mut before = 0_u64;
        for step in &self.steps {
            if let Some(within) = step.rank(&candidate.architecture, &candidate.variant) {
                return Some(before.saturating_add(within));
            }
            before = before.saturating_add(step.count());
        }
        None
    }

    fn mismatch(&self, candidate: &Normal, version: &str) -> Mismatch {
        if self.os != candidate.os {
            Mismatch::Os
        } else if self.architecture != candidate.architecture
            && !self.steps.iter().any(|step| step.architecture() == candidate.architecture)
        {
            Mismatch::Architecture
        } else if !self.runs(version) {
            Mismatch::OsVersion
        } else if !self
            .steps
            .iter()
            .any(|step| step.rank(&candidate.architecture, &candidate.variant).is_some())
        {
            Mismatch::Variant
        } else {
            Mismatch::OsFeatures
        }
    }

    /// Operating system, version and features; not the architecture.
    fn os_fits(&self, candidate: &Normal, version: &str) -> bool {
        // `OnlyOS` has no exception for `win32k`.
        self.os == candidate.os && self.runs(version) && is_subset(&candidate.features, &self.features)
    }

    /// The same operating system and architecture, whatever else.
    fn is_of(&self, candidate: &Normal) -> bool {
        self.os == candidate.os && self.architecture == candidate.architecture
    }

    fn runs(&self, version: &str) -> bool {
        self.version.is_none_or(|own| own.runs(version))
    }

    fn has(&self, features: &[String]) -> bool {
        let ignored = |feature: &str| self.version.is_some() && feature == windows::WIN32K;
        features
            .iter()
            .filter(|feature| !ignored(feature))
            .all(|feature| self.features.binary_search(feature).is_ok())
    }
}

/// Both ascending.
fn is_subset(few: &[String], many: &[String]) -> bool {
    few.iter().all(|feature| many.binary_search(feature).is_ok())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn platform(text: &str) -> Platform {
        let mut parts = text.split('/').map(str::to_owned);
        Platform {
            os: parts.next().unwrap(),
            architecture: parts.next().unwrap(),
            variant: parts.next(),
            os_version: None,
            os_features: Vec::new(),
        }
    }

    fn only(wanted: &str) -> Comparer {
        Comparer::new(&Matcher::Only(platform(wanted)), "linux")
    }

    #[test]
    fn a_huge_version_costs_no_more_than_a_small_one() {
        let comparer = only("linux/amd64/v9000000000000000000");
        assert!(comparer.accepts(&platform("linux/amd64")));
        assert!(comparer.accepts(&platform("linux/amd64/v2")));
        assert!(comparer.accepts(&platform("linux/386")));
        assert!(!comparer.accepts(&platform("linux/amd64/v02")));
        assert!(!only("linux/arm/v99999999999999999999").accepts(&platform("linux/arm/v5")));
    }

    #[test]
    fn v9_runs_v8_five_minors_on_up_to_the_last() {
        assert!(only("linux/arm64/v9.1").accepts(&platform("linux/arm64/v8.6")));
        assert!(!only("linux/arm64/v9.1").accepts(&platform("linux/arm64/v8.7")));
        assert!(only("linux/arm64/v9.7").accepts(&platform("linux/arm64/v8.9")));
        assert!(!only("linux/arm64/v10").accepts(&platform("linux/arm64/v10")));
    }

    #[test]
    fn a_higher_variant_goes_first_and_thirty_two_bits_last() {
        let comparer = only("linux/arm64/v9");
        let order = ["v9", "v8.5", "v8.1", "v8"].map(|variant| platform(&format!("linux/arm64/{variant}")));
        for pair in order.windows(2) {
            assert!(comparer.preference(&pair[0]).goes_before(&comparer.preference(&pair[1])));
            assert!(!comparer.preference(&pair[1]).goes_before(&comparer.preference(&pair[0])));
        }
        assert!(comparer.preference(&order[3]).goes_before(&comparer.preference(&platform("linux/arm/v7"))));
    }

    #[test]
    fn a_refusal_says_what_differs_first() {
        let comparer = only("linux/amd64");
        let mismatch = |text| comparer.mismatch(&platform(text));
        assert_eq!(mismatch("windows/arm"), Some(Mismatch::Os));
        assert_eq!(mismatch("linux/arm"), Some(Mismatch::Architecture));
        assert_eq!(mismatch("linux/amd64/v3"), Some(Mismatch::Variant));
        assert_eq!(mismatch("linux/386"), None);
        let wants_feature = Platform { os_features: vec!["x".into()], ..platform("linux/amd64") };
        assert_eq!(comparer.mismatch(&wants_feature), Some(Mismatch::OsFeatures));
    }
}
