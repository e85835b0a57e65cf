//! Platforms as strings.

use super::{Platform, path};
use crate::prelude::*;
use crate::sort::stable_sort;

/// `os/architecture/variant`, absent parts left out; `unknown` without an operating system.
pub fn format(platform: &Platform) -> String {
    if platform.os.is_empty() {
        return "unknown".to_owned();
    }
    path::join([&platform.os, &platform.architecture, variant(platform)])
}

/// As [`format()`], with the operating system's version and features (ascending, each
/// once) in parentheses.
pub fn format_all(platform: &Platform) -> String {
    if platform.os.is_empty() {
        return "unknown".to_owned();
    }
    let mut options = String::new();
    push_option(&mut options, platform.os_version.as_deref().unwrap_or_default());
    let mut features: Vec<&str> = platform.os_features.iter().map(String::as_str).collect();
    stable_sort(&mut features, |a, b| a < b);
    features.dedup();
    for feature in features.into_iter().filter(|feature| !feature.is_empty()) {
        options.push('+');
        push_option(&mut options, feature);
    }
    if options.is_empty() {
        return format(platform);
    }
    path::join([&format!("{}({options})", platform.os), &platform.architecture, variant(platform)])
}

fn variant(platform: &Platform) -> &str {
    platform.variant.as_deref().unwrap_or_default()
}

/// Escapes what would end a version or a feature.
fn push_option(options: &mut String, text: &str) {
    for char in text.chars() {
        match char {
            '%' => options.push_str("%25"),
            '+' => options.push_str("%2B"),
            '(' => options.push_str("%28"),
            ')' => options.push_str("%29"),
            '/' => options.push_str("%2F"),
            char => options.push(char),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    fn platform(version: &str, features: &[&str]) -> Platform {
        Platform {
            os: "windows".into(),
            architecture: "arm64".into(),
            variant: Some("v9".into()),
            os_version: Some(version.to_owned()).filter(|version| !version.is_empty()),
            os_features: features.iter().map(|&feature| feature.to_owned()).collect(),
        }
    }

    #[test]
    fn what_is_written_in_full_is_read_back() {
        for (version, features) in
            [("", vec![]), ("10.0", vec!["a", "b"]), ("", vec!["x"]), ("1+2(3)/%", vec!["%2F", "+"])]
        {
            let platform = platform(version, &features);
            assert_eq!(parse(&format_all(&platform), &platform), Ok(platform));
        }
    }

    #[test]
    fn features_are_written_in_order_and_once() {
        assert_eq!(format_all(&platform("1", &["b", "a", "", "b"])), "windows(1+a+b)/arm64/v9");
        assert_eq!(format_all(&platform("", &[""])), "windows/arm64/v9");
        assert_eq!(format(&platform("1", &["b"])), "windows/arm64/v9");
    }
}
