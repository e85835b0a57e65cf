//! Go's `path.Join`, which is how platforms are put together for people: a part that is `..` eats
//! the one before it, and what the peers print is what is printed here.

use crate::prelude::*;

/// Joins the parts that are not empty with `/` and cleans the result.
pub(super) fn join(parts: [&str; 3]) -> String {
    let joined = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/");
    if joined.is_empty() { joined } else { clean(&joined) }
}

fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut kept: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if kept.last().is_some_and(|&last| last != "..") => drop(kept.pop()),
            ".." if rooted => {}
            part => kept.push(part),
        }
    }
    match (rooted, kept.join("/")) {
        (true, path) => format!("/{path}"),
        (false, path) if path.is_empty() => ".".to_owned(),
        (false, path) => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_are_resolved_as_in_a_path() {
        assert_eq!(join(["linux", "..", ""]), ".");
        assert_eq!(join(["linux", "", "v8"]), "linux/v8");
        assert_eq!(join(["..", "..", "a/./b"]), "../../a/b");
        assert_eq!(join(["/", "..", "x"]), "/x");
        assert_eq!(join(["", "", ""]), "");
    }
}
