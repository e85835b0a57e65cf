//! Platforms as strings.

use super::{Platform, path};

/// `os/architecture/variant`, absent parts left out; `unknown` without an operating system.
pub fn format(platform: &Platform) -> String {
    if platform.os.is_empty() {
        return "unknown".to_owned();
    }
    path::join([&platform.os, &platform.architecture, variant(platform)])
}

/// As [`format`], with the operating system's version and features (ascending, each
/// once) in parentheses.
pub fn format_all(platform: &Platform) -> String {
    if platform.os.is_empty() {
        return "unknown".to_owned();
    }
    let mut options = String::new();
    push_option(&mut options, platform.os_version.as_deref().unwrap_or_default());
    let mut features: Vec<&str> = platform.os_features.iter().map(String::as_str).collect();
    features.sort_unstable();
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
