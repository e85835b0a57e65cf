#![no_main]

use consign_guest::registry::{
    challenges, locate, next_page, read_date, read_problems, read_range, read_tags, read_token,
};
use consign_guest::wit::exports::consign::image::registries::Url;
use libfuzzer_sys::fuzz_target;

const BASE: &str = "https://r.example.com:5000/v2/a/b/tags/list?n=10";

fn visible(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn text(url: &Url) -> String {
    let port = url.port.map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}{}", url.scheme, url.host, url.target)
}

/// What was read is a URL, and means itself.
fn check(url: &Url) {
    assert!(matches!(url.scheme.as_str(), "http" | "https") && visible(&url.host) && visible(&url.target));
    assert!(url.target.starts_with('/') && !url.host.contains(['@', '/', '?', '#']));
    assert!(!url.host.bytes().any(|byte| byte.is_ascii_uppercase()));
    let path = url.target.split('?').next().unwrap_or_default();
    assert!(path.split('/').all(|part| part != ".." && part != "."), "{path}");
    if text(url).len() <= 8 << 10 {
        let again = locate(&text(url), "").expect("it is a URL");
        assert_eq!(text(&again), text(url));
    }
}

fuzz_target!(|bytes: &[u8]| {
    if let Ok(token) = read_token(bytes) {
        assert!(visible(&token.token) && token.refresh_token.as_deref().is_none_or(visible));
        assert!((60..=86_400).contains(&token.expires_in));
    }
    match read_tags(bytes) {
        Ok(page) => assert!(page.tags.iter().all(|tag| visible(tag) && tag.len() <= 128 && !tag.contains('/'))),
        Err(error) => assert!(error.offset <= bytes.len() as u64),
    }
    let problems = read_problems(bytes);
    assert!(problems.len() <= 8);
    for problem in problems {
        assert!(problem.code.len() <= 100 && problem.message.len() <= 300);
        assert!(!problem.code.chars().chain(problem.message.chars()).any(char::is_control));
    }
    let Ok(header) = std::str::from_utf8(bytes) else { return };
    let offered = challenges(&[header.to_owned(), header.to_owned()]);
    assert!(offered.len() <= 16);
    for challenge in offered {
        assert!(!challenge.scheme.is_empty() && challenge.scheme == challenge.scheme.to_ascii_lowercase());
        assert!(challenge.parameters.len() <= 32);
        for (name, _) in &challenge.parameters {
            assert_eq!(challenge.parameters.iter().filter(|(other, _)| other == name).count(), 1);
        }
    }
    for base in [BASE, header] {
        locate(base, header).iter().for_each(check);
        next_page(base, &[header.to_owned()]).iter().for_each(check);
    }
    if let Some(span) = read_range(header) {
        assert!(span.first <= span.last && span.size.is_none_or(|size| span.last < size));
    }
});
