//! Which tags of a repository are meant.

use regex_lite::Regex;
use semver::{Version, VersionReq};

use super::ListError;

/// Which tags of a repository are meant.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Tags {
    /// Every one there is.
    All,
    /// These tags and digests, whether they are there or not.
    Named(Vec<String>),
    /// Those in which a pattern is found.
    Matching(Pattern),
    /// Those that are versions within a range.
    Versions(Range),
}

/// A regular expression.
#[derive(Debug, Clone)]
pub struct Pattern(Regex);

/// Ranges of versions, one of which has to fit.
#[derive(Debug, Clone)]
pub struct Range(Vec<VersionReq>);

impl Tags {
    pub(super) fn matching(text: &str, key: &str) -> Result<Tags, ListError> {
        let wanted = "a regular expression";
        let wrong =
            |error| ListError::Entry { key: key.to_owned(), wanted, found: format!("`{text}` ({error})") };
        Ok(Tags::Matching(Pattern(Regex::new(text).map_err(wrong)?)))
    }

    pub(super) fn versions(text: &str, key: &str) -> Result<Tags, ListError> {
        let wanted = "a range of versions";
        let wrong =
            |error| ListError::Entry { key: key.to_owned(), wanted, found: format!("`{text}` ({error})") };
        let ranges = text.split("||").map(|range| VersionReq::parse(&comparators(range)).map_err(wrong));
        Ok(Tags::Versions(Range(ranges.collect::<Result<_, _>>()?)))
    }

    /// Whether the repository has to be asked for its tags.
    pub fn needs_all(&self) -> bool {
        !matches!(self, Tags::Named(_))
    }

    /// Those that are meant among all tags of the repository, in their order.
    pub fn among(&self, all: &[String]) -> Vec<String> {
        let fits = |tag: &&String| match self {
            Tags::All | Tags::Named(_) => true,
            Tags::Matching(Pattern(pattern)) => pattern.is_match(tag),
            Tags::Versions(Range(ranges)) => {
                version(tag).is_some_and(|version| ranges.iter().any(|range| range.matches(&version)))
            }
        };
        match self {
            Tags::Named(named) => named.clone(),
            _ => all.iter().filter(fits).cloned().collect(),
        }
    }
}

/// A range as the library wants it: commas between comparators, and `=` where nothing is said.
fn comparators(range: &str) -> String {
    let mut comparators: Vec<String> = Vec::new();
    for word in range.split([',', ' ', '\t']).filter(|word| !word.is_empty()) {
        match comparators.last_mut() {
            // An operator that stands by itself.
            Some(last) if last.ends_with(['<', '>', '=', '~', '^']) => last.push_str(word),
            _ => comparators.push(word.to_owned()),
        }
    }
    for comparator in &mut comparators {
        let digits = comparator.trim_start_matches(['<', '>', '=', '~', '^']);
        let operator = &comparator[..comparator.len() - digits.len()];
        let operator = if operator.is_empty() && !digits.starts_with('*') { "=" } else { operator };
        *comparator = format!("{operator}{}", digits.strip_prefix('v').unwrap_or(digits));
    }
    comparators.join(", ")
}

/// The version that a tag is: `v1`, `1.2` and `1.2.3-rc1` are.
fn version(tag: &str) -> Option<Version> {
    let text = tag.strip_prefix('v').unwrap_or(tag);
    let end = text.find(['-', '+']).unwrap_or(text.len());
    let (numbers, rest) = text.split_at(end);
    let missing = 3_usize.checked_sub(numbers.split('.').count())?;
    Version::parse(&format!("{numbers}{}{rest}", ".0".repeat(missing))).ok()
}
