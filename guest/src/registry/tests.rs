use super::*;
use crate::wit::exports::consign::image::registries::Url;

fn offered(header: &str) -> Vec<(String, Vec<(String, String)>)> {
    let all = challenges(&[header.to_owned()]);
    all.into_iter().map(|challenge| (challenge.scheme, challenge.parameters)).collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn challenges_are_told_apart() {
    let bearer = "Bearer realm=\"https://auth.io/token\",service=\"r.io\",scope=\"repository:a/b:pull,push\"";
    let read = pairs(&[
        ("realm", "https://auth.io/token"),
        ("service", "r.io"),
        ("scope", "repository:a/b:pull,push"),
    ]);
    assert_eq!(offered(bearer), [("bearer".to_owned(), read.clone())]);
    let both = format!("Basic realm=x, {bearer}");
    assert_eq!(offered(&both), [("basic".to_owned(), pairs(&[("realm", "x")])), ("bearer".to_owned(), read)]);
    assert_eq!(
        offered("Negotiate abc==, NTLM, Digest realm = \"a \\\"b\\\" c\" , qop=auth"),
        [
            ("negotiate".to_owned(), vec![]),
            ("ntlm".to_owned(), vec![]),
            ("digest".to_owned(), pairs(&[("realm", "a \"b\" c"), ("qop", "auth")])),
        ]
    );
    assert_eq!(offered("BASIC REALM=a, realm=b"), [("basic".to_owned(), pairs(&[("realm", "a")]))]);
}

#[test]
fn what_is_no_challenge_is_left_out() {
    for header in ["", ",,, ", "\"", "=", "Bearer\u{7}realm=x"] {
        assert_eq!(offered(header), [], "{header:?}");
    }
    assert_eq!(offered("Bearer realm=\"unclosed"), [("bearer".to_owned(), vec![])]);
    let many = "Basic realm=x, ".repeat(10_000);
    assert_eq!(challenges(&[many]).len(), 16);
    let long: String = (0..100).map(|at| format!("p{at}=1,")).collect();
    assert_eq!(offered(&format!("Basic {long}"))[0].1.len(), 32);
}

fn located(base: &str, reference: &str) -> Option<String> {
    locate(base, reference).map(|Url { scheme, host, port, target }| {
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        format!("{scheme}://{host}{port}{target}")
    })
}

#[test]
fn references_lead_where_rfc_3986_says() {
    let base = "https://R.io:5000/v2/a/b/blobs/uploads/?x=1";
    for (reference, wanted) in [
        ("/v2/c?d=e#f", "https://r.io:5000/v2/c?d=e"),
        ("?state=1", "https://r.io:5000/v2/a/b/blobs/uploads/?state=1"),
        ("uuid", "https://r.io:5000/v2/a/b/blobs/uploads/uuid"),
        ("../../up", "https://r.io:5000/v2/a/b/up"),
        ("//other.io/x", "https://other.io/x"),
        ("http://Other.io", "http://other.io/"),
        ("HTTPS://o.io:443?q=1", "https://o.io:443/?q=1"),
        ("https://o.io/a/../../b/./c", "https://o.io/b/c"),
        ("http://[::1]:5/x", "http://[::1]:5/x"),
        ("a:b", ""),
        ("", "https://r.io:5000/v2/a/b/blobs/uploads/?x=1"),
    ] {
        assert_eq!(located(base, reference).unwrap_or_default(), wanted, "{reference}");
    }
}

#[test]
fn what_is_no_place_to_go_is_none() {
    let long = format!("https://o.io/{}", "a".repeat(9000));
    for reference in [
        "ftp://o.io/x",
        "file:///etc/passwd",
        "https://user:secret@o.io/",
        "https:///x",
        "https://o.io:0/",
        "https://o.io:99999/",
        "https://o.io:+5/",
        "https://[::1/x",
        "https://[v1.x]/",
        "https://o.io/a b",
        "https://o.io/\r\nHost: x",
        "https://ö.io/",
        long.as_str(),
    ] {
        assert_eq!(located("https://r.io/v2/", reference), None, "{reference}");
    }
    assert_eq!(located("not a url", "/x"), None);
}

#[test]
fn the_next_page_is_the_link_called_next() {
    let next = |links: &[&str]| {
        let links: Vec<String> = links.iter().map(|link| (*link).to_owned()).collect();
        next_page("https://r.io/v2/a/tags/list", &links).map(|url| url.target)
    };
    assert_eq!(next(&["</v2/a/tags/list?last=b&n=2>; rel=\"next\""]).unwrap(), "/v2/a/tags/list?last=b&n=2");
    assert_eq!(
        next(&["<?n=1>; rel=prev, <?n=2>;title=\"a, b\" ; REL = \"x next\""]).unwrap(),
        "/v2/a/tags/list?n=2"
    );
    assert_eq!(next(&["<a>; rel=prev", "<b>; rel=next"]).unwrap(), "/v2/a/tags/b");
    for none in ["", "<a>", "<a", "<a>; rel=\"prev\"", "</x>; ref=next"] {
        assert_eq!(next(&[none]), None, "{none}");
    }
    let many = "<a>; rel=x, ".repeat(100);
    assert_eq!(next(&[&many, "<b>; rel=next"]), None);
}

#[test]
fn ranges_are_read_strictly() {
    let read = |text: &str| read_range(text).map(|span| (span.first, span.last, span.size));
    assert_eq!(read("bytes 0-9/100"), Some((0, 9, Some(100))));
    assert_eq!(read("bytes 5-5/*"), Some((5, 5, None)));
    assert_eq!(read(" 0-1023 "), Some((0, 1023, None)));
    assert_eq!(read("bytes=0-9"), Some((0, 9, None)));
    for none in
        ["", "bytes */10", "bytes 9-0/100", "bytes 0-100/100", "0-", "-5", "+0-9", "0-9223372036854775808"]
    {
        assert_eq!(read(none), None, "{none}");
    }
}

#[test]
fn tokens_are_read_as_both_servers_write_them() {
    let token = read_token(br#"{"access_token":"a","expires_in":300,"issued_at":"now","scope":""}"#).unwrap();
    assert_eq!((token.token.as_str(), token.expires_in, token.refresh_token), ("a", 300, None));
    let token = read_token(br#"{"token":"t","access_token":"a","refresh_token":"r"}"#).unwrap();
    assert_eq!(
        (token.token.as_str(), token.expires_in, token.refresh_token.as_deref()),
        ("t", 60, Some("r"))
    );
    assert_eq!(read_token(br#"{"token":"t","expires_in":-5}"#).unwrap().expires_in, 60);
    for (bytes, wanted) in [
        (&b"{}"[..], "wanted the member `token`, found none"),
        (br#"{"token":""}"#, "wanted the member `token`, found none"),
        (br#"{"token":"secret\r\nX: y"}"#, "`token`: wanted visible ASCII, found something else"),
        (br#"{"token":"a","token":"b"}"#, "`token` is there twice"),
        (b"<html>", "wanted a value"),
    ] {
        let error = read_token(bytes).unwrap_err();
        assert!(error.reason.starts_with(wanted) || error.reason.contains(wanted), "{}", error.reason);
        assert!(!error.reason.contains("secret"), "{}", error.reason);
    }
}

#[test]
fn tags_that_are_none_are_counted() {
    let page = read_tags(br#"{"name":"x","tags":["1","v1.2",null,"../etc","a b",""]}"#).unwrap();
    assert_eq!((page.tags, page.malformed), (vec!["1".to_owned(), "v1.2".to_owned()], 4));
    assert_eq!(read_tags(br#"{"name":"x","tags":null}"#).unwrap().tags, Vec::<String>::new());
    assert_eq!(read_tags(b"{}").unwrap().tags, Vec::<String>::new());
    assert!(read_tags(b"[]").is_err());
    let many = format!("{{\"tags\":[{}\"x\"]}}", "\"x\",".repeat(100_000));
    assert!(read_tags(many.as_bytes()).unwrap_err().reason.contains("100000 tags"));
}

#[test]
fn refusals_are_read_as_far_as_they_go() {
    let told = |bytes: &[u8]| -> Vec<(String, String)> {
        read_problems(bytes).into_iter().map(|problem| (problem.code, problem.message)).collect()
    };
    assert_eq!(
        told(br#"{"errors":[{"code":"DENIED","message":"no\u001b[1m","detail":{}},{"code":7}]}"#),
        pairs(&[("DENIED", "no\\u{1b}[1m")])
    );
    assert_eq!(told(b"<html>502</html>"), []);
    let many = format!("{{\"errors\":[{}{{}}]}}", "{\"code\":\"A\"},".repeat(20));
    assert_eq!(told(many.as_bytes()).len(), 8);
    let long = format!("{{\"errors\":[{{\"message\":\"{}\"}}]}}", "m".repeat(5000));
    assert!(told(long.as_bytes())[0].1.len() <= 300);
}

#[test]
fn dates_are_read_in_the_three_forms_of_http() {
    for (text, wanted) in [
        ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
        ("Sunday, 06-Nov-94 08:49:37 GMT", Some(784_111_777)),
        ("Sun Nov  6 08:49:37 1994", Some(784_111_777)),
        ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
        ("Tue, 29 Feb 2000 23:59:60 GMT", Some(951_868_800)),
        ("Sun, 22 Nov 2026 03:24:00 GMT", Some(1_795_317_840)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", Some(253_402_300_799)),
        ("Wednesday, 01-Jan-20 00:00:00 GMT", Some(1_577_836_800)),
        ("Wed, 31 Dec 1969 23:59:59 GMT", None),
        ("Mon, 29 Feb 2100 00:00:00 GMT", None),
        ("Mon, 31 Jun 2026 00:00:00 GMT", None),
        ("Mon, 00 Jun 2026 00:00:00 GMT", None),
        ("Mon, 01 Jun 2026 24:00:00 GMT", None),
        ("Mon, 01 Jun 2026 00:00:00 CET", None),
        ("Mon, 01 jun 2026 00:00:00 GMT", None),
        ("Mon, 01 Jun 0000 00:00:00 GMT", None),
        ("Mon, 01 Jun 99999 00:00:00 GMT", None),
        ("Mon, +1 Jun 2026 00:00:00 GMT", None),
        ("Mon, 01 Jun 2026 00:00 GMT", None),
        ("Mon Jun 111 00:00:00 2026", None),
        ("120", None),
        ("", None),
    ] {
        assert_eq!(read_date(text), wanted, "{text}");
    }
}
