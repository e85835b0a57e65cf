//! `consign find`: files of an image by name, kind and size.

use anyhow::Result;

use consign::layer::entry::Kind;
use consign::layer::glob::Glob;
use consign::layer::tree::Node;

use super::args::{Find, Type};
use super::entry::Shown;
use super::failure::Failure;
use super::listing::{self, Listing, whole};
use super::session::Session;

pub fn run(session: &Session, arguments: &Find) -> Result<()> {
    let globs = arguments.globs.iter().map(|text| Glob::parse(text)).collect::<Result<Vec<_>, _>>();
    let globs = globs.map_err(|error| Failure::usage(error.to_string()))?;
    let size = arguments.size.as_deref().map(Bound::parse).transpose()?;
    listing::of(session, &arguments.image, &arguments.listed, |view| {
        let wanted = |node: &Node| -> Result<bool> {
            if !globs.is_empty() && !globs.iter().any(|glob| glob.matches(&node.path)) {
                return Ok(false);
            }
            if arguments.kinds.is_empty() && size.is_none() {
                return Ok(true);
            }
            let shown = view.shown(node.clone())?;
            let kind = arguments.kinds.is_empty() || arguments.kinds.iter().any(|kind| is(&shown, *kind));
            Ok(kind && size.is_none_or(|bound| shown.size().is_some_and(|size| bound.holds(size))))
        };
        let named = |node: Result<Node>| match node.and_then(|node| Ok((wanted(&node)?, node))) {
            Ok((true, node)) => Some(Ok((whole(&node), node))),
            Ok((false, _)) => None,
            Err(error) => Some(Err(error)),
        };
        let nodes = || Ok(Box::new(view.below(b"")?.filter_map(named)) as _);
        listing::show(view, &arguments.listed, &[Listing { header: None, nodes: Box::new(nodes) }])
    })
}

fn is(shown: &Shown, wanted: Type) -> bool {
    match wanted {
        Type::File => shown.kind() == Kind::File,
        Type::Directory => shown.kind() == Kind::Directory,
        Type::Symlink => shown.kind() == Kind::Symlink,
        Type::CharDevice => shown.kind() == Kind::CharDevice,
        Type::BlockDevice => shown.kind() == Kind::BlockDevice,
        Type::Fifo => shown.kind() == Kind::Fifo,
        Type::HardLink => shown.is_hard_link(),
    }
}

/// How large a file may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bound {
    Exactly(u64),
    Over(u64),
    Under(u64),
}

impl Bound {
    fn parse(text: &str) -> Result<Bound> {
        let wrong = || {
            Failure::usage(format!("not a size: `{text}`"))
                .hint("write bytes, with k, M or G for powers of 1024: 4096, +10M, -1k")
        };
        let (bound, number): (fn(u64) -> Bound, _) = match text.as_bytes().first() {
            Some(b'+') => (Bound::Over, &text[1..]),
            Some(b'-') => (Bound::Under, &text[1..]),
            _ => (Bound::Exactly, text),
        };
        let digits = number.trim_end_matches(|char: char| !char.is_ascii_digit());
        let factor = match &number[digits.len()..] {
            "" | "c" => 1,
            "k" | "K" => 1 << 10,
            "M" => 1 << 20,
            "G" => 1u64 << 30,
            _ => return Err(wrong().into()),
        };
        let number: u64 = digits.parse().map_err(|_| wrong())?;
        Ok(bound(number.checked_mul(factor).ok_or_else(wrong)?))
    }

    fn holds(self, size: u64) -> bool {
        match self {
            Bound::Exactly(wanted) => size == wanted,
            Bound::Over(least) => size > least,
            Bound::Under(most) => size < most,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_more_less_or_exactly() {
        let parse = |text: &str| Bound::parse(text).unwrap();
        assert_eq!(parse("+10M"), Bound::Over(10 << 20));
        assert_eq!(parse("-1k"), Bound::Under(1024));
        assert_eq!(parse("4096"), Bound::Exactly(4096));
        assert!(parse("+0").holds(1) && !parse("+0").holds(0));
        for wrong in ["", "+", "M", "1x", "1 k", "99999999999999999999", "18446744073709551615G", "é"] {
            assert!(Bound::parse(wrong).is_err(), "{wrong}");
        }
    }
}
